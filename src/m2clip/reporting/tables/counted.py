"""Parameters and multiply-adds at full size: the lines of reports/complexity.csv of the rows shown."""

from collections.abc import Sequence

from m2clip.reporting.results import Row
from m2clip.reporting.tables.columns import Context
from m2clip.reporting.tables.formats import Listing

TITLE = "Parameters and multiply-adds at full size"
HEADERS = {
    "row": "Row", "method": "Method", "frames": "Frames", "trainable_total": "Trainable parameters",
    "frozen_total": "Frozen parameters", "gmacs_view": "GMACs a view", "gmacs_text": "GMACs of all labels",
}  # fmt: skip


def listing(rows: Sequence[Row], context: Context) -> Listing:
    """A line for each row and number of frames."""
    labels = {row.name: row.label for row in rows}
    lines = [line for line in context.parameters.lines if line.get("row") in labels]
    keys = [key for key in HEADERS if lines and key in lines[0]]
    cells = [[_cell(key, line[key], labels) for key in keys] for line in lines]
    return Listing([HEADERS[key] for key in keys], cells, [key in ("row", "method") for key in keys])


def _cell(key: str, text: str, labels: dict[str, str]) -> str:
    if key == "row":
        return f"{labels[text]} ({text})"
    return f"{int(text):,}" if text.isdigit() else text
