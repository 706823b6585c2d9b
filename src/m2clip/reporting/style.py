"""How every figure looks: sizes of a paper's column, one colour per head, the same bytes every time."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
SEQUENTIAL = "Blues"
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
FORMATS = {"png": {"Software": None}, "pdf": {"Creator": None, "Producer": None, "CreationDate": None}}


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
