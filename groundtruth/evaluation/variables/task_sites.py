"""Sites by any of their names, and as a featurization task has them."""

from groundtruth.errors import GroundTruthError
from groundtruth.truth.variables import Site
from mib.errors import TaskError
from mib.site import Site as TaskSite
from mib.site import Stage


def task_site(site: Site | TaskSite | str) -> TaskSite:
    """A site as a featurization task has it.

    Args:
        site: Itself, or a name of either kind: ``resid_post0`` or ``residual.0.post``, ``a0.h0`` or ``a0.h0.result``.

    Raises:
        GroundTruthError: If it is no site of a task: a name that nothing has, or an embedding.
    """
    if isinstance(site, TaskSite):
        return site
    if isinstance(site, str):
        try:
            return TaskSite.parse(site)
        except TaskError:
            site = Site.parse(site)
    stages: dict[str, Stage] = {"resid_pre": "pre", "resid_mid": "mid", "resid_post": "post"}
    if site.kind in stages:
        return TaskSite.residual(site.layer, stages[site.kind])
    if site.head is not None:
        return TaskSite.at_head(site.layer, site.head, "z" if site.kind == "head_value" else "result")
    if site.kind == "mlp_out":
        return TaskSite.at_mlp(site.layer)
    raise GroundTruthError(f"'{site}' is no site of a task; the same vectors are at 'resid_pre0' with others added.")
