"""What a person runs by hand: `m2clip COMMAND`, or `python -m m2clip.cli COMMAND`.

A command is a module of `commands/` with a function that adds its parser and one that does it and returns the
exit code. What is slow to import is imported there, so that help and mistakes come at once.
"""

import argparse
import os
import sys

from m2clip.commands import compare, demo, doctor, export, predict, schema, trace
from m2clip.errors import guarded


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="m2clip",
        description="M2-CLIP, CLIP adapted to video: what is done with trained runs. To train: dvc repro.",
        epilog="m2clip COMMAND --help says more about a command",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (predict, demo, export, trace, compare, schema, doctor):
        command.add(commands)
    arguments = parser.parse_args()
    guarded(lambda: _do(arguments))


def _do(arguments: argparse.Namespace) -> None:
    try:
        code = arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads our output has seen enough, as in `m2clip ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
