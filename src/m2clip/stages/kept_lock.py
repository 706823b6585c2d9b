"""A copy of a pipeline's lock, since DVC writes a lock anew after every stage, and a kill may cut it.

DVC trains a row again that is not in the lock, so restoring the lock from git would lose rows trained since.
The copy in `.work` has every row that had ended when it was made.
"""

from pathlib import Path

import yaml

from m2clip import paths

KEPT = Path(".work/locks")


def keep(lock: Path) -> None:
    """Copy a lock if it is whole and lacks no row of the copy; half written, it is copied the next time."""
    if not lock.exists():
        return
    text = lock.read_text(encoding="utf-8")
    stages = _stages(text)
    copy = _copy(lock)
    if stages and (not copy.exists() or stages >= _stages(copy.read_text(encoding="utf-8"))):
        with paths.written_anew(copy) as part:
            part.write_text(text, encoding="utf-8")


def remedy(lock: Path) -> str:
    """The command that mends a broken lock."""
    copy = _copy(lock)
    return f"cp {copy} {lock}" if copy.exists() else f"git restore {lock}"


def _copy(lock: Path) -> Path:
    return KEPT / "-".join(lock.parts)


def _stages(text: str) -> set[str]:
    """Names of the stages in a lock; none where it is not whole."""
    try:
        content = yaml.load(text, Loader=yaml.CSafeLoader) if text.endswith("\n") else None
    except yaml.YAMLError:
        return set()
    stages = content.get("stages") if isinstance(content, dict) else None
    return set(stages) if isinstance(stages, dict) else set()
