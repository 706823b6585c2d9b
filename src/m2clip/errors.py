"""What goes wrong for a reason the user can mend: one line, exit code 1, no stack trace."""

import difflib
import errno
import sys
from collections.abc import Callable, Iterable

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENAMETOOLONG)
MEMORY = "OutOfMemoryError", "can't allocate memory"  # how torch says it, of a GPU and of the CPU


def printable(text: str) -> str:
    """A text of strangers as one line, in which no character steers a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


class UserError(Exception):
    """Bad input. The message names the file, key or row, what was expected and what to do."""

    def __str__(self) -> str:
        return printable(super().__str__())


def guarded(main: Callable[[], None]) -> None:
    """Run `main`; print as one line what the user can mend, and leave with exit code 1.

    That is a UserError, a disk that is full or may not be written to, and memory that is not enough.
    """
    try:
        main()
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        said = str(error) if isinstance(error, UserError) else _of_machine(error)
        if said is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(1)


def _of_machine(error: Exception) -> str | None:
    """What a machine lacks, in a line; None for any other error."""
    if isinstance(error, OSError) and error.errno in DISK:
        where = f"{printable(str(error.filename))}: " if error.filename else ""
        return f"{where}{error.strerror}; what was done is kept: mend it and run the same command again"
    if isinstance(error, MemoryError) or any(word in f"{type(error).__name__} {error}" for word in MEMORY):
        return (
            "the memory is not enough; raise train.accumulate or lower train.batch in training, lower "
            "evaluate.batch in evaluation, and --batch in `m2clip predict`"
        )
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Say "(did you mean ...?)", with a space before it, where a known word is close to `word`."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
