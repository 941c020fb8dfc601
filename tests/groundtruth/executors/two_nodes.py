"""A Ray cluster of two nodes on this machine, each with processes of its own."""

import secrets
from collections.abc import Iterator

import pytest

NODE = {"num_cpus": 1, "memory": 2**32, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    """The cluster, with this process connected to it. Nothing is written into the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        # Not before: Ray reads its settings when it is first imported.
        ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'mechinterp-groundtruth[ray]'")
        from ray.cluster_utils import Cluster

        started = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        try:
            started.add_node(**NODE)
            ray.init(address=started.address, log_to_driver=False, configure_logging=False)
            yield started
        finally:
            ray.shutdown()
            started.shutdown()
