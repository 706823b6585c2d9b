"""How every figure looks: a paper's sizes, one colour for a label, light and dark; its bytes repeat."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MM = 1 / 25.4
COLUMN, PAGE = 84 * MM, 174 * MM  # inches
BLUE, ORANGE, GREEN, RED, PINK, BROWN, ROSE, GREY, YELLOW, SKY = (  # seaborn's colour-blind palette
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133",
    "#56b4e9",
)  # fmt: skip
HEADS = {"contrastive": BLUE, "CMC": ORANGE, "CMLM": GREEN, "VC": PINK}
LABELS = {
    "CLIP zero-shot": GREY,
    "ST-Adapter": BROWN,
    "ST-Adapter with text": RED,
    "TED-Adapter alone": SKY,
    "Contrastive alone": BLUE,
    "Contrastive, CMC": ORANGE,
    "Contrastive, CMC, CMLM": GREEN,
    "M2-CLIP": PINK,
}
SPARE = (YELLOW, "#6a3d9a", "#117733", "#8c510a", ROSE)  # of labels that have no colour of their own
DIVERGING, SEQUENTIAL = "RdBu_r", "Blues"
NO_RUN = "no run yet"
RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    **dict.fromkeys(("font.size", "figure.labelsize", "legend.title_fontsize"), 7),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width", "hatch.linewidth"), 0.6),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "pdf.fonttype": 42,
    "figure.dpi": 100,
    "savefig.dpi": 300,
}
INK, GROUND = "#e3e6ea", "#121417"  # of the page's dark version
DARK = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), GROUND),
    "grid.color": "#3a4048",
    "savefig.dpi": 200,
}
PLAIN = {"png": {"Software": None}, "pdf": {"Creator": None, "Producer": None, "CreationDate": None}}


@contextmanager
def paper(*, dark: bool = False) -> Iterator[None]:
    """The style of a paper, or of the page's dark version, for all that is drawn inside; closes figures."""
    mpl.use("agg")
    with mpl.rc_context():
        # Letters of 7 points.
        sns.set_theme("paper", "ticks", font_scale=0.76, rc=RC | (DARK if dark else {}))
        try:
            yield
        finally:
            plt.close("all")


def ink() -> str:
    """The colour of text."""
    return str(mpl.rcParams["text.color"])


def colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, the same in every figure; one that has none of its own takes a spare one."""
    spare = cycle(SPARE)
    return {label: LABELS.get(label) or next(spare) for label in dict.fromkeys(labels)}


def wrapped(text: str, width: int) -> str:
    """Lines of at most `width` letters where that can be, broken at spaces and inside `a.long.key=value`."""
    lines = [""]
    for piece in re.split(r"(?<=[ .=])", text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def say(ax: Axes, words: str) -> None:
    """Write words in the middle of an empty panel."""
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes)


def whiskers(value: Any, low: Any, high: Any) -> Any:
    """Lengths of error bars below and above N values, (2, N), as Matplotlib takes them; 0 for NaN."""
    return np.nan_to_num(np.abs(np.array([value - low, high - value], float)).reshape(2, -1))


def reach(frame: pd.DataFrame, name: str) -> Any:
    """Lengths of a column's error bars, (2, N), which end at `<name>_low` and `<name>_high`."""
    return whiskers(frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def ground() -> str:
    """The colour behind a figure."""
    return str(mpl.rcParams["axes.facecolor"])


def place(figure: Figure, left: float, top: float, width: float, height: float | None = None) -> Axes:
    """Axes at a place in inches from the upper left corner; as high as wide if no height is given."""
    across, down = figure.get_size_inches()
    tall = width if height is None else height
    return figure.add_axes((left / across, 1 - (top + tall) / down, width / across, tall / down))


def save(figure: Figure, path: Path, *, dark: bool = False) -> None:
    """Save as PNG and PDF, without date and version so that bytes repeat; dark: `<name>-dark.png` alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    endings = {"-dark.png": PLAIN["png"]} if dark else {f".{kind}": given for kind, given in PLAIN.items()}
    for ending, metadata in endings.items():
        figure.savefig(path.with_name(f"{path.name}{ending}"), metadata=metadata)


def save_small(figure: Figure, path: Path) -> None:
    """A figure of photographs, in 256 colours: a third of the size of what Matplotlib would write."""
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, dpi=150)
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = Image.open(stream).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT)
    colours.save(path, format="PNG", optimize=True)
