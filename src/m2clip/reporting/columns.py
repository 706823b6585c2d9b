"""The columns that a table may show, and a table made from its declaration and the rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from m2clip.reporting.declared import Spec
from m2clip.reporting.facts import Line, Parameters
from m2clip.reporting.names import Names
from m2clip.reporting.results import Row, Value, look, summary
from m2clip.reporting.tables import Cell, Column, Table


@dataclass(frozen=True)
class Context:
    """What cells need beside the row: names, facts of the datasets, parameters at full size."""

    names: Names
    facts: Mapping[str, Line | None]
    parameters: Parameters

    def chance(self, dataset: str | None) -> float | None:
        """Percent of a guess among the labels of a dataset."""
        labels = (self.facts.get(dataset or "") or {}).get("labels", "")
        return 100 / int(labels) if labels.isdigit() and int(labels) else None


VIEWS = ("frames", "crops", "clips")
Fill = Callable[[Row, Context], Cell]


def views(row: Row) -> str | None:
    """Frames x crops x clips, as evaluated."""
    counts = row.same(lambda run: [look(run.metrics, "supervised", key) for key in VIEWS]) or [None]
    return None if None in counts else " × ".join(map(str, counts))


def zero_shot(row: Row, dataset: str) -> Value | None:
    """Mean and standard deviation over splits; of several seeds, each split is their mean first."""
    names = dict.fromkeys(
        name for run in row.measured for name in look(run.metrics, "zero_shot", dataset, "splits") or {}
    )
    splits = [row.value("zero_shot", dataset, "splits", name, "top1") for name in names]
    over = summary(split.mean for split in splits if split)
    if over is None or not all(splits):
        return None
    return replace(over, mark=splits[0].mark if splits[0] else "")


def title(row: Row, context: Context) -> str:
    """What a row is called where nothing beside it names its dataset."""
    return f"{row.label} on {context.names.dataset(row.dataset)}" if row.dataset else row.label


def _dataset(row: Row, context: Context) -> str | None:
    return context.names.dataset(row.dataset) if row.dataset else None


def _chance(row: Row, context: Context) -> Value | None:
    chance = context.chance(row.dataset)
    return None if chance is None else Value(chance)


def _parameters(row: Row, context: Context) -> Value | None:
    count = context.parameters.trainable(row.name, row.config.data.frames if row.config else None)
    return None if count is None else Value(count / 1e6, digits=2)


def columns(names: Names) -> dict[str, tuple[Column, Fill]]:
    """Every column by its key, with what fills it."""
    ucf, hmdb = names.dataset("ucf101"), names.dataset("hmdb51")
    return {
        "label": (Column("label", "Row", text=True), lambda row, _: row.label),
        "dataset": (Column("dataset", "Dataset", text=True), _dataset),
        "views": (Column("views", "Frames × crops × clips"), lambda row, _: views(row)),
        "top1": (Column("top1", "Top-1, %", spread=True), lambda row, _: row.value("supervised", "top1")),
        "top5": (Column("top5", "Top-5, %", spread=True), lambda row, _: row.value("supervised", "top5")),
        "ucf101": (
            Column("ucf101_top1", f"Zero-shot {ucf}, top-1, %", spread=True),
            lambda row, _: zero_shot(row, "ucf101"),
        ),
        "hmdb51": (
            Column("hmdb51_top1", f"Zero-shot {hmdb}, top-1, %", spread=True),
            lambda row, _: zero_shot(row, "hmdb51"),
        ),
        "chance": (Column("chance", "Chance, %"), _chance),
        "videos": (
            Column("videos", "Test videos"),
            lambda row, _: row.same(lambda run: look(run.metrics, "supervised", "videos")),
        ),
        "parameters": (Column("parameters_m", "Trainable parameters at full size, M"), _parameters),
    }


def make_table(name: str, spec: Spec, rows: Sequence[Row], context: Context) -> Table:
    """A declared table, filled."""
    by_name = {row.name: row for row in rows}
    chosen = [by_name[row] for row in spec.rows]
    known = columns(context.names)
    picked = [known[key] for key in spec.columns]
    return Table(
        name=name,
        title=spec.title,
        notes=tuple(note for note in (spec.note, _spread(chosen), _chances(spec, context)) if note),
        columns=tuple(column for column, _ in picked),
        names=spec.rows,
        seeds=tuple(len(row.measured) for row in chosen),
        cells=tuple(tuple(fill(row, context) for _, fill in picked) for row in chosen),
    )


def _spread(rows: Sequence[Row]) -> str:
    """What stands behind ±."""
    if any(row.trained and len(row.measured) > 1 for row in rows):
        return (
            "Top-1 and top-5 are mean ± standard deviation over seeds; zero-shot is mean ± standard "
            "deviation over splits, each split averaged over seeds."
        )
    return "Zero-shot is mean ± standard deviation over splits."


def _chances(spec: Spec, context: Context) -> str:
    """Chance level of the sets that are only tested zero-shot."""
    known = {name: context.chance(name) for name in ("ucf101", "hmdb51") if name in spec.columns}
    parts = [f"{chance:.1f} % on {context.names.dataset(name)}" for name, chance in known.items() if chance]
    return f"Chance is {' and '.join(parts)}." if parts else ""
