"""The tables of results: the paper's lines and ours, in blocks that say which is which."""

from itertools import groupby

from m2clip.report.columns import COLUMNS, UNSEEN, Column
from m2clip.report.grid import Grid, Group, Line
from m2clip.report.names import DATASETS
from m2clip.report.overlap import told
from m2clip.report.results import Results, TableRows
from m2clip.report.row import Row

OVER_SPLITS = tuple(f"{name}{ending}" for name in UNSEEN for ending in ("", "_no_text_adapter"))


def made(results: Results) -> list[Grid]:
    """Every asked table, in order."""
    return [make(place) for place in results.places.values()]


def make(place: TableRows) -> Grid:
    """A declared table, filled; its lines stand in blocks, but where a column names their dataset."""
    spec, results = place.spec, place.results
    columns = [COLUMNS[key] for key in spec.columns]
    listed = bool(place.published and place.published.listed)
    lines = []
    for line, row in place.pairs():
        cells = tuple(column.cell(row, line, place) for column in columns)
        heading = line.heading() if line and listed else _heading(row, place) if row else ""
        lines.append((heading, Line(cells, row.name, len(row.measured)) if row else Line(cells)))
    if "dataset" in spec.columns:
        groups = [Group("", tuple(line for _, line in lines))]
    else:
        blocks = groupby(lines, key=lambda pair: pair[0])
        groups = [Group(heading, tuple(line for _, line in some)) for heading, some in blocks]
    notes = (
        spec.note, _spread(place, columns), _steps(place), _published(place), _chances(place),
        _overlaps(place), *_no_zero_shot(place, columns),
    )  # fmt: skip
    return Grid(
        key=place.name,
        title=spec.title,
        columns=tuple(column.named(results.names, place.published) for column in columns),
        groups=tuple(groups),
        notes=tuple(filter(None, notes)),
    )


def _heading(row: Row, place: TableRows) -> str:
    """Where the numbers of a block were measured."""
    if row.dataset is None:
        return "Measured here"
    names, theirs = place.results.names, place.published
    zero_shot = [names.dataset(name) for name in place.spec.columns if name in UNSEEN]
    tested = row.config.evaluate.zero_shot if row.config else ()
    also = f"; zero-shot on {' and '.join(zero_shot)}" if zero_shot and tested else ""
    beyond = theirs and (theirs.listed or row.dataset not in theirs.datasets)
    return f"Measured here: {names.dataset(row.dataset)}{also}{' (beyond the paper)' if beyond else ''}"


def _spread(place: TableRows, columns: list[Column]) -> str:
    """Of the columns that the table has; over seeds only where a row has several."""
    several = any(row.trained and len(row.measured) > 1 for row in place.rows)
    there = list(dict.fromkeys(column.over_seeds for column in columns if several and column.over_seeds))
    parts = [f"Mean ± standard deviation over seeds: {', '.join(there)}."] if there else []
    if set(OVER_SPLITS) & set(place.spec.columns):
        averaged = ", each split averaged over seeds" if several else ""
        parts.append(f"Zero-shot is mean ± standard deviation over splits{averaged}.")
        if place.results.names.synthetic:
            parts.append(
                "These splits are thirds without a video in common: their ± is no error of the mean."
            )
    return " ".join(parts)


def _steps(place: TableRows) -> str:
    if "step" not in place.spec.columns:
        return ""
    labels = dict.fromkeys(row.label for row in place.references)
    if not labels:
        return "The row from which steps are counted is not the paper's here, so there are none."
    gone = len(place.references) < len(place.spec.reference)
    also = " There is no step from a row that is not the paper's here." if gone else ""
    return (
        f"Step: top-1 less that of {', '.join(labels)} on the same dataset, in points; in brackets its 95 % "
        f"interval over the test videos, paired.{also}"
    )


def _published(place: TableRows) -> str:
    if place.published and place.published.listed:
        where = " and ".join(
            dict.fromkeys(place.results.names.dataset(row.dataset) for row in place.rows if row.dataset)
        )
        return f"Published: by the paper, on the real datasets. Measured: here, trained on {where}."
    if "published_top1" not in place.spec.columns:
        return ""
    return (
        "Published: the paper's value and the paper's step, measured on K400 with ViT-B/16; missing for a "
        "row that the paper does not have as it is configured here."
    )


def _chances(place: TableRows) -> str:
    """Chance level of the sets on which accuracy is shown, but for those that a column tells it of."""
    keys, results = place.spec.columns, place.results
    supervised = "top1" in keys and "chance" not in keys
    used = {row.dataset for row in place.rows} if supervised else set()
    shown = [*(name for name in DATASETS if name in used), *(name for name in UNSEEN if name in keys)]
    known = {name: results.chance(name) for name in shown}
    parts = [f"{chance} % on {results.names.dataset(name)}" for name, chance in known.items() if chance]
    *most, last = parts or [""]
    return f"Chance is {' and '.join([', '.join(most), last] if most else [last])}." if parts else ""


def _overlaps(place: TableRows) -> str:
    """What of the labels is not unseen; below Table 3, the one with this column, and the one by verb."""
    keys = place.spec.columns
    trained_on = list(dict.fromkeys(row.dataset for row in place.rows if row.trained and row.dataset))
    sets = [
        name
        for name in UNSEEN
        if ("tuned_clip" in keys and name in keys) or f"{name}_trained_verbs_step" in keys
    ]
    return " ".join(f"{text}." for name in sets if (text := told(name, trained_on, place.results)))


def _no_zero_shot(place: TableRows, columns: list[Column]) -> list[str]:
    """Of each method that cannot do zero-shot the reason, where the table has such a column."""
    if not any(column.zero_shot for column in columns):
        return []
    configs = [(row.label, row.config.options.no_zero_shot) for row in place.rows if row.config]
    reasons = dict(pair for pair in configs if pair[1])
    return [f"{label} has no zero-shot: {reason}." for label, reason in reasons.items()]
