"""What several figures put into their data frames: a row's name, its sources and its numbers."""

import math
import re
from typing import Any

import pandas as pd

from m2clip.report import accuracy
from m2clip.report.numbers import Number
from m2clip.report.row import Row


def of(row: Row, *numbers: Number | None) -> dict[str, Any]:
    """Which row a line is of, its evaluated seeds, and the files that its numbers were read from."""
    sources = dict.fromkeys(source for number in numbers if number for source in number.sources)
    return {"row": row.name, "label": row.label, "seeds": len(row.measured), "sources": tuple(sources)}


def each(lines: pd.DataFrame, **of: Any) -> pd.DataFrame:
    """The frame with columns in front whose value is the same in all lines, such as the row's name."""
    return pd.DataFrame({name: [value] * len(lines) for name, value in of.items()}, lines.index).join(lines)


def value(number: Number | None) -> float:
    """The number's value; NaN where there is none."""
    return number.value if number else math.nan


def top1(number: Number | None, row: Row, dataset: str | None, name: str = "top1") -> dict[str, float]:
    """Top-1 on a set as `name`, and where its error bar ends as `name_low` and `name_high`."""
    reach = accuracy.error_bar(row, dataset) if number and dataset else None
    below, above = reach or (math.nan, math.nan)
    middle = value(number)
    return {name: middle, f"{name}_low": middle - below, f"{name}_high": middle + above}


def listed(frame: pd.DataFrame, words: str, by: str = "") -> str:
    """Every line that has all of its numbers in words such as `{label} {top1:.1f} %`, under headings `by`."""
    if by:
        parts = frame.groupby(by, sort=False)
        return " ".join(f"{heading}: {listed(part, words)}" for heading, part in parts)
    there = frame.dropna(subset=re.findall(r"{(\w+)", words)).to_dict("records")
    if not there:
        return "no run yet."
    told = "; ".join(words.format_map(line) for line in there) + "."
    return re.sub(r"(?<!\w)-(?=\d)", "−", told)  # names keep their hyphens
