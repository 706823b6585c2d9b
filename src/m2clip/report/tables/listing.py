"""The lines of Tables 1-3 as the paper printed them: every other method, and its own."""

from collections.abc import Collection

from m2clip.report.results import Value
from m2clip.report.tables.columns import published_step
from m2clip.report.tables.formats import Cell
from m2clip.report.tables.published import GROUPS, Line, Published
from m2clip.report.tables.ticks import tick

NUMBERS = ("top1", "top5", "hmdb51", "ucf101")
COUNTS = {"parameters": "tunable_params_m", "gmacs": "gflops_per_view"}
TICKS = {"reads_text": "zero_shot", "tuned_clip": "clip_finetuned"}


def heading(line: Line) -> str:
    """The block that it stands in, marked as the paper's."""
    group = GROUPS.get(line.cells.get("group", ""))
    return f"Published by the paper: {group}" if group else "Published by the paper"


def cells(
    published: Published, line: Line, keys: tuple[str, ...], hidden: Collection[str] = ()
) -> tuple[Cell, ...]:
    """A line under the columns of a table, but for the hidden ones."""
    return tuple(None if key in hidden else _cell(published, line, key) for key in keys)


def _cell(published: Published, line: Line, key: str) -> Cell:
    """What the paper prints; what it leaves empty is missing."""
    if key == "label":
        return label(line)
    if key == "views":
        counts = [line.cells.get(part) or None for part in ("frames", "crops", "clips")]
        return None if counts == [None] * 3 else " × ".join(count or "—" for count in counts)
    if key in NUMBERS:
        number = line.number(key)
        return None if number is None else Value(number, line.number(f"{key}_std"))
    if key in COUNTS:
        count = line.number(COUNTS[key])
        return None if count is None else Value(count, digits=0)
    if key in TICKS:
        text = line.cells.get(TICKS[key], "")
        return tick({"true": True, "false": False}[text]) if text in ("true", "false") else text
    if key == "step":
        return published_step(published, line)
    return line.cells.get(key)


def label(line: Line) -> str:
    """`AIM ViT-B/16 (Yang et al. 2023, ICLR'23)`; a backbone that the name ends in is said once."""
    method, backbone = line.cells["method"], line.cells.get("backbone", "")
    if backbone and not method.endswith(backbone):
        method = f"{method} {backbone}"
    source = line.cells["citation"].replace("this paper", "the paper")
    return f"{method} ({', '.join(text for text in (source, line.cells.get('venue')) if text)})"
