"""The one rule for names of rows, profiles and datasets: they become parts of paths and words of commands."""

import re
import sys

from m2clip.errors import UserError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: str, where: str) -> str:
    """The name.

    Raises:
        UserError: starting with `where`, for anything else than letters, digits, - and _.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"{where}: {name!r} is no name; use up to 64 letters, digits, - and _")
    return name


def arguments(*wanted: str) -> list[str]:
    """The names that a stage is asked for, such as PROFILE DATASET.

    Raises:
        UserError: when there are more or fewer, or one is no name.
    """
    given = sys.argv[1:]
    if len(given) != len(wanted):
        raise UserError(f"expected {' '.join(wanted)}, got {' '.join(given) or 'nothing'}")
    return [check_name(name, what) for what, name in zip(wanted, given, strict=True)]
