"""Every column that a table of results may show: key, header, and what reads its cell, with its sources.

One description for tables, CSV, pages and `m2clip trace`. To add a column, add an entry to COLUMNS.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2clip.report import accuracy, correlation, grid, ticks
from m2clip.report.grid import NO, YES, Cell
from m2clip.report.names import DATASETS, Names
from m2clip.report.numbers import NOT_RUN, Number, Text
from m2clip.report.published import Line, Published
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
class Column(grid.Column):
    """A column of results; its header may hold `{ucf101}` for a dataset's name.

    read: the cell of a row that was run here. printed: the cell of a line of the paper; no column has both
    but the label. over_seeds: what the note on ± calls it. zero_shot: the set that it is tested on. by_verb:
    told of sets alone whose labels have known verbs. measured: by a run, so that a table with the paper's
    lines says so in the header.
    """

    read: Read | None = None
    printed: Print | None = None
    over_seeds: str = ""
    zero_shot: str = ""
    by_verb: bool = False
    measured: bool = False

    def named(self, names: Names, published: Published | None) -> grid.Column:
        """With its datasets as a profile calls them; beside the paper's lines it says what is measured."""
        own = DATASETS[min(published.datasets)] if published else ""
        header = self.header.format(published=own, **{name: names.dataset(name) for name in DATASETS})
        if published and published.listed and self.measured:
            header = f"Measured {header[0].lower()}{header[1:]}"
        return replace(self, header=header)

    def cell(self, row: Row | None, line: Line | None, place: "TableRows") -> Cell:
        """Of a row that was run here, of a line that the paper printed, or of both beside each other."""
        found = self.printed(line, place) if self.printed and line else None
        if found is None and self.read and row:
            found = self.read(row, place)
        unrun = self.measured and found is None and (row or (line and line.rows))
        return NOT_RUN if unrun and not (row and row.measured) else found


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


def _tuned_clip(row: Row, place: "TableRows") -> Text | None:
    """By the count at full size, from which CLIP's weights are missing that are trained."""
    frozen, tuned = place.results.counted(row, "frozen_total"), place.results.complexity.tunes_clip(row.name)
    return Text(YES if tuned else NO, frozen.sources) if frozen else None


def _zero_shot(dataset: str) -> dict[str, Column]:
    """One set by every protocol: splits, full set, half of the classes, and past the text adapters."""

    def column(
        ending: str, told: str, how: str, read: Callable[[Row], Number | None], over: str = ""
    ) -> Column:
        return Column(
            key=f"{dataset}{ending}_top1", header=f"Zero-shot {{{dataset}}}{told}, top-1, %", endings=SPREAD,
            read=lambda row, _: read(row), how=how, over_seeds=over, zero_shot=dataset, measured=True,
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
    return lambda row, _: ticks.tick(row, key)


def _printed_zero_shot(dataset: str, line: Line, place: "TableRows") -> Number | None:
    return line.number(dataset)


def _published() -> dict[str, Column]:
    """What the paper printed, in columns of its own: no number of another world stands below it."""
    words = {"true": YES, "false": NO}

    def column(key: str, header: str, printed: Print, **given: Any) -> Column:
        return Column(key=f"published_{key}", header=f"Published {header}", printed=printed, **given)

    def of_table(read: Callable[[Published, Line], Number | None]) -> Print:
        return lambda line, place: read(place.published, line) if place.published else None

    def tick(key: str) -> Print:
        return lambda line, _: line.text(key, words.get(line.cells.get(key, "")))

    columns = [
        column("pretraining", "pre-training", lambda line, _: line.text("pretraining"), text=True),
        column("parameters", "trainable parameters, M", lambda line, _: line.number("tunable_params_m", 0)),
        column("views", "frames × crops × clips", lambda line, _: line.views()),
        column("top1", "on {published}, top-1, %", of_table(lambda found, line: line.number(found.accuracy))),
        column("top5", "top-5, %", lambda line, _: line.number("top5")),
        column("gmacs", "GFLOPs a view", lambda line, _: line.number("gflops_per_view", 0)),
        column("zero_shot", "zero-shot", tick("zero_shot")),
        column("tuned_clip", "CLIP finetuned", tick("clip_finetuned")),
        column(
            "step", "on {published}, step, points", of_table(Published.step),
            how="the number less that of the paper's reference line",
        ),
    ]  # fmt: skip
    columns += [
        column(name, f"{DATASETS[name]}, top-1, %", partial(_printed_zero_shot, name), endings=SPREAD)
        for name in UNSEEN
    ]
    return {column.key: column for column in columns}


COLUMNS: dict[str, Column] = {
    "label": Column(
        key="label", header="Row", text=True, printed=lambda line, _: line.label(),
        read=lambda row, place: Text(row.label, place.label_source(row)),
    ),
    **_published(),
    "dataset": Column(key="dataset", header="Dataset", text=True, read=_dataset),
    "pretraining": Column(key="pretraining", header="Pre-training", text=True, read=_pretraining),
    "views": Column(
        key="views", header="Frames × crops × clips", read=lambda row, _: views(row), measured=True,
    ),
    "top1": Column(
        key="top1", header="Top-1, %", endings=SPREAD, how=SEEDS, over_seeds="top-1",
        read=lambda row, place: place.results.top1(row), measured=True,
    ),
    "top1_text": Column(
        key="top1_text", header="Top-1 by texts (Eq. 11), %", endings=SPREAD, how=SEEDS, over_seeds="top-1",
        read=lambda row, _: row.number("supervised", "top1_by_head", "eq11"), measured=True,
    ),
    "top5": Column(
        key="top5", header="Top-5, %", endings=SPREAD, how=SEEDS, over_seeds="top-5",
        read=lambda row, _: row.number("supervised", "top5"), measured=True,
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
    ),
    "gmacs": Column(
        key="gmacs_view", header="GFLOPs (GMACs) a view at full size",
        read=lambda row, place: place.results.counted(row, "gmacs_view"),
    ),
    **{
        key: Column(key=key, header=tick.header, read=_tick(key))
        for key, tick in TICKS.items()
    },
    "tuned_clip": Column(key="tuned_clip", header="CLIP finetuned", read=_tuned_clip),
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
        measured=True,
        how="top-1 less the reference's ± over seeds; interval: paired bootstrap over videos",
    ),
    "from_paper": _from_paper("from_paper", "top1", "Top-1"),
    "ucf101_from_paper": _from_paper("ucf101_from_paper", "ucf101", "{ucf101}"),
    "hmdb51_from_paper": _from_paper("hmdb51_from_paper", "hmdb51", "{hmdb51}"),
}  # fmt: skip
DEFAULT = (
    "label", "dataset", "views", "top1", "top5", "ucf101", "hmdb51", "chance", "videos", "parameters",
)  # fmt: skip
