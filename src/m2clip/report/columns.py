"""Every column that a table of results may show: key, header, and what reads its cell, with its sources.

One description for tables, CSV, pages and `m2clip trace`. To add a column, add an entry to COLUMNS.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2clip.report import accuracy, correlation, grid, ticks
from m2clip.report.grid import NO, YES, Cell
from m2clip.report.names import DATASETS, Names
from m2clip.report.numbers import NOT_RUN, VIEWS, Number, Text, frames_crops_clips
from m2clip.report.published import Line, Published
from m2clip.report.row import Row
from m2clip.report.ticks import TICKS

if TYPE_CHECKING:
    from m2clip.report.results import TableRows

UNSEEN = ("ucf101", "hmdb51")  # sets of zero-shot
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
    shown only for sets whose labels have known verbs. measured: by a run; beside the paper's lines the header
    says so.
    """

    read: Read | None = None
    printed: Print | None = None
    over_seeds: str = ""
    zero_shot: str = ""
    by_verb: bool = False
    measured: bool = False

    def named(self, names: Names, published: Published | None) -> grid.Column:
        """The column with the profile's names of datasets in its header; "Measured" beside the paper's."""
        own = DATASETS[min(published.datasets)] if published else ""
        header = self.header.format(published=own, **{name: names.dataset(name) for name in DATASETS})
        if published and published.listed and self.measured:
            header = f"Measured {header[0].lower()}{header[1:]}"
        return replace(self, header=header)

    def cell(self, row: Row | None, line: Line | None, place: "TableRows") -> Cell:
        """The cell of a row that was run here, of a line that the paper printed, or of both in one line."""
        found = self.printed(line, place) if self.printed and line else None
        if found is None and self.read and row:
            found = self.read(row, place)
        unrun = self.measured and found is None and (row or (line and line.rows))
        return NOT_RUN if unrun and not (row and row.measured) else found


def _dataset(row: Row, place: "TableRows") -> Text | None:
    known = place.results.names.dataset(row.dataset)
    return Text(known, tuple(row.settings("data.dataset"))) if known else None


def _pretraining(row: Row, place: "TableRows") -> Text | None:
    if row.config is None:
        return None
    return Text(Path(row.config.backbone.pretrained).stem, tuple(row.settings("backbone.pretrained")))


def views(row: Row) -> Text | None:
    """Frames x crops x clips, as evaluated."""
    counts = {key: row.same("supervised", key) for key in VIEWS}
    if None in counts.values():
        return None
    return Text(frames_crops_clips(counts), tuple(row.sources(*(f"supervised.{key}" for key in VIEWS))))


def _videos(row: Row, place: "TableRows") -> Number | None:
    count = row.same("supervised", "videos")
    return None if count is None else Number(value=count, sources=tuple(row.sources("supervised.videos")))


def _tuned_clip(row: Row, place: "TableRows") -> Text | None:
    """Whether CLIP's own weights are trained: they are then missing among the frozen ones at full size."""
    frozen, tuned = place.results.counted(row, "frozen_total"), place.results.complexity.tunes_clip(row.name)
    return Text(YES if tuned else NO, frozen.sources) if frozen else None


def _zero_shot(dataset: str) -> dict[str, Column]:
    """One set by every protocol: splits, full set, half of the classes, and without text adapters."""
    draws = "each draw averaged over seeds, then mean ± standard deviation over draws"
    protocols: tuple[tuple[str, str, str, Read], ...] = (
        ("", "", SPLITS, lambda row, _: accuracy.zero_shot(row, dataset)),
        ("_full", " full set", SEEDS, lambda row, _: row.number("zero_shot", dataset, "full", "top1")),
        ("_half", " half of the classes", draws, lambda row, _: accuracy.half(row, dataset)),
        (
            "_no_text_adapter", " without text adapters", SPLITS,
            lambda row, _: accuracy.zero_shot(row, dataset, "no_text_adapter"),
        ),
    )  # fmt: skip
    return {
        f"{dataset}{ending}": Column(
            f"{dataset}{ending}_top1", f"Zero-shot {{{dataset}}}{told}, top-1, %", endings=SPREAD, how=how,
            read=read, zero_shot=dataset, measured=True,
            over_seeds="zero-shot on the full set" if how is SEEDS else "",
        )
        for ending, told, how, read in protocols
    }  # fmt: skip


def _less_papers(of: str, row: Row, place: "TableRows") -> Number | None:
    """Our number less the paper's, where data and backbone are the paper's; of: `top1` or a zero-shot set."""
    ours, line = place.results.top1(row, None if of == "top1" else of), place.line(row)
    if not line or not ours or not place.is_papers(row, of):
        return None
    theirs = line.top1 if of == "top1" else line.number(of)
    if theirs is None:
        return None
    apart = replace(ours, value=ours.value - theirs.value, signed=True)
    return apart.of((*ours.sources, *theirs.sources))


def _from_paper() -> Iterator[Column]:
    """Ours less the paper's: supervised, and on each unseen set."""
    how = "top-1 less the paper's number ± the standard deviation over seeds"
    yield Column(
        "from_paper", "Top-1 less the paper's, points", read=partial(_less_papers, "top1"),
        endings=INTERVAL, how=how, over_seeds="top-1 less the paper's",
    )  # fmt: skip
    how = "the mean over splits less the paper's number"
    for name in UNSEEN:
        header, read = f"{{{name}}} less the paper's, points", partial(_less_papers, name)
        yield Column(f"{name}_from_paper", header, read=read, endings=INTERVAL, how=how)


def _correlation(statistic: str, row: Row, place: "TableRows") -> Number | None:
    return place.correlations.number(row, statistic) if place.correlations else None


def _by_verb(dataset: str, verbs: accuracy.Verbs) -> dict[str, Column]:
    """Zero-shot on the labels of one kind of verb, and its step from the reference."""
    key, what = f"{dataset}_{verbs}_verbs", f"{{{dataset}}}, {verbs} verbs"
    return {
        key: Column(
            f"{key}_top1", f"{what}, top-1, %", endings=SPREAD, by_verb=True, zero_shot=dataset,
            read=lambda row, _: accuracy.of_verbs(row, dataset, verbs), over_seeds=f"top-1 of {verbs} verbs",
            how="mean over splits of the videos whose verb is of this kind ± over seeds",
        ),
        f"{key}_step": Column(
            f"{key}_step", f"{what}, step, points", endings=INTERVAL, by_verb=True,
            read=lambda row, place: place.step(row, dataset, verbs),
            how="less the reference's ± over seeds; interval: paired bootstrap",
        ),
    }  # fmt: skip


def _published() -> Iterator[Column]:
    """What the paper printed, in columns apart, so that none has numbers of generated data too."""
    words = {"true": YES, "false": NO}

    def column(key: str, header: str, printed: Print, **given: Any) -> Column:
        return Column(f"published_{key}", f"Published {header}", printed=printed, **given)

    def tick(key: str) -> Print:
        return lambda line, _: line.text(key, words.get(line.cells.get(key, "")))

    def number(key: str, digits: int = 1) -> Print:
        return lambda line, _: line.number(key, digits)

    yield column("pretraining", "pre-training", lambda line, _: line.text("pretraining"), text=True)
    yield column("parameters", "trainable parameters, M", number("tunable_params_m", 0))
    yield column("views", "frames × crops × clips", lambda line, _: line.views())
    yield column("top1", "on {published}, top-1, %", lambda line, _: line.top1)
    yield column("top5", "top-5, %", number("top5"))
    yield column("gmacs", "GFLOPs a view", number("gflops_per_view", 0))
    yield column("zero_shot", "zero-shot", tick("zero_shot"))
    yield column("tuned_clip", "CLIP finetuned", tick("clip_finetuned"))
    how = "the number less that of the paper's reference line"
    yield column("step", "on {published}, step, points", lambda line, place: place.printed(line), how=how)
    for name in UNSEEN:
        yield column(name, f"{DATASETS[name]}, top-1, %", number(name), endings=SPREAD)


COLUMNS: dict[str, Column] = {
    "label": Column(
        "label", "Row", text=True, printed=lambda line, _: line.label(),
        read=lambda row, place: Text(row.label, place.label_source(row)),
    ),
    **{column.key: column for column in _published()},
    "dataset": Column("dataset", "Dataset", text=True, read=_dataset),
    "pretraining": Column("pretraining", "Pre-training", text=True, read=_pretraining),
    "views": Column("views", "Frames × crops × clips", read=lambda row, _: views(row), measured=True),
    "top1": Column(
        "top1", "Top-1, %", endings=SPREAD, how=SEEDS, over_seeds="top-1", measured=True,
        read=lambda row, place: place.results.top1(row),
    ),
    "top1_text": Column(
        "top1_text", "Top-1 by texts (Eq. 11), %", endings=SPREAD, how=SEEDS, over_seeds="top-1",
        read=lambda row, _: row.number("supervised", "top1_by_head", "eq11"), measured=True,
    ),
    "top5": Column(
        "top5", "Top-5, %", endings=SPREAD, how=SEEDS, over_seeds="top-5", measured=True,
        read=lambda row, _: row.number("supervised", "top5"),
    ),
    **_zero_shot("ucf101"),
    **_zero_shot("hmdb51"),
    "chance": Column(
        "chance", "Chance, %", how="100 / labels", read=lambda row, place: place.results.chance(row.dataset)
    ),
    "videos": Column("videos", "Test videos", read=_videos),
    "parameters": Column(
        "parameters_m", "Trainable parameters at full size, M", how="in units of 10^6",
        read=lambda row, place: place.results.parameters(row),
    ),
    "gmacs": Column(
        "gmacs_view", "GFLOPs (GMACs) a view at full size",
        read=lambda row, place: place.results.counted(row, "gmacs_view"),
    ),
    **{key: Column(key, tick.header, read=partial(ticks.tick, key)) for key, tick in TICKS.items()},
    "tuned_clip": Column("tuned_clip", "CLIP finetuned", read=_tuned_clip),
    "site": Column("site", "Site", text=True, read=lambda row, _: ticks.site(row)),
    "text_layers": Column("text_layers", "Text adapters", read=lambda row, _: ticks.text_adapters(row)),
    **_by_verb("ucf101", "trained"),
    **_by_verb("ucf101", "untrained"),
    **_by_verb("hmdb51", "trained"),
    **_by_verb("hmdb51", "untrained"),
    **{
        key: Column(
            key, found.header, endings=SPREAD, read=partial(_correlation, key), how=found.how,
            over_seeds="correlation",
        )
        for key, found in correlation.STATISTICS.items()
    },
    "step": Column(
        "step", "Step, points", endings=INTERVAL, over_seeds="step", measured=True,
        read=lambda row, place: place.step(row),
        how="top-1 less the reference's ± over seeds; interval: paired bootstrap over videos",
    ),
    **{column.key: column for column in _from_paper()},
}  # fmt: skip
DEFAULT = (
    "label", "dataset", "views", "top1", "top5", "ucf101", "hmdb51", "chance", "videos", "parameters",
)  # fmt: skip
