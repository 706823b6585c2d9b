"""experiments/tables.yaml: which rows a table shows. Read without torch, so that a mistake is found early."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from m2clip import experiment
from m2clip.errors import UserError, did_you_mean
from m2clip.files import read_yaml
from m2clip.parsing import build
from m2clip.profiles import PARAMS
from m2clip.report import TABLES, published
from m2clip.report.columns import COLUMNS, DEFAULT

PAPER, ALL = "paper", "all"  # groups of tables that `make repro` knows without a table of theirs
FEW = 30  # names that a message lists


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One table as declared.

    methods: a dataset; each method's first row on it is added after `rows`. reference: for each dataset the
    row from which steps are counted. published: the file under experiments/published with the paper's
    numbers; the rows that it names are added too. labels: names that rows have in this table alone. group:
    `make repro` trains the rows of the group `paper`, those of another when it is asked for.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...] = DEFAULT
    note: str = ""
    methods: Literal["", "k400", "ssv2"] = ""
    reference: tuple[str, ...] = ()
    published: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    group: Literal["paper", "methods", "audit"] = "paper"


def shown(tables: Mapping[str, Spec]) -> tuple[str, ...]:
    """Every row that a table shows, once, in the order of the tables."""
    return tuple(dict.fromkeys(row for spec in tables.values() for row in spec.rows))


def read(asked: object, rows: Collection[str]) -> dict[str, Spec]:
    """The tables that params.yaml asks for in its order, each row of them declared and each column known.

    Raises:
        UserError: naming the key path of a table, row or column that does not exist.
    """
    tables = _tables()
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
        raise UserError(f"{PARAMS}: tables: expected a list of names such as [main], got {asked!r}")
    for name in asked:
        _known(f"{PARAMS}: tables", "table", name, tables)
    specs = {name: _spec(name, tables[name] or {}, rows) for name in tables}
    return {name: specs[name] for name in asked}


def rows_of(asked: Sequence[str], rows: Collection[str]) -> tuple[str, ...]:
    """The rows that these tables, or those of these groups, show, once each; `all` is every declared row.

    Raises:
        UserError: there is no such table or group, or experiments/tables.yaml has a mistake.
    """
    if ALL in asked:
        return tuple(rows)
    specs = {name: _spec(name, values or {}, rows) for name, values in _tables().items()}
    groups = {spec.group for spec in specs.values()}
    for name in asked:
        _known(str(TABLES), "table", name, {*specs, *groups, ALL})
    found: list[str] = []
    for name, spec in specs.items():
        if name in asked or {spec.group} & set(asked) - {PAPER}:
            found += spec.rows
        elif spec.group in asked:  # not the rows of other methods that stand beside the paper's
            found += _tables()[name]["rows"]
    return tuple(dict.fromkeys(found))


def _tables() -> dict[str, Any]:
    content = read_yaml(TABLES) or {}
    if not isinstance(content, dict) or not isinstance(content.get("tables"), dict):
        raise UserError(f"{TABLES}: expected a mapping `tables`")
    return content["tables"]


def _spec(name: str, values: object, rows: Collection[str]) -> Spec:
    spec = build(Spec, values, path=f"tables.{name}", source=str(TABLES))
    for key, kind, used, known in (
        ("rows", "row", spec.rows, rows), ("columns", "column", spec.columns, COLUMNS),
        ("reference", "row", spec.reference, spec.rows), ("labels", "row", spec.labels, spec.rows),
        ("published", "file", [spec.published] if spec.published else [], published.FILES),
    ):  # fmt: skip
        for value in used:
            _known(f"{TABLES}: tables.{name}.{key}", kind, value, known)
    lines = published.read(spec.published).lines if spec.published else ()
    named = (row for line in lines for row in line.rows if row in rows)
    more = (*spec.rows, *experiment.first_rows(spec.methods), *named)
    return replace(spec, rows=tuple(dict.fromkeys(more)))


def _known(where: str, kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UserError(
            f"{where}: there is no {kind} {name}{did_you_mean(name, known)}"
            + (f"; known are {sorted(known)}" if len(known) <= FEW else "")
        )
