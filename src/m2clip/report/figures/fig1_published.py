"""Figure 1 from the paper's tables, with nothing measured here."""

import math
from typing import Any

import pandas as pd

from m2clip.report import published
from m2clip.report.columns import UNSEEN
from m2clip.report.figures import fig1
from m2clip.report.figures.fig1 import draw
from m2clip.report.names import DATASETS
from m2clip.report.results import TableRows

TABLE = "fig1"
CAPTION = (
    "Published by the paper, drawn from its Tables 1 and 3: the methods that stand in both, each with its "
    "first line in Table 1. Nothing in it is measured here."
)
NEEDS = fig1.NEEDS
__all__ = ["CAPTION", "NEEDS", "TABLE", "alt", "draw", "frame"]
SUPERVISED, ZERO_SHOT = "table1_k400", "table3_zero_shot"


def frame(_: TableRows) -> pd.DataFrame:
    """A line for each zero-shot set and method of the paper, with the columns of Figure 1's frame."""
    first, lines = published.first_lines(SUPERVISED), []
    for dataset in UNSEEN:
        for line in published.read(ZERO_SHOT).lines:
            own = first.get(method := line.cells["method"])
            x, count = (own.number(key) if own else None for key in ("top1", "tunable_params_m"))
            y = line.number(dataset)
            if x is None or y is None or count is None:
                continue
            of: dict[str, Any] = {"zero_shot_set": f"{DATASETS[dataset]}, published", "trained_on": "K400"}
            of |= {"row": "", "label": method, "parameters_m": count.value}
            for name, number in (("supervised", x), ("zero_shot", y)):
                of |= {name: number.value, f"{name}_low": math.nan, f"{name}_high": math.nan}
            lines.append({**of, "sources": (*x.sources, *y.sources, *count.sources)})
    return pd.DataFrame(lines)


def alt(frame: pd.DataFrame) -> str:
    """Figure 1's alternative text, marked as published."""
    return f"Published by the paper. {fig1.alt(frame)}"
