"""The command that lists the programs of the library."""

from groundtruth.cli.options import AsJson, print_json


def programs(*, family: str | None = None, json: AsJson = False) -> None:
    """List the RASP programs of the library.

    Args:
        family: Only those of one family, such as sorting.
        json: Print JSON, for machines.
    """
    from groundtruth.programs import get, names
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.listings import program_data, programs_table

    found = [get(name) for name in names(family=family)]
    if json:
        print_json([program_data(program) for program in found])
    else:
        echo(programs_table(found))
