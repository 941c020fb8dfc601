"""Sites by any of their names, and as a featurization task has them."""

from groundtruth.errors import GroundTruthError
from groundtruth.truth.variables.residual_sites import Site
from mib.errors import TaskError
from mib.site import Site as TaskSite


def task_site(site: Site | TaskSite | str) -> TaskSite:
    """A site as a featurization task has it.

    Args:
        site: Itself, or a name in any spelling: ``resid_post0`` or ``residual.0.post``, ``a0.h0`` or ``a0.h0.result``.

    Raises:
        GroundTruthError: If it is no site of a task: a name that nothing has, or an embedding.
    """
    if isinstance(site, TaskSite):
        return site
    if str(site) in ("input", "pos"):
        raise GroundTruthError(
            f"'{site}' is no site of a task; the same vectors are at 'resid_pre0' with others added."
        )
    try:
        return TaskSite.parse(str(site))
    except TaskError as error:
        raise GroundTruthError(str(error)) from None
