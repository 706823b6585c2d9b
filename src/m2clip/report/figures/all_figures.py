"""Finds, draws and traces every figure of the report: each module of this folder that has a TABLE.

Such a module defines:

TABLE: the table of experiments/tables.yaml below which it stands.
CAPTION: what one has to know to read it.
frame(place): the data frame that is drawn, from the table's rows; each line has `row`, `label` and a tuple of
    `sources`. Or frames(place): several, by the name of their files.
NEEDS: columns of the frame; where no line has all of them there is nothing to draw.
draw(frame): the figure of Matplotlib.
alt(frame): the alternative text.
EMPTY: optional, why there is no figure, if not because no run was made.

The CSV, the text and the trace come from the frame. A new figure is a new module.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pandas as pd
from joblib import Parallel, delayed

from m2clip.experiment import MAIN
from m2clip.paths import cores
from m2clip.report.numbers import Source
from m2clip.report.parts import Picture
from m2clip.report.results import Results, TableRows
from m2clip.report.row import Row

PICTURE = "temporal_difference"  # the name of what another stage draws, of `main` alone
WIDE = 100 / 25.4  # inches above which a figure is wider than a column of a paper
SEEDS = "Error bars: standard deviation over seeds; of one seed and of CLIP 95 % over the test videos."
ONE_SEED = "One seed; error bars: 95 % interval over the test videos."


@dataclass(frozen=True)
class Part:
    """What a figure shows of one row, or of a method that the paper printed, which has no row."""

    name: str
    label: str
    sources: tuple[Source, ...]
    row: Row | None = None


@cache
def modules() -> dict[str, ModuleType]:
    """The modules of this folder that are figures, by name."""
    files = pkgutil.iter_modules([str(Path(__file__).parent)])
    found = {one.name: importlib.import_module(f"m2clip.report.figures.{one.name}") for one in files}
    return {name: module for name, module in found.items() if hasattr(module, "TABLE")}


def draw(results: Results, folder: Path) -> list[Picture]:
    """All figures of the tables that are asked for: PNG, PDF, dark PNG and CSV of each in the folder.

    They are drawn in parallel by forks of this process, which has imported Matplotlib already.
    """
    wanted = [
        (name, frame, module.__name__)
        for key, module in _asked(results).items()
        for name, frame in _frames(key, module, results.places[module.TABLE]).items()
    ]
    drawn = Parallel(n_jobs=cores(), backend="multiprocessing")
    return list(drawn(delayed(_drawn)(*one, folder) for one in wanted))


def _asked(results: Results) -> dict[str, ModuleType]:
    """The figures of the asked tables by the name of their files: `fig4c-heads` of module `fig4c_heads`."""
    found = modules().items()
    return {key.replace("_", "-"): module for key, module in found if module.TABLE in results.tables}


def names(results: Results) -> list[str]:
    """Every name that `parts` knows; a figure that is drawn once for each row is named without the row."""
    return [*_asked(results), PICTURE]


def parts(name: str, results: Results) -> list[Part]:
    """What a figure is made of, by the name of its files; nothing where the name is none. Draws nothing."""
    if name == PICTURE:
        main = results.rows[MAIN]
        weights = (Source(run.key.weights, "", run.key) for run in main.measured[:1])
        return [Part(MAIN, main.label, tuple(weights), main)]
    kind, _, row = name.partition("-")
    for key, module in _asked(results).items():
        if key == name or (key == kind and hasattr(module, "frames")):
            place = results.places[module.TABLE]
            place = replace(place, rows=(results.rows[row],)) if row in results.rows else place
            frame = _frames(key, module, place).get(name)
            return [] if frame is None or frame.empty else list(_parts(frame, results))
    return []


def _frames(key: str, module: ModuleType, place: TableRows) -> dict[str, pd.DataFrame]:
    """The frames of a module by the names of their files."""
    return module.frames(place) if hasattr(module, "frames") else {key: module.frame(place)}


def _drawn(name: str, frame: pd.DataFrame, drawn_by: str, folder: Path) -> Picture:
    """Save one figure, light and dark, and its CSV; where the frame is empty only the reason is returned."""
    from m2clip.report.figures import style

    module = importlib.import_module(drawn_by)

    file = Path("figures") / f"{name}.png"
    if frame.empty or frame.dropna(subset=module.NEEDS).empty:
        return Picture(file=file, table=module.TABLE, why=getattr(module, "EMPTY", "has no run yet"))
    folder.mkdir(parents=True, exist_ok=True)
    written = frame.assign(sources=["; ".join(map(str, sources)) for sources in frame["sources"]])
    written.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", float_format="%.4f")
    for dark in (False, True):
        with style.paper(dark=dark):
            figure = module.draw(frame)
            style.save(figure, folder / name, dark=dark)
            wide = figure.get_figwidth() > WIDE
    over = [SEEDS if frame["seeds"].max() > 1 else ONE_SEED] if "seeds" in frame else []
    of = [f"{frame['title'].iloc[0]}."] if hasattr(module, "frames") else []
    caption = " ".join([*of, module.CAPTION, *over])
    return Picture(file=file, table=module.TABLE, caption=caption, alt=module.alt(frame), wide=wide)


def _parts(frame: pd.DataFrame, results: Results) -> Iterator[Part]:
    """Each row that a figure shows, with all of its sources, each once."""
    for (name, label), lines in frame.groupby(["row", "label"], sort=False):
        sources = dict.fromkeys(source for given in lines["sources"] for source in given)
        yield Part(str(name), str(label), tuple(sources), results.rows.get(str(name)))
