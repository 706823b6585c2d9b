"""A number as a report shows it, with the files that it was read from: made where a result is read.

Tables, CSV, LaTeX, pages and `m2clip trace` only format it: str() is what one reads, fields() what a CSV has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from m2clip.runs import RunKey

MISSING = "—"
REFERENCE = "reference"
VIEWS = ("frames", "crops", "clips")
MARGIN = 10  # points above chance that a trained row has to be
ONE_SEED, FEWER_SEEDS, NEAR_CHANCE = "†", "‡", "§"
MARKS = {
    ONE_SEED: "one seed",
    FEWER_SEEDS: "fewer seeds than params.yaml asks for",
    NEAR_CHANCE: (
        f"within {MARGIN} points of chance: it has not learned the labels; of a step, one of its rows"
    ),
}


@dataclass(frozen=True)
class Source:
    """A file, the key in it, and the run that wrote it, if one did.

    A key is a path of names joined by dots, `*` for all names at that place; of a CSV `line 2, column`.
    """

    file: Path
    key: str = ""
    run: RunKey | None = None

    def __str__(self) -> str:
        """`experiments/runs/...: supervised.top1`."""
        return f"{self.file}: {self.key}" if self.key else str(self.file)


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number and what it was read from.

    std: standard deviation over seeds or splits. interval: 95 %, low and high. digits: after the point, of a
    float. signed: a difference, shown with its sign. is_reference: the row from which differences are
    counted. marks: characters of MARKS.
    """

    value: float
    std: float | None = None
    interval: tuple[float, float] | None = None
    digits: int = 1
    signed: bool = False
    is_reference: bool = False
    marks: str = ""
    sources: tuple[Source, ...] = ()

    def __str__(self) -> str:
        """`86.4 ± 0.3†`, `+1.0 ± 0.2 [−0.1, +2.1]`, `1,008`."""
        if self.is_reference:
            return REFERENCE
        if isinstance(self.value, int):
            return f"{self.value:,}"
        point = signed(self.value, self.digits) if self.signed else f"{self.value:.{self.digits}f}"
        spread = "" if self.std is None else f" ± {self.std:.{self.digits}f}"
        ends = ", ".join(signed(end, self.digits) for end in self.interval or ())
        return f"{point}{spread}{f' [{ends}]' if ends else ''}{self.marks}"

    def fields(self) -> dict[str, str]:
        """What stands in a CSV, by the ending of its column."""
        if isinstance(self.value, int):
            return {"": str(self.value)}
        low, high = self.interval or (None, None)
        numbers = {"": self.value, "_low": low, "_high": high, "_std": self.std}
        return {ending: "" if number is None else f"{number:.4f}" for ending, number in numbers.items()}

    def marked(self, *marks: str) -> Self:
        """The same with more marks."""
        return replace(self, marks=self.marks + "".join(marks))

    def of(self, sources: Iterable[Source]) -> Self:
        """The same from other sources."""
        return replace(self, sources=tuple(sources))


@dataclass(frozen=True)
class Text:
    """A cell of words, such as a label, a tick or `8 × 1 × 1`, and what it was read from."""

    text: str
    sources: tuple[Source, ...] = ()

    def __str__(self) -> str:
        """The words."""
        return self.text

    def fields(self) -> dict[str, str]:
        """What stands in a CSV: the words."""
        return {"": self.text}


NOT_RUN = Text("not run")  # where a table waits for a run; in a CSV nothing


def frames_crops_clips(counts: Mapping[str, Any]) -> str:
    """`8 × 3 × 4`: the frames, crops and clips by which a video is tested; a dash for what is not known."""
    return " × ".join(str(counts.get(key) or MISSING) for key in VIEWS)


def signed(number: float, digits: int = 1) -> str:
    """`+1.0`, `−1.0`, and `0.0` without a sign."""
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")
