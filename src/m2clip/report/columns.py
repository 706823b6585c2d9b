"""Every column that a table of results may show: key, header, and what reads its cell, with its sources.

One description for tables, CSV, pages and `m2clip trace`. To add a column, add an entry to COLUMNS.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from m2clip.report import accuracy, correlation, grid, ticks
from m2clip.report.grid import NO, YES, Cell
from m2clip.report.names import DATASETS, Names
from m2clip.report.numbers import Number, Text
from m2clip.report.published import Line
from m2clip.report.row import Row, get_path
from m2clip.report.ticks import TICKS

if TYPE_CHECKING:
    from m2clip.report.results import TableRows

VIEWS = ("frames", "crops", "clips")
UNSEEN = ("ucf101", "hmdb51")  # sets of zero-shot
VERBS = ("trained", "untrained")
SPREAD, INTERVAL = ("", "_std"), ("", "_low", "_high", "_std")
SEEDS = "mean over seeds ± their standard deviation"
SPLITS = "each split averaged over seeds, then mean ± standard deviation over splits"

Read = Callable[[Row, "TableRows"], Cell]
Print = Callable[[Line, "TableRows"], Cell]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of results.

    key: in the CSV. header: `{ucf101}` stands for the dataset's name. read: the cell of a row that was run
    here. printed: the cell of a line of the paper, by default what its file has under the key. endings: of
    the CSV's columns. how: the value is made of its files. over_seeds: what the note on ± calls it.
    zero_shot: the set that it is tested on. by_verb: told of sets alone whose labels have known verbs.
    """

    key: str
    header: str
    read: Read
    printed: Print | None = None
    text: bool = False
    endings: tuple[str, ...] = ("",)
    how: str = ""
    over_seeds: str = ""
    zero_shot: str = ""
    by_verb: bool = False

    def named(self, names: Names) -> grid.Column:
        """With its datasets as a profile calls them."""
        header = self.header.format(**{name: names.dataset(name) for name in DATASETS})
        return grid.Column(self.key, header, self.text, self.endings, self.how)

    def of_line(self, line: Line, place: "TableRows") -> Cell:
        """The cell of a line that the paper printed."""
        return self.printed(line, place) if self.printed else line.text(self.key)


def _dataset(row: Row, place: "TableRows") -> Text | None:
    known = row.dataset and place.results.names.dataset(row.dataset)
    return Text(known, tuple(row.settings("data.dataset"))) if known else None


def _pretraining(row: Row, place: "TableRows") -> Text | None:
    if row.config is None:
        return None
    return Text(Path(row.config.backbone.pretrained).stem, tuple(row.settings("backbone.pretrained")))


def views(row: Row) -> Text | None:
    """Frames x crops x clips, as evaluated."""
    counts = row.same(lambda run: [get_path(run.metrics, "supervised", key) for key in VIEWS]) or [None]
    keys = (f"supervised.{key}" for key in VIEWS)
    return None if None in counts else Text(" × ".join(map(str, counts)), tuple(row.sources(*keys)))


def _videos(row: Row, place: "TableRows") -> Number | None:
    count = row.same(lambda run: get_path(run.metrics, "supervised", "videos"))
    return None if count is None else Number(value=count, sources=tuple(row.sources("supervised.videos")))


def _step(row: Row, place: "TableRows") -> Number | None:
    """From the reference, which the table's declaration names."""
    return place.declared_reference(place.results.step(row, place.reference(row)))


def _zero_shot(dataset: str) -> dict[str, Column]:
    """One set by every protocol: splits, full set, half of the classes, and past the text adapters."""

    def column(
        ending: str, told: str, how: str, read: Callable[[Row], Number | None], over: str = ""
    ) -> Column:
        return Column(
            key=f"{dataset}{ending}_top1", header=f"Zero-shot {{{dataset}}}{told}, top-1, %", endings=SPREAD,
            read=lambda row, _: read(row), printed=lambda line, _: line.number(dataset), how=how,
            over_seeds=over, zero_shot=dataset,
        )  # fmt: skip

    return {
        dataset: column("", "", SPLITS, lambda row: accuracy.zero_shot(row, dataset)),
        f"{dataset}_full": column(
            "_full", " full set", SEEDS, lambda row: row.number("zero_shot", dataset, "full", "top1"),
            "zero-shot on the full set",
        ),
        f"{dataset}_half": column(
            "_half", " half of the classes",
            "each draw averaged over seeds, then mean ± standard deviation over draws",
            lambda row: accuracy.half(row, dataset),
        ),
        f"{dataset}_no_text_adapter": column(
            "_no_text_adapter", " without text adapters", SPLITS,
            lambda row: accuracy.zero_shot(row, dataset, "no_text_adapter"),
        ),
    }  # fmt: skip


def _published(row: Row, place: "TableRows") -> Number | None:
    line = place.line(row)
    return line.number(place.published.accuracy) if line and place.published else None


def _published_step(row: Row, place: "TableRows") -> Number | None:
    return place.published.step(place.line(row)) if place.published else None


def _less(of: str) -> Read:
    """Our number less the paper's, where data and backbone are the paper's."""

    def read(row: Row, place: "TableRows") -> Number | None:
        ours = place.results.top1(row, None if of == "top1" else of)
        line = place.line(row)
        if not place.published or not line or not ours or not place.is_papers(row, of):
            return None
        theirs = line.number(place.published.accuracy if of == "top1" else of)
        if theirs is None:
            return None
        apart = replace(ours, value=ours.value - theirs.value, signed=True)
        return apart.of((*ours.sources, *theirs.sources))

    return read


def _from_paper(key: str, of: str, header: str) -> Column:
    spread = "the standard deviation over seeds"
    how = (
        f"top-1 less the paper's number ± {spread}"
        if of == "top1"
        else "the mean over splits less the paper's number"
    )
    return Column(
        key=key, header=f"{header} less the paper's, points", read=_less(of), endings=INTERVAL, how=how,
        over_seeds="top-1 less the paper's" if of == "top1" else "",
    )  # fmt: skip


def _correlation(statistic: str) -> Read:
    def read(row: Row, place: "TableRows") -> Number | None:
        return place.correlations.number(row, statistic) if place.correlations else None

    return read


def _by_verb(dataset: str, verbs: accuracy.Verbs) -> dict[str, Column]:
    """Zero-shot on the labels of one kind of verb, and its step from the reference."""

    def step(row: Row, place: "TableRows") -> Number | None:
        return place.declared_reference(place.results.step(row, place.reference(row), dataset, verbs))

    key, what = f"{dataset}_{verbs}_verbs", f"{{{dataset}}}, {verbs} verbs"
    return {
        key: Column(
            key=f"{key}_top1", header=f"{what}, top-1, %", endings=SPREAD, by_verb=True, zero_shot=dataset,
            read=lambda row, _: accuracy.of_verbs(row, dataset, verbs), over_seeds=f"top-1 of {verbs} verbs",
            how="mean over splits of the videos whose verb is of this kind ± over seeds",
        ),
        f"{key}_step": Column(
            key=f"{key}_step", header=f"{what}, step, points", endings=INTERVAL, by_verb=True, read=step,
            how="less the reference's ± over seeds; interval: paired bootstrap",
        ),
    }  # fmt: skip


def _tick(key: str) -> Read:
    return lambda row, _: TICKS[key].cell(row)


def _printed_tick(column: str) -> Print:
    words = {"true": YES, "false": NO}
    return lambda line, _: line.text(column, words.get(line.cells.get(column, "")))


PRINTED_TICKS = {"reads_text": _printed_tick("zero_shot"), "tuned_clip": _printed_tick("clip_finetuned")}
COLUMNS: dict[str, Column] = {
    "label": Column(
        key="label", header="Row", text=True, printed=lambda line, _: line.label(),
        read=lambda row, place: Text(row.label, place.label_source(row)),
    ),
    "dataset": Column(key="dataset", header="Dataset", text=True, read=_dataset),
    "pretraining": Column(key="pretraining", header="Pre-training", text=True, read=_pretraining),
    "views": Column(
        key="views", header="Frames × crops × clips",
        read=lambda row, _: views(row), printed=lambda line, _: line.views(),
    ),
    "top1": Column(
        key="top1", header="Top-1, %", endings=SPREAD, how=SEEDS, over_seeds="top-1",
        read=lambda row, place: place.results.top1(row), printed=lambda line, _: line.number("top1"),
    ),
    "top5": Column(
        key="top5", header="Top-5, %", endings=SPREAD, how=SEEDS, over_seeds="top-5",
        read=lambda row, _: row.number("supervised", "top5"), printed=lambda line, _: line.number("top5"),
    ),
    **_zero_shot("ucf101"),
    **_zero_shot("hmdb51"),
    "chance": Column(
        key="chance", header="Chance, %", how="100 / labels",
        read=lambda row, place: place.results.chance(row.dataset),
    ),
    "videos": Column(key="videos", header="Test videos", read=_videos),
    "parameters": Column(
        key="parameters_m", header="Trainable parameters at full size, M", how="in units of 10^6",
        read=lambda row, place: place.results.parameters(row),
        printed=lambda line, _: line.number("tunable_params_m", digits=0),
    ),
    "gmacs": Column(
        key="gmacs_view", header="GFLOPs (GMACs) a view at full size",
        read=lambda row, place: place.results.gmacs(row),
        printed=lambda line, _: line.number("gflops_per_view", digits=0),
    ),
    **{
        key: Column(key=key, header=tick.header, read=_tick(key), printed=PRINTED_TICKS.get(key))
        for key, tick in TICKS.items()
    },
    "site": Column(key="site", header="Site", text=True, read=lambda row, _: ticks.site(row)),
    "text_layers": Column(
        key="text_layers", header="Text adapters", read=lambda row, _: ticks.text_adapters(row)
    ),
    **_by_verb("ucf101", "trained"),
    **_by_verb("ucf101", "untrained"),
    **_by_verb("hmdb51", "trained"),
    **_by_verb("hmdb51", "untrained"),
    **{
        key: Column(
            key=key, header=found.header, endings=SPREAD, read=_correlation(key), how=found.how,
            over_seeds="correlation",
        )
        for key, found in correlation.STATISTICS.items()
    },
    "step": Column(
        key="step", header="Step, points", endings=INTERVAL, read=_step, over_seeds="step",
        printed=lambda line, place: place.published.step(line) if place.published else None,
        how="top-1 less the reference's ± over seeds; interval: paired bootstrap over videos",
    ),
    "published_top1": Column(key="published_top1", header="Published on K400, top-1, %", read=_published),
    "from_paper": _from_paper("from_paper", "top1", "Top-1"),
    "ucf101_from_paper": _from_paper("ucf101_from_paper", "ucf101", "{ucf101}"),
    "hmdb51_from_paper": _from_paper("hmdb51_from_paper", "hmdb51", "{hmdb51}"),
    "published_step": Column(
        key="published_step", header="Published on K400, step, points", read=_published_step,
        how="the number less that of the paper's reference line",
    ),
}  # fmt: skip
DEFAULT = (
    "label", "dataset", "views", "top1", "top5", "ucf101", "hmdb51", "chance", "videos", "parameters",
)  # fmt: skip
