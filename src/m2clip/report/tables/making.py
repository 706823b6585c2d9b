"""A table from its declaration: the paper's lines and ours, in blocks that say which is which."""

from collections.abc import Sequence
from dataclasses import replace

from m2clip.report import overlap
from m2clip.report.correlation import compare
from m2clip.report.differences import difference
from m2clip.report.names import DATASETS, Names
from m2clip.report.results import Row
from m2clip.report.tables import listing, published
from m2clip.report.tables.columns import Context, columns
from m2clip.report.tables.declared import Spec
from m2clip.report.tables.formats import Table
from m2clip.rows import MAIN

ZERO_SHOT = ("ucf101", "hmdb51")
OVER_SPLITS = tuple(f"{name}{ending}" for name in ZERO_SHOT for ending in ("", "_no_text_adapter"))
OVER_SEEDS = {  # what the note calls a column
    "top1": "top-1",
    "top5": "top-5",
    **{f"{name}_full": "zero-shot on the full set" for name in ZERO_SHOT},
    "correlation": "correlation",
    "step": "step",
    "from_paper": "top-1 less the paper's",
}


def of_table(spec: Spec, rows: Sequence[Row], context: Context) -> tuple[list[Row], Context]:
    """The rows of a table, those of a dataset together where no column names it, and the table's context."""
    by_name = {row.name: row for row in rows}
    chosen = [by_name[name] for name in spec.rows]
    chosen = [replace(row, label=spec.labels.get(row.name, row.label)) for row in chosen]
    if "dataset" not in spec.columns:
        order = [*DATASETS, None]
        chosen = sorted(chosen, key=lambda row: order.index(row.dataset))
    here = replace(
        context,
        published=published.read(spec.published) if spec.published else None,
        references=tuple(row for row in chosen if row.name in spec.reference and _is_model(row, context)),
        correlations=compare(chosen) if "correlation" in spec.columns and chosen else None,
    )
    return chosen, here


def _is_model(row: Row, context: Context) -> bool:
    """Whether steps may be counted from it: what is explored on `main` is not what the paper counts from."""
    if row.name != MAIN or row.config is None:
        return True
    differs = difference(row.config, context.profile)
    return all(text.startswith("data.dataset=") for text in differs)


def make_table(name: str, spec: Spec, rows: Sequence[Row], context: Context) -> Table:
    """A declared table, filled."""
    chosen, here = of_table(spec, rows, context)
    lines = here.published.lines if here.published and here.published.listed else ()
    known = columns(Names() if lines else context.names)
    picked = [known[key] for key in spec.columns]
    hidden = {name for name in ZERO_SHOT if not context.is_papers(name)}
    theirs = [listing.cells(here.published, line, spec.columns, hidden) for line in lines if here.published]
    blocks = [listing.heading(line) for line in lines] + [_heading(row, spec, here) for row in chosen]
    return Table(
        name=name,
        title=spec.title,
        notes=tuple(note for note in (spec.note, *_notes(spec, chosen, here)) if note),
        columns=tuple(column for column, _ in picked),
        names=(*("" for _ in lines), *(row.name for row in chosen)),
        seeds=(*(None for _ in lines), *(len(row.measured) for row in chosen)),
        cells=(*theirs, *(tuple(fill(row, here) for _, fill in picked) for row in chosen)),
        blocks=() if "dataset" in spec.columns else tuple(blocks),
    )


def _heading(row: Row, spec: Spec, context: Context) -> str:
    """Where the numbers of a block were measured."""
    if row.dataset is None:
        return "Measured here"
    zero_shot = [context.names.dataset(name) for name in spec.columns if name in ZERO_SHOT]
    tested = row.config.evaluate.zero_shot if row.config else ()
    also = f"; zero-shot on {' and '.join(zero_shot)}" if zero_shot and tested else ""
    theirs = context.published
    beyond = theirs and not theirs.listed and row.dataset not in theirs.datasets
    return (
        f"Measured here: {context.names.dataset(row.dataset)}{also}{' (beyond the paper)' if beyond else ''}"
    )


def _notes(spec: Spec, rows: Sequence[Row], context: Context) -> tuple[str, ...]:
    """What stands behind ±, steps, published values and chance."""
    return (
        _spread(spec, rows, context), _steps(spec, context), _published(spec), _chances(spec, rows, context),
        _overlaps(spec, rows, context),
    )  # fmt: skip


def _spread(spec: Spec, rows: Sequence[Row], context: Context) -> str:
    """Of the columns that the table has; over seeds only where a row has several."""
    several = any(row.trained and len(row.measured) > 1 for row in rows)
    there = list(dict.fromkeys(name for key, name in OVER_SEEDS.items() if several and key in spec.columns))
    parts = [f"Mean ± standard deviation over seeds: {', '.join(there)}."] if there else []
    if set(OVER_SPLITS) & set(spec.columns):
        averaged = ", each split averaged over seeds" if several else ""
        parts.append(f"Zero-shot is mean ± standard deviation over splits{averaged}.")
        if context.names.synthetic:
            parts.append(
                "These splits are thirds without a video in common: their ± is no error of the mean."
            )
    return " ".join(parts)


def _steps(spec: Spec, context: Context) -> str:
    if "step" not in spec.columns:
        return ""
    labels = dict.fromkeys(row.label for row in context.references)
    if not labels:
        return "The row from which steps are counted is not the paper's here, so there are none."
    gone = len(context.references) < len(spec.reference)
    also = " There is no step from a row that is not the paper's here." if gone else ""
    return (
        f"Step: top-1 less that of {', '.join(labels)} on the same dataset, in points; in brackets its 95 % "
        f"interval over the test videos, paired.{also}"
    )


def _published(spec: Spec) -> str:
    if "published_top1" not in spec.columns:
        return ""
    return (
        "Published: the paper's value and the paper's step, measured on K400 with ViT-B/16; missing for a "
        "row that the paper does not have as it is configured here."
    )


def _chances(spec: Spec, rows: Sequence[Row], context: Context) -> str:
    """Chance level of the sets on which accuracy is shown, but for those that a column tells it of."""
    supervised = "top1" in spec.columns and "chance" not in spec.columns
    used = {row.dataset for row in rows} if supervised else set()
    known = {name: context.chance(name) for name in DATASETS if name in used}
    known |= {name: context.chance(name) for name in ZERO_SHOT if name in spec.columns}
    parts = [f"{chance:.1f} % on {context.names.dataset(name)}" for name, chance in known.items() if chance]
    *most, last = parts or [""]
    return f"Chance is {' and '.join([', '.join(most), last] if most else [last])}." if parts else ""


def _overlaps(spec: Spec, rows: Sequence[Row], context: Context) -> str:
    """What of the labels is not unseen; below Table 3, the one with this column, and the one by verb."""
    trained_on = list(dict.fromkeys(row.dataset for row in rows if row.trained and row.dataset))
    whole = "tuned_clip" in spec.columns
    sets = [
        name
        for name in ZERO_SHOT
        if (whole and name in spec.columns) or f"{name}_trained_verbs_step" in spec.columns
    ]
    told = [text for name in sets if (text := overlap.told(name, trained_on, context))]
    return " ".join(f"{text}." for text in told)
