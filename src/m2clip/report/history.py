"""When the rule of the claims was fixed, by git: before or after the runs that it judges were made."""

import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHORT = 12  # letters of a commit
DIRTY = "-dirty"


@dataclass(frozen=True)
class Changed:
    """The last commit that changed a file, and its day; both None where git does not tell.

    edited: the file is not as that commit has it.
    """

    file: Path
    commit: str | None
    day: str | None
    edited: bool

    def told(self, runs: Iterable[str | None]) -> tuple[str, ...]:
        """When the file changed last, of which commits runs are, and how many had it as it is.

        Args:
            runs: of each run the commit that it was trained at; with changes on top it ends in `-dirty`.
        """
        commits = Counter(commit or "unknown" for commit in runs)
        if self.commit is None:
            since = f"When {self.file.name} was last changed is not known here: git does not tell."
        else:
            edited = ", and has changes on top that are not committed" if self.edited else ""
            since = (
                f"{self.file.name} was last changed in commit {self.commit[:SHORT]} of {self.day}{edited}."
            )
        if not commits:
            return (since,)
        listed = ", ".join(f"{short(commit)} ({count})" for commit, count in commits.most_common())
        made = f"The {commits.total()} runs of these rows were trained at the commits {listed}."
        if self.commit is None or self.edited:
            return (since, made)
        after = sum(count for commit, count in commits.items() if _contains(commit, self.commit))
        return (
            since,
            f"{made} By git's history {after} of them had that change.",
        )


def last_change(file: Path) -> Changed:
    """Ask git; a shallow clone does not know."""
    shallow = _git("rev-parse", "--is-shallow-repository")
    told = _git("log", "-1", "--format=%H %cs", "--", str(file)) if shallow == "false" else None
    commit, _, day = (told or "").partition(" ")
    return Changed(file, commit or None, day or None, bool(_git("status", "--porcelain", "--", str(file))))


def content(commit: str, path: Path) -> bytes | None:
    """A file of a commit; None where the commit does not have it, or is none here."""
    command = ["git", "show", f"{commit}:./{path.as_posix()}"]
    shown = subprocess.run(command, capture_output=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def short(commit: str) -> str:
    """`bbc8689a1f5e`, `bbc8689a1f5e with changes`."""
    return commit.removesuffix(DIRTY)[:SHORT] + (" with changes" if commit.endswith(DIRTY) else "")


def _contains(commit: str, older: str) -> bool:
    """Whether a commit has an older one in its history; no commit that git does not know has."""
    return _git("merge-base", "--is-ancestor", older, commit.removesuffix(DIRTY)) is not None


def _git(*arguments: str) -> str | None:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None
