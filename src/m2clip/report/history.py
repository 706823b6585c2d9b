"""When the rule of the claims was fixed, by git: before or after the runs that it judges were made."""

import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

SHORT = 12  # letters of a commit
DIRTY = "-dirty"


def told(file: Path, runs: Iterable[str | None]) -> tuple[str, ...]:
    """When a file changed last, of which commits runs are, and how many had it as it is.

    In a shallow clone git cannot tell when the file changed.

    Args:
        file: such as the one with the rule.
        runs: of each run the commit that it was trained at; with changes on top it ends in `-dirty`.
    """
    shallow = _git("rev-parse", "--is-shallow-repository")
    last = _git("log", "-1", "--format=%H %cs", "--", str(file)) if shallow == "false" else None
    edited = _git("status", "--porcelain", "--", str(file))
    commits = Counter(commit or "unknown" for commit in runs)
    listed = ", ".join(f"{short(commit)} ({count})" for commit, count in commits.most_common())
    made = f"The {commits.total()} runs of these rows were trained at the commits {listed}."
    since = f"When {file.name} was last changed is not known here: git does not tell."
    if last:
        commit, _, day = last.partition(" ")
        on_top = ", and has changes on top that are not committed" if edited else ""
        since = f"{file.name} was last changed in commit {short(commit)} of {day}{on_top}."
        after = sum(count for later, count in commits.items() if _contains(later, commit))
        made += "" if edited else f" By git's history {after} of them were trained with that change in place."
    return (since, made) if commits else (since,)


def content(commit: str, path: Path) -> bytes | None:
    """A file of a commit; None where the commit does not have it, or is none here."""
    command = ["git", "show", f"{commit}:./{path.as_posix()}"]
    shown = subprocess.run(command, capture_output=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def short(commit: str) -> str:
    """`bbc8689a1f5e`, `bbc8689a1f5e with changes`."""
    return commit.removesuffix(DIRTY)[:SHORT] + (" with changes" if commit.endswith(DIRTY) else "")


def _contains(commit: str, older: str) -> bool:
    """Whether a commit has an older one in its history; False where git does not know one of them."""
    return _git("merge-base", "--is-ancestor", older, commit.removesuffix(DIRTY)) is not None


def _git(*arguments: str) -> str | None:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None
