"""How every figure looks: sizes of a paper's column, one colour per head, the same bytes every time."""

import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2clip.report.names import METHOD
from m2clip.rows import MAIN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MM = 1 / 25.4
COLUMN, PAGE = 84 * MM, 174 * MM  # inches
COLOURS = {  # of seaborn's colour-blind palette
    "contrastive": "#0173b2",
    "cmc": "#de8f05",
    "cmlm": "#029e73",
    "vc": "#cc78bc",
}
DATASETS = {"k400": "#0173b2", "ssv2": "#de8f05", "ucf101": "#029e73", "hmdb51": "#cc78bc"}
PUBLISHED, EXPLORED = "#5a5a5a", "#1a1a1a"
METHODS = {  # a row that adds a head has the head's colour; M2-CLIP, which adds VC last, has VC's
    "clip": "#949494",
    "st-adapter": "#ca9161",
    "st-adapter-text": "#d55e00",
    "ted": "#56b4e9",
    "contrastive": COLOURS["contrastive"],
    "cmc": COLOURS["cmc"],
    "cmlm": COLOURS["cmlm"],
    "main": COLOURS["vc"],
}
OTHERS = ("#ece133", "#fbafe4", "#6a3d9a", "#117733")  # of rows that have no colour of their own
SEQUENTIAL, CORRELATION = "Blues", "Reds"
RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "pdf.fonttype": 42,
    "figure.dpi": 100,
    "savefig.dpi": 300,
}
PICTURE_DPI = 150
FORMATS = {"png": {"Software": None}, "pdf": {"Creator": None, "Producer": None, "CreationDate": None}}


@dataclass(frozen=True)
class Empty:
    """Nothing was drawn, and why, as in `The figure has no run yet`."""

    why: str


NO_RUN = Empty("has no run yet")


@contextmanager
def paper() -> Iterator[Any]:
    """Pyplot and seaborn, set for a paper and free of a screen."""
    os.environ.setdefault("MPLBACKEND", "agg")
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    with mpl.rc_context():
        sns.set_theme(style="ticks", rc=RC)
        try:
            yield plt, sns
        finally:
            plt.close("all")


def colours(rows: Mapping[str, str]) -> dict[str, str]:
    """A colour for each label, from a row's name: the same in every figure and on every dataset.

    Args:
        rows: a row's name by label; `main` under another label than M2-CLIP is explored.
    """
    bases = {label: "main" if row == "ssv2" else row.removesuffix("-ssv2") for label, row in rows.items()}
    spare = cycle(OTHERS)
    found = {label: METHODS.get(base) or next(spare) for label, base in bases.items()}
    return {label: EXPLORED if rows[label] == MAIN and label != METHOD else found[label] for label in rows}


def wrapped(text: str, width: int) -> str:
    """Lines of at most `width` letters where that can be, broken at spaces and inside `a.long.key=value`."""
    lines = [""]
    for piece in re.split(r"(?<=[ .=])", text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def save(figure: "Figure", path: Path) -> None:
    """As PNG and PDF beside each other, without a date or a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for ending, metadata in FORMATS.items():
        figure.savefig(path.with_name(f"{path.name}.{ending}"), metadata=metadata)


def save_small(figure: "Figure", path: Path) -> None:
    """A figure of photographs, in 256 colours: a third of the size of what matplotlib would write."""
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, dpi=PICTURE_DPI)
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = Image.open(stream).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT)
    colours.save(path, format="PNG", optimize=True)
