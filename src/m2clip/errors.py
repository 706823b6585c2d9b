"""What goes wrong for a reason the user can mend: one line, exit code 1, no stack trace."""

import difflib
import sys
from collections.abc import Callable, Iterable


class UserError(Exception):
    """Bad input. The message names the file, key or row, what was expected and what to do."""


def guarded(main: Callable[[], None]) -> None:
    """Run `main`; print a UserError as one line to stderr and leave with exit code 1."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Say "(did you mean ...?)", with a space before it, where a known word is close to `word`."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
