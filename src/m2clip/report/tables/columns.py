"""The columns that a table may show, each with what fills it for a row that was run here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from m2clip import weights
from m2clip.report import accuracy, chance, outcomes
from m2clip.report.correlation import Correlations
from m2clip.report.facts import AS_PUBLISHED, Line, Parameters
from m2clip.report.names import Names
from m2clip.report.results import Row, Value, get_path, summary
from m2clip.report.tables import ticks
from m2clip.report.tables.formats import Cell, Column
from m2clip.report.tables.published import Line as PublishedLine
from m2clip.report.tables.published import Published
from m2clip.rows import Profile


@dataclass(frozen=True)
class Context:
    """What cells need beside the row: names, facts of the datasets, parameters at full size, the profile.

    And of one table: the paper's numbers, the rows from which steps are counted, the correlations of labels.
    """

    names: Names
    facts: Mapping[str, Line | None]
    parameters: Parameters
    profile: Profile
    published: Published | None = None
    references: tuple[Row, ...] = ()
    correlations: Correlations | None = None

    @property
    def sheets(self) -> Mapping[str, Line | None]:
        """As Results.sheets."""
        return self.facts

    def chance(self, dataset: str | None) -> float | None:
        """Percent of a guess among the labels of a dataset."""
        return chance.percent(self.facts.get(dataset or ""))

    def unlearned(self, row: Row | None) -> bool:
        """Whether a trained row is within ten points of chance on the set that it was trained for."""
        return row is not None and chance.near(row, self.facts.get(row.dataset or ""))

    def is_papers(self, dataset: str) -> bool:
        """Whether the paper's numbers may stand beside a set: its labels are the published ones.

        of a synthetic dataset and of a set that is left out there is nothing to hold to them.
        """
        if dataset in self.names.synthetic or dataset in self.profile.left_out:
            return True
        return (self.facts.get(dataset) or {}).get("class_ids") == AS_PUBLISHED

    def reference(self, row: Row) -> Row | None:
        """The row on the same dataset from which its step is counted."""
        found = (other for other in self.references if other.dataset == row.dataset)
        return next(found, None)


VIEWS = ("frames", "crops", "clips")
INTERVAL = ("", "_low", "_high", "_std")
CORRELATIONS = {
    "correlation": "Mean correlation with the other labels",
    "correlation_size": "Mean size of the correlation",
    "correlation_largest": "Largest size of a correlation",
}
FROM_PAPER = {"from_paper": "top1", "ucf101_from_paper": "ucf101", "hmdb51_from_paper": "hmdb51"}
BY_VERB: dict[str, tuple[str, outcomes.Verbs]] = {
    f"{dataset}_{verbs}_verbs": (dataset, verbs)
    for dataset in ("ucf101", "hmdb51")
    for verbs in ("trained", "untrained")
}
Fill = Callable[[Row, Context], Cell]


def views(row: Row) -> str | None:
    """Frames x crops x clips, as evaluated."""
    counts = row.same(lambda run: [get_path(run.metrics, "supervised", key) for key in VIEWS]) or [None]
    return None if None in counts else " × ".join(map(str, counts))


def zero_shot(row: Row, dataset: str, *under: str) -> Value | None:
    """Mean and standard deviation over splits; of several seeds, each split is their mean first.

    Args:
        row: as run here.
        dataset: tested on.
        under: keys below the dataset's, such as no_text_adapter.
    """
    path = ("zero_shot", dataset, *under, "splits")
    names = dict.fromkeys(name for run in row.measured for name in get_path(run.metrics, *path) or {})
    splits = [row.value(*path, name, "top1") for name in names]
    over = summary(split.mean for split in splits if split)
    if over is None or not all(splits):
        return None
    return replace(over, mark=splits[0].mark if splits[0] else "")


def half(row: Row, dataset: str) -> Value | None:
    """Mean and standard deviation over draws of half of the classes, each draw averaged over seeds."""
    mean = row.value("zero_shot", dataset, "half", "top1")
    draws = [get_path(run.metrics, "zero_shot", dataset, "half", "draws") for run in row.measured]
    if mean is None or not all(draws):
        return None
    over = summary(fmean(seeds) for seeds in zip(*draws, strict=True))
    return replace(over, mark=mean.mark) if over else None


def title(row: Row, context: Context) -> str:
    """What a row is called where nothing beside it names its dataset."""
    return f"{row.label} on {context.names.dataset(row.dataset)}" if row.dataset else row.label


def _dataset(row: Row, context: Context) -> str | None:
    return context.names.dataset(row.dataset) if row.dataset else None


def _chance(row: Row, context: Context) -> Value | None:
    guessed = context.chance(row.dataset)
    return None if guessed is None else Value(guessed)


def _top1(row: Row, context: Context) -> Value | None:
    value = row.value("supervised", "top1")
    return replace(value, mark=value.mark + chance.MARK) if value and context.unlearned(row) else value


def _step(row: Row, context: Context) -> outcomes.Step | None:
    """From the reference; marked where either of the two rows has not learned its labels."""
    reference = context.reference(row)
    step = outcomes.step(row, reference)
    if step is None or step.is_reference or not any(map(context.unlearned, (row, reference))):
        return step
    return replace(step, mark=step.mark + chance.MARK)


def _parameters(row: Row, context: Context) -> Value | None:
    count = context.parameters.trainable(row.name, row.config.data.frames if row.config else None)
    return None if count is None else Value(count / 1e6, digits=2)


def _gmacs(row: Row, context: Context) -> Value | None:
    count = context.parameters.gmacs(row.name, row.config.data.frames) if row.config else None
    return None if count is None else Value(count)


def _pretraining(row: Row, context: Context) -> str | None:
    return Path(row.config.backbone.pretrained).stem if row.config else None


def _published(row: Row, context: Context) -> Value | None:
    published = context.published
    line = published.line(row.name, row.config, context.profile) if published else None
    number = line.number(published.accuracy) if published and line else None
    return None if number is None else Value(number)


def _from_paper(key: str, row: Row, context: Context) -> outcomes.Step | None:
    """Our number less the paper's, where data and backbone are the paper's; see beside_paper.py."""
    published = context.published
    line = published.line(row.name, row.config, context.profile) if published else None
    of = FROM_PAPER[key]
    ours = _top1(row, context) if of == "top1" else zero_shot(row, of)
    backbone = row.config.backbone if row.config else None
    if not published or not line or not ours or not backbone or context.profile.synthetic:
        return None
    sets = [name for name in (row.dataset, of) if name and name != "top1"]
    if not all(map(context.is_papers, sets)) or not weights.of_paper(backbone, context.profile.name):
        return None
    theirs = line.number(published.accuracy if of == "top1" else of)
    return None if theirs is None else outcomes.Step(ours.mean - theirs, std=ours.std, mark=ours.mark)


def _published_step(row: Row, context: Context) -> outcomes.Step | None:
    published = context.published
    line = published.line(row.name, row.config, context.profile) if published else None
    return published_step(published, line) if published and line else None


def published_step(published: Published, line: PublishedLine) -> outcomes.Step | None:
    """The paper's own step, which has no interval."""
    points = published.step(line)
    return None if points is None else outcomes.Step(points, is_reference=line is published.reference)


def _correlation(statistic: str) -> Fill:
    def fill(row: Row, context: Context) -> Cell:
        found = context.correlations.number(row, statistic) if context.correlations else None
        return None if found is None else Value(found.value, found.std, len(row.measured), 3, found.marks)

    return fill


def _by_verb(key: str, names: Names) -> tuple[Column, Fill]:
    """Zero-shot on the labels of one kind of verb."""
    dataset, verbs = BY_VERB[key]

    def fill(row: Row, context: Context) -> Cell:
        found = accuracy.of_verbs(row, dataset, verbs)
        return None if found is None else Value(found.value, found.std, len(row.measured), mark=found.marks)

    header = f"{names.dataset(dataset)}, {verbs} verbs, top-1, %"
    return Column(f"{key}_top1", header, ("", "_std")), fill


def _by_verb_step(key: str, names: Names) -> tuple[Column, Fill]:
    """That number less the reference's."""
    dataset, verbs = BY_VERB[key]

    def fill(row: Row, context: Context) -> Cell:
        reference = context.reference(row)
        if reference is None:
            return None
        if row.name == reference.name:
            return outcomes.Step(0.0, is_reference=True)
        return outcomes.step_on(dataset, row, reference, verbs)

    header = f"{names.dataset(dataset)}, {verbs} verbs, step, points"
    return Column(f"{key}_step", header, INTERVAL), fill


def _ticked(key: str) -> tuple[Column, Fill]:
    return Column(key, ticks.HEADERS[key]), lambda row, _: ticks.cell(key, row)


def _zero_shot_columns(dataset: str, names: Names) -> dict[str, tuple[Column, Fill]]:
    """One set by every protocol: splits, full set, half of the classes, and past the text adapters."""

    def column(ending: str, told: str, fill: Callable[[Row], Value | None]) -> tuple[Column, Fill]:
        header = f"Zero-shot {names.dataset(dataset)}{told}, top-1, %"
        return Column(f"{dataset}{ending}_top1", header, ("", "_std")), lambda row, _: fill(row)

    return {
        dataset: column("", "", lambda row: zero_shot(row, dataset)),
        f"{dataset}_full": column(
            "_full", " full set", lambda row: row.value("zero_shot", dataset, "full", "top1")
        ),
        f"{dataset}_half": column("_half", " half of the classes", lambda row: half(row, dataset)),
        f"{dataset}_no_text_adapter": column(
            "_no_text_adapter",
            " without text adapters",
            lambda row: zero_shot(row, dataset, "no_text_adapter"),
        ),
    }


def _less(key: str, names: Names) -> tuple[Column, Fill]:
    of = FROM_PAPER[key]
    header = "Top-1" if of == "top1" else names.dataset(of)
    return (
        Column(key, f"{header} less the paper's, points", INTERVAL),
        lambda row, here: _from_paper(key, row, here),
    )


def columns(names: Names) -> dict[str, tuple[Column, Fill]]:
    """Every column by its key, with what fills it."""
    spread = ("", "_std")
    return {
        "label": (Column("label", "Row", text=True), lambda row, _: row.label),
        "dataset": (Column("dataset", "Dataset", text=True), _dataset),
        "pretraining": (Column("pretraining", "Pre-training", text=True), _pretraining),
        "views": (Column("views", "Frames × crops × clips"), lambda row, _: views(row)),
        "top1": (Column("top1", "Top-1, %", spread), _top1),
        "top5": (Column("top5", "Top-5, %", spread), lambda row, _: row.value("supervised", "top5")),
        **_zero_shot_columns("ucf101", names),
        **_zero_shot_columns("hmdb51", names),
        "chance": (Column("chance", "Chance, %"), _chance),
        "videos": (
            Column("videos", "Test videos"),
            lambda row, _: row.same(lambda run: get_path(run.metrics, "supervised", "videos")),
        ),
        "parameters": (Column("parameters_m", "Trainable parameters at full size, M"), _parameters),
        "gmacs": (Column("gmacs_view", "GFLOPs (GMACs) a view at full size"), _gmacs),
        **{key: _ticked(key) for key in ticks.HEADERS},
        "site": (Column("site", "Site", text=True), lambda row, _: ticks.site(row)),
        "text_layers": (Column("text_layers", "Text adapters"), lambda row, _: ticks.layers_of_text(row)),
        **{key: _by_verb(key, names) for key in BY_VERB},
        **{f"{key}_step": _by_verb_step(key, names) for key in BY_VERB},
        **{key: (Column(key, header, spread), _correlation(key)) for key, header in CORRELATIONS.items()},
        "step": (
            Column("step", "Step, points", INTERVAL),
            _step,
        ),
        "published_top1": (Column("published_top1", "Published on K400, top-1, %"), _published),
        **{key: _less(key, names) for key in FROM_PAPER},
        "published_step": (Column("published_step", "Published on K400, step, points"), _published_step),
    }
