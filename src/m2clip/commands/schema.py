"""`m2clip schema`: the JSON schemas by which editors complete params.yaml, rows and profiles."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "schema",
        help="write the JSON schemas of params.yaml, rows and profiles",
        description="Write experiments/schemas/, which the YAML files name in their first line, so that an\n"
        "editor with a YAML language server completes and checks them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_schema)


def _schema(arguments: argparse.Namespace) -> int:
    """Write them; the exit code."""
    from m2clip import schemas

    print("\n".join(str(path) for path in schemas.write()))
    return 0
