"""The figures that a table asks for, drawn from the table's rows; each has its caption and its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.report.figures import (
    alts,
    bars,
    head_curves,
    maps,
    named_maps,
    published_scatter,
    reversed_pairs,
    scatter,
    text_layers,
)
from m2clip.report.figures import (
    old_confusion as confusion,
)
from m2clip.report.figures import (
    old_curves as curves,
)
from m2clip.report.figures import (
    old_gains as gains,
)
from m2clip.report.figures import (
    old_steps as steps,
)
from m2clip.report.figures.old_style import Empty
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context, title

CURVES = (
    "Loss of each head while training, before its weight: thin as logged (one batch), thick a running mean."
)
CONFUSION = "for what the videos of each label are taken; the diagonal is right."
GAINS = "of each label the share of its test videos that is right, under CLIP and after training."
Draw = Callable[[Sequence[Row], Context, Path], str | Empty]
Describe = Callable[[Sequence[Row], Context], str]
KINDS: dict[str, tuple[str, Draw, Describe]] = {  # by the ending of the file's name
    "scatter": ("", scatter.draw, alts.scattered),
    "published_scatter": ("-published", published_scatter.draw, alts.published_scattered),
    "bars": ("", bars.draw, alts.barred),
    "correlation": ("", maps.draw, alts.mapped),
    "named_correlation": ("-names", named_maps.draw, alts.mapped),
    "steps": ("", steps.draw, alts.stepped),
    "text_layers": ("", text_layers.draw, alts.layered),
    "head_curves": ("-heads", head_curves.draw, alts.headed),
    "reversed_pairs": ("-reversed", reversed_pairs.draw, alts.turned),
}
WITH_BARS = {"scatter", "bars", "text_layers"}


@dataclass(frozen=True)
class Figure:
    """A figure by the name of its files and its kind; without a caption nothing could be drawn.

    alt: what it shows, for who does not see it. why: there is none.
    """

    name: str
    kind: str
    caption: str | None
    alt: str = ""
    why: str = ""


def draw(
    name: str, kinds: Sequence[str], rows: Sequence[Row], context: Context, folder: Path
) -> list[Figure]:
    """The figures of a table's rows; the name is the table's, but for those drawn row by row."""
    found: list[Figure] = []
    trained = [row for row in rows if row.trained]
    for kind in kinds:
        if kind == "curves":
            found += _curves(trained, context, folder)
        elif kind == "confusion":
            found += _confusions(trained, context, folder)
        elif kind == "gains":
            found += _gains(rows, context, folder)
        else:
            ending, drawn, told = KINDS[kind]
            caption = drawn(rows, context, folder / f"{name}{ending}")
            if isinstance(caption, Empty):
                found.append(Figure(f"{name}{ending}", kind, None, why=caption.why))
                continue
            over = f" {_over(rows)}" if kind in WITH_BARS else ""
            found.append(Figure(f"{name}{ending}", kind, f"{caption}{over}", told(rows, context)))
    return found


def _over(rows: Sequence[Row]) -> str:
    """What error bars are."""
    if any(row.trained and len(row.measured) > 1 for row in rows):
        return "Error bars: standard deviation over seeds; of one seed and of CLIP 95 % over videos."
    return "Error bars: 95 % interval over the test videos."


def _curves(trained: Sequence[Row], context: Context, folder: Path) -> list[Figure]:
    if not trained:
        return []
    curves.draw(trained, context.names, folder / "curves")
    return [Figure("curves", "curves", CURVES, alts.curved(trained, context))]


def _confusions(trained: Sequence[Row], context: Context, folder: Path) -> list[Figure]:
    found = []
    for row in trained:
        matrix = confusion.counts(row)
        if matrix is None:
            continue
        name, caption = f"confusion-{row.name}", f"{title(row, context)}: {CONFUSION}"
        confusion.draw(matrix, title(row, context), folder / name)
        if len(matrix) > confusion.MOST:
            caption += f" Of {len(matrix)} labels, the {confusion.MOST} recognised least."
        alt = f"{title(row, context)}. {alts.confused(matrix)}"
        found.append(Figure(name, "confusion", caption, alt))
    return found


def _gains(rows: Sequence[Row], context: Context, folder: Path) -> list[Figure]:
    """Of each trained row beside the row of CLIP itself."""
    found = []
    for row in rows:
        clip = gains.of_clip(rows, row) if row.trained else None
        labels = gains.gains(row, clip) if clip else None
        if clip is None or not labels:
            continue
        name, head = f"gains-{row.name}", title(row, context)
        gains.draw(labels, row, clip, head, folder / name)
        caption = f"{head}: {GAINS}"
        if len(labels) > gains.MOST:
            caption += f" Of {len(labels)} labels, {gains.MOST // 2} at each end."
        found.append(Figure(name, "gains", caption, alts.gained(labels, head)))
    return found
