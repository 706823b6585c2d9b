"""`m2clip compare`: whether runs that were made again gave what is committed."""

import argparse
from typing import Any

EXPLAINED = """
A run has the same bits if its curve, metrics, outcomes and label features are the committed ones. Otherwise
the videos of each set that are right in one of the two runs alone are counted. More of one kind than chance
gives, by McNemar's exact test with Holm's correction over all runs, sets and heads, or a top-1 further away
than --points, is `different` and ends with exit code 1. So do other bits with the same packages on a
processor of the same model, or of the same name where a run recorded no model. The rest is what another
processor may do, which rounds otherwise. The 2 points of --points are a choice: of four rows run on another
processor the largest change was 0.2 (benchmarks/results/processors.csv).
"""


def add(commands: Any) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "compare",
        help="runs made again, against the committed ones",
        description="Compare each run of this folder with the one that git has.",
        epilog=EXPLAINED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--since", metavar="COMMIT", default="HEAD", help="with the runs before; default: HEAD"
    )
    parser.add_argument("--points", metavar="P", type=float, default=2.0, help="of top-1; default: 2")
    parser.add_argument("--profile", metavar="P", help="default: the one that params.yaml names")
    parser.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from m2clip import profiles, runs
    from m2clip.report import rerun

    keys = runs.found(profiles.read(arguments.profile).name)
    found = rerun.compare(keys, arguments.since, arguments.points)
    for line in rerun.lines(found, arguments.since):
        print(line)
    return int(any(one.verdict == rerun.DIFFERENT for one in found))
