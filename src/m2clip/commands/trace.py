"""`m2clip trace`: where a number comes from."""

import argparse
from typing import Any

EXAMPLES = """examples:
  m2clip trace table4 "TED-Adapter"               every number of a row, by its label or a part of it
  m2clip trace fig4a te-ssv2 --column step        one number, by the row's name
  m2clip trace ted-over-clip                      a claim of experiments/claims.yaml
  m2clip trace main                               the runs of a row
  m2clip trace fig4a-reversed te-ssv2             a figure by the name of its file, or one row of it
"""


def add(commands: Any) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "trace",
        help="where a number comes from",
        description="Print the run, config, commit, data, machine, file and key that a number came from.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = "a table or figure such as table4, a claim of experiments/claims.yaml, or a row"
    parser.add_argument("where", metavar="WHERE", help=where)
    parser.add_argument("row", metavar="ROW", nargs="?", help="a row of the table, by name or label")
    parser.add_argument("--column", metavar="C", help="one column alone, by its key or header")
    parser.add_argument("--profile", metavar="P", help="default: the one that params.yaml names")
    parser.set_defaults(command=_trace)


def _trace(arguments: argparse.Namespace) -> int:
    from m2clip.report import trace
    from m2clip.tracking.store import run_id

    traced = trace.load(arguments.profile, run_id)
    for line in trace.lines(traced, arguments.where, arguments.row, arguments.column):
        print(line)
    return 0
