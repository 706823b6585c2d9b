"""experiments/tables.yaml: which rows a table shows. Read without torch, so that a mistake is found early."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from m2clip import experiment
from m2clip.errors import UserError, did_you_mean
from m2clip.files import read_yaml
from m2clip.parsing import build
from m2clip.profiles import PARAMS
from m2clip.report import TABLES
from m2clip.report.columns import COLUMNS, DEFAULT
from m2clip.report.published import FILES

PAPER, ALL = "paper", "all"  # groups of tables that `make repro` knows without a table of theirs
FEW = 30  # names that a message lists


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One table as declared.

    reference: of each dataset the row from which steps are counted. published: the file under
    experiments/published with the paper's numbers. labels: what some of its rows are called in it alone.
    group: `make repro` trains the rows of the group `paper`; those of another when it is asked for.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...] = DEFAULT
    note: str = ""
    reference: tuple[str, ...] = ()
    published: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    group: Literal["paper", "methods", "audit"] = "paper"


@dataclass(frozen=True)
class Declared:
    """The tables that params.yaml asks for, in its order, and the declared labels of rows."""

    tables: dict[str, Spec]
    labels: dict[str, str] = field(default_factory=dict)

    def rows(self) -> tuple[str, ...]:
        """Every row that a table shows, once, in the order of the tables."""
        return tuple(dict.fromkeys(row for spec in self.tables.values() for row in spec.rows))


def read(asked: object, rows: Collection[str]) -> Declared:
    """The asked tables, each row and column of them known.

    Args:
        asked: what params.yaml says under `tables`.
        rows: the rows that are declared.

    Raises:
        UserError: naming the key path of a table, row or column that does not exist.
    """
    tables = _tables()
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
        raise UserError(f"{PARAMS}: tables: expected a list of names such as [main], got {asked!r}")
    for name in asked:
        _known(f"{PARAMS}: tables", "table", name, tables)
    specs = {name: _spec(name, tables[name] or {}, rows) for name in tables}
    return Declared({name: specs[name] for name in asked}, experiment.labels())


def rows_of(asked: Sequence[str], rows: Collection[str]) -> tuple[str, ...]:
    """The rows that these tables show, once each.

    Args:
        asked: names of tables or of their groups; `all` is every row, shown or not.
        rows: the rows that are declared.

    Raises:
        UserError: there is no such table or group, or experiments/tables.yaml has a mistake.
    """
    if ALL in asked:
        return tuple(rows)
    specs = {name: _spec(name, values or {}, rows) for name, values in _tables().items()}
    groups = {spec.group for spec in specs.values()}
    for name in asked:
        _known(str(TABLES), "table", name, {*specs, *groups, ALL})
    shown = [spec for name, spec in specs.items() if {name, spec.group} & set(asked)]
    return tuple(dict.fromkeys(row for spec in shown for row in spec.rows))


def _tables() -> dict[str, Any]:
    content = read_yaml(TABLES) or {}
    if not isinstance(content, dict) or not isinstance(content.get("tables"), dict):
        raise UserError(f"{TABLES}: expected a mapping `tables`")
    return content["tables"]


def _spec(name: str, values: object, rows: Collection[str]) -> Spec:
    path = f"tables.{name}"
    if isinstance(values, dict):
        for key in ("title", "rows"):
            if key not in values:
                raise UserError(f"{TABLES}: {path}.{key}: is missing")
    spec = build(Spec, values, path=path, source=str(TABLES))
    for key, kind, known in (
        ("rows", "row", rows),
        ("columns", "column", COLUMNS),
        ("reference", "row", spec.rows),
        ("labels", "row", spec.rows),
    ):
        for value in getattr(spec, key):
            _known(f"{TABLES}: {path}.{key}", kind, value, known)
    if spec.published:
        _known(f"{TABLES}: {path}.published", "file", spec.published, FILES)
    return spec


def _known(where: str, kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise UserError(
            f"{where}: there is no {kind} {name}{did_you_mean(name, known)}"
            + (f"; known are {sorted(known)}" if len(known) <= FEW else "")
        )
