"""The figures that a table asks for, drawn from the table's rows; each comes with its caption."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from m2clip.reporting import bars, confusion, curves, maps, scatter, steps, text_layers
from m2clip.reporting.columns import Context, title
from m2clip.reporting.results import Row

CURVES = (
    "Loss of each head while training, before its weight: thin as logged (one batch), thick a running mean."
)
CONFUSION = "for what the videos of each label are taken; the diagonal is right."
Draw = Callable[[Sequence[Row], Context, Path], str | None]
KINDS: dict[str, Draw] = {
    "scatter": scatter.draw,
    "bars": bars.draw,
    "correlation": maps.draw,
    "steps": steps.draw,
    "text_layers": text_layers.draw,
}
WITH_BARS = {"scatter", "bars", "text_layers"}


@dataclass(frozen=True)
class Figure:
    """A figure by the name of its files; without a caption nothing could be drawn yet."""

    name: str
    caption: str | None


def draw(
    name: str, kinds: Sequence[str], rows: Sequence[Row], context: Context, folder: Path
) -> list[Figure]:
    """The figures of a table's rows; the name is the table's, but for curves and confusions."""
    found: list[Figure] = []
    trained = [row for row in rows if row.trained]
    for kind in kinds:
        if kind == "curves":
            found += _curves(trained, context, folder)
        elif kind == "confusion":
            found += _confusions(trained, context, folder)
        else:
            caption = KINDS[kind](rows, context, folder / name)
            over = f" {_over(rows)}" if kind in WITH_BARS else ""
            found.append(Figure(name, None if caption is None else f"{caption}{over}"))
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
    return [Figure("curves", CURVES)]


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
        found.append(Figure(name, caption))
    return found
