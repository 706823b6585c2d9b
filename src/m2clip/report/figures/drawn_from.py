"""What a figure is drawn from that is no picture of its table's numbers: of each row a file of its runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from m2clip.report.figures import old_gains as gains
from m2clip.report.figures import published_scatter, reversed_pairs, temporal_difference
from m2clip.report.figures.drawing import KINDS
from m2clip.report.numbers import Source
from m2clip.report.results import Row
from m2clip.report.sources import printed_cell
from m2clip.report.tables import published
from m2clip.report.tables.declared import Declared, Spec
from m2clip.rows import MAIN
from m2clip.runs import RunKey

FILES = {
    "curves": "history",
    "head_curves": "history",
    "confusion": "confusion",
    "gains": "confusion",
    "reversed_pairs": "confusion",
    "named_correlation": "label_features",
}
BY_ROW = ("curves", "confusion", "gains")  # named by the row, not by the table
PRINTED = {"table1_k400": ("frames", "tunable_params_m", "top1"), "table3_zero_shot": ("ucf101", "hmdb51")}


@dataclass(frozen=True)
class Part:
    """What a figure shows of one row, or of a method that the paper printed, which has no row."""

    name: str
    label: str
    sources: tuple[Source, ...]
    row: Row | None = None


def parts(figure: str, asked: Declared, rows: Mapping[str, Row]) -> list[Part]:
    """Of a figure by the name of its files; nothing where the name is none."""
    kind, _, name = figure.partition("-")
    if figure == temporal_difference.NAME:
        return [_part(rows[MAIN], [run.key for run in rows[MAIN].measured[:1]], "adapters")]
    if figure == "curves":
        drawn = [row for spec in asked.tables.values() if "curves" in spec.figures for row in spec.rows]
        return [_of(kind, rows[one]) for one in dict.fromkeys(drawn) if rows[one].trained]
    if kind in BY_ROW and name in rows:
        clip = gains.of_clip(list(rows.values()), rows[name]) if kind == "gains" else None
        return [_of(kind, row) for row in (rows[name], clip) if row]
    of, spec = _by_name(asked).get(figure, ("", None))
    if spec is None:
        return []
    return list(_printed()) if of == "published_scatter" else [_of(of, row) for row in _shown(of, spec, rows)]


def names(asked: Declared) -> list[str]:
    """Every name of a figure, of those drawn row by row without the row."""
    return [*_by_name(asked), *BY_ROW, temporal_difference.NAME]


def _by_name(asked: Declared) -> dict[str, tuple[str, Spec]]:
    """Kind and table by the name of a figure that does not have its table's name."""
    found = {}
    for table, spec in asked.tables.items():
        for kind in spec.figures:
            if ending := KINDS[kind][0] if kind in KINDS else "":
                found[f"{table}{ending}"] = (kind, spec)
    return found


def _shown(kind: str, spec: Spec, rows: Mapping[str, Row]) -> list[Row]:
    """The rows of a table that a figure of this kind draws."""
    chosen = [rows[name] for name in spec.rows]
    if kind == "reversed_pairs":
        return [row for row in chosen if row.dataset == reversed_pairs.DATASET]
    if kind == "head_curves":
        own = next((row.dataset for row in chosen if row.trained), None)
        return [row for row in chosen if row.trained and row.dataset == own]
    return chosen


def _of(kind: str, row: Row) -> Part:
    return _part(row, [run.key for run in row.measured], FILES[kind])


def _part(row: Row, keys: Sequence[RunKey], file: str) -> Part:
    return Part(row.name, row.label, tuple(Source(getattr(key, file), "", key) for key in keys), row)


def _printed() -> Iterator[Part]:
    """The points of Figure 1 from the paper's tables."""
    tables = {name: published.read(name).lines for name in PRINTED}
    for one in published_scatter.points():
        lines = dict(zip(PRINTED, (one.first, one.third), strict=True))
        found = [
            printed_cell(name, tables[name], line, column)
            for name, line in lines.items()
            for column in PRINTED[name]
            if line.cells.get(column)
        ]
        yield Part("", one.method, tuple(found))
