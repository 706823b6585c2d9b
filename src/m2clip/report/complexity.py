"""Parameters and multiply-adds at full size: the lines of reports/complexity.csv of the rows shown.

What is counted depends on method and options alone, so rows that agree in these share their lines.
"""

import re
from collections.abc import Sequence

from m2clip.report import grid
from m2clip.report.facts import COMPLEXITY
from m2clip.report.grid import Column, Grid
from m2clip.report.results import Results
from m2clip.report.row import Row
from m2clip.runs import parameters

NOTE = (
    "Each choice of method, adapters and decoder is counted once; rows that differ in data, frames or "
    "training alone share its lines."
)
ON_SSV2 = "Rows on SSv2 are counted with the 400 labels of K400 too."
COLUMNS = {
    "row": "Model", "rows": "Rows", "method": "Method", "frames": "Frames",
    "trainable_total": "Trainable parameters", "frozen_total": "Frozen parameters",
    "gmacs_view": "GMACs a view", "gmacs_text": "GMACs of all labels",
}  # fmt: skip
FRAMES = re.compile(r", (?:\d+ frames|data\.frames=\d+)")  # in a label


def table(rows: Sequence[Row], results: Results) -> Grid:
    """A line for each distinct config and number of frames."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(_key(row), []).append(row)
    groups = {group[0].name: group for group in alike.values()}
    lines = [line for line in results.complexity.lines if line.get("row") in groups]
    keys = [key for key in COLUMNS if lines and (key in lines[0] or key == "rows")]
    columns = [Column(key, COLUMNS[key], text=key in ("row", "rows", "method")) for key in keys]
    cells = []
    for line in lines:
        group = groups[line["row"]]
        first = group[0]
        told = {key: f"{int(text):,}" if text.isdigit() else text for key, text in line.items()}
        told |= {"row": FRAMES.sub("", first.label), "rows": ", ".join(row.name for row in group)}
        if first.config and not first.config.options.reads_text:
            told["gmacs_text"] = ""
        cells.append([told[key] for key in keys])
    note = f"{NOTE} {ON_SSV2}" if any(row.dataset == "ssv2" for row in rows) else NOTE
    notes = (note, f"All counts: {COMPLEXITY}.") if lines else ("Not counted yet.",)
    return grid.plain("complexity-table", "Parameters and multiply-adds at full size", columns, cells, notes)


def _key(row: Row) -> str:
    """The same text for rows with the same counts: method and options but rates; unresolved: the name."""
    if row.config is None:
        return row.name
    kept = {key: value for key, value in parameters(row.config.options).items() if not key.endswith("lr")}
    return repr((row.config.method, kept))
