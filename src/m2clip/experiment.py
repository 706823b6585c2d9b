"""Rows: which config each line of a table is run with. No torch.

A run's config is the code's defaults, then the profile, then the profile's recipe for the dataset and the
row's own recipe under that profile, then the row. The row `main` takes its differences from params.yaml.

Rows are declared in experiments/rows/<method>.yaml. An entry `te` with `on: [k400, ssv2]` is two rows: `te`
on the first dataset and `te-ssv2`. The rows of the audit are made of the switches in experiments/audit.yaml.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from m2clip import backbones, options, profiles
from m2clip.config import Run
from m2clip.errors import UserError, did_you_mean
from m2clip.fields import settings
from m2clip.files import read_mapping, read_text
from m2clip.names import check_name
from m2clip.parsing import build, gather_options, merge, override
from m2clip.profiles import DATASETS, PARAMS, PROFILES, Dataset, Profile, params

ROWS = Path("experiments/rows")
AUDIT = Path("experiments/audit.yaml")
MAIN = "main"
NOT_OF_A_RUN = ("profile", "seeds", "tables")  # keys of params.yaml that are for all rows


@settings
class Entry:
    """What an entry says beside its differences: how tables call its rows, and which rows it gives.

    on: the datasets it is trained on; the row on the first has the entry's name, the others end in theirs.
    recipes: by profile, how its rows are trained there. switches: `released` sets every switch of
    experiments/audit.yaml to the released code's value. A key named like a dataset (`ssv2: {...}`), here and
    in a recipe, holds differences on that dataset alone.
    """

    label: str = ""
    on: tuple[Dataset, ...] = ("k400",)
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    switches: Literal["released"] | None = None


@settings
class Switch:
    """A key of the config in which paper and released code differ (experiments/audit.yaml).

    values: by whose: paper, released, and ssv2 where the released code has another there. ours: whose value
    is the default. row: the row that has the other value alone, on K400, called `label` in tables.
    """

    key: str
    values: dict[str, Any]
    ours: str = "paper"
    row: str = ""
    label: str = ""

    def other(self) -> dict[str, Any]:
        """The value that is not the default, as a difference."""
        return _nested(self.key, self.values["released" if self.ours == "paper" else "paper"])

    def released_on(self, dataset: str) -> dict[str, Any]:
        """The released code's value on a dataset, as a difference."""
        return _nested(self.key, self.values.get(dataset, self.values["released"]))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row as declared: its label, its differences from the defaults, its recipes by profile.

    file, key: where it is declared.
    """

    file: Path
    key: str
    label: str
    dataset: str
    differences: dict[str, Any]
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def label_at(self) -> tuple[Path, str]:
        """The file and the key path of its label."""
        return self.file, f"{self.key}.label"

    @property
    def source(self) -> str:
        """How a message about it begins."""
        return f"{self.file}: {self.key}"


def declared() -> dict[str, Row]:
    """Every row by its id: M2-CLIP's, then those of the other methods, then the audit's.

    Raises:
        UserError: naming the file and the entry of the first mistake.
    """
    files = sorted(ROWS.glob("*.yaml"), key=lambda file: (file.stem != Run.method, file.stem))
    audit = [AUDIT] if AUDIT.is_file() else []
    return dict(_declared(tuple((file, read_text(file)) for file in (*files, *audit))))


@lru_cache(maxsize=4)
def _declared(contents: tuple[tuple[Path, str], ...]) -> dict[str, Row]:
    """The rows of these files, read once as long as no text changes."""
    files = [file for file, _ in contents if file != AUDIT]
    found: dict[str, Row] = {}
    switches = _switches()
    for file in files:
        if file.stem not in options.known():
            known = options.known()
            raise UserError(f"{file}: there is no method {file.stem}{did_you_mean(file.stem, known)}")
        for name, values in read_mapping(file).items():
            for row, made in _of_entry(file, str(name), {} if values is None else values, switches):
                if row in found:
                    raise UserError(f"{made.source}: there is a row {row} already, {found[row].source}")
                found[row] = made
    for number, switch in enumerate(switches):
        if switch.row and switch.row not in found:
            check_name(switch.row, f"{AUDIT}: switches.{number}.row")
            differences = {"method": Run.method, "data": {"dataset": "k400"}}
            found[switch.row] = Row(
                file=AUDIT,
                key=f"switches.{number}",
                label=switch.label,
                dataset="k400",
                differences=gather_options(merge(differences, switch.other())),
            )
    if MAIN not in found:
        raise UserError(f"{ROWS / Run.method}.yaml: expected an entry `{MAIN}`, the row of {PARAMS}")
    return found


def _of_entry(file: Path, name: str, values: Any, switches: tuple[Switch, ...]) -> Iterator[tuple[str, Row]]:
    """The rows of an entry, one a dataset, with their ids."""
    check_name(name, str(file))
    where = f"{file}: {name}"
    if not isinstance(values, Mapping):
        raise UserError(f"{where}: expected keys and values, got {values!r}")
    own = {key: values[key] for key in Entry.__dataclass_fields__ if key in values}
    entry = build(Entry, own, source=where)
    common = {key: value for key, value in values.items() if key not in own}
    if not entry.on or len(set(entry.on)) < len(entry.on):
        raise UserError(
            f"{where}: on: expected different datasets such as [k400, ssv2], got {list(entry.on)}"
        )
    for key in common.keys() & set(DATASETS) - set(entry.on):
        raise UserError(f"{where}: {key}: it is not on {key}; add that to `on`")
    if name == MAIN and (common or entry != Entry()):
        raise UserError(f"{where}: must be empty; {PARAMS} says what differs")
    data = common.get("data")
    if "method" in common or (isinstance(data, Mapping) and "dataset" in data):
        raise UserError(f"{where}: the file's name is the method, and `on` says the datasets; take them out")
    for at, dataset in enumerate(entry.on):
        base = {"method": file.stem} | ({} if name == MAIN else {"data": {"dataset": dataset}})
        if entry.switches:
            for switch in switches:
                base = merge(base, switch.released_on(dataset))
        row = Row(
            file=file,
            key=name,
            label=entry.label,
            dataset=dataset,
            differences=gather_options(merge(base, _on(common, dataset, where))),
            recipes={
                under: gather_options({"method": file.stem} | _on(recipe, dataset, where))
                for under, recipe in entry.recipes.items()
            },
        )
        build(Run, row.differences, source=where)
        yield (f"{name}-{dataset}" if at else name), row


def _on(values: Mapping[str, Any], dataset: str, where: str) -> dict[str, Any]:
    """The differences on one dataset: what holds for all, with the part under the dataset's name on top."""
    there = values.get(dataset) or {}
    if not isinstance(there, Mapping):
        raise UserError(f"{where}: {dataset}: expected keys and values, got {there!r}")
    return merge({key: value for key, value in values.items() if key not in DATASETS}, there)


def _switches() -> tuple[Switch, ...]:
    """The switches of experiments/audit.yaml; none where there is no such file."""
    content = read_mapping(AUDIT) if AUDIT.is_file() else {}
    found = []
    listed = content.get("switches") or []
    if not isinstance(listed, list):
        raise UserError(f"{AUDIT}: switches: expected a list, got {listed!r}")
    for number, values in enumerate(listed):
        where = f"switches.{number}"
        if not isinstance(values, Mapping):
            raise UserError(f"{AUDIT}: {where}: expected keys and values, got {values!r}")
        for key in ("key", "values"):
            if key not in values:
                raise UserError(f"{AUDIT}: {where}.{key}: is missing")
        known = {key: values[key] for key in Switch.__dataclass_fields__ if key in values}
        switch = build(Switch, known, path=where, source=str(AUDIT))
        for key in ("paper", "released"):
            if key not in switch.values:
                raise UserError(f"{AUDIT}: {where}.values.{key}: is missing")
        for value in switch.values.values():
            build(Run, _nested(switch.key, value), source=f"{AUDIT}: {values.get('what', where)}")
        found.append(switch)
    return tuple(found)


def _nested(key: str, value: Any) -> dict[str, Any]:
    """A dotted key as nested mappings."""
    nested: Any = value
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return dict(nested)


def rows(base: Profile | str | None = None) -> list[str]:
    """The ids of all rows, in the order of their declarations.

    Args:
        base: a profile or its name; rows on datasets that it does without are left out.
    """
    base = profiles.read(base) if isinstance(base, str) else base
    left_out = base.left_out if base else ()
    return [name for name, row in declared().items() if row.dataset not in left_out]


def row_of(name: str) -> Row:
    """A row by its id.

    Raises:
        UserError: when there is none.
    """
    known = declared()
    if name not in known:
        raise UserError(f"there is no row {name}{did_you_mean(name, known)}; {ROWS}/ has all {len(known)}")
    return known[name]


def first_rows(dataset: str) -> list[str]:
    """The first row of every method on a dataset, in the order of their declarations."""
    found: dict[Path, str] = {}
    for name, row in declared().items():
        if row.dataset == dataset and row.file != AUDIT:
            found.setdefault(row.file, name)
    return list(found.values())


def labels() -> dict[str, str]:
    """What rows are called in tables and figures, of those that declare it."""
    return {name: row.label for name, row in declared().items() if row.label}


def differences(name: str) -> dict[str, Any]:
    """How a row differs from the defaults; of `main`, what params.yaml says, nulls dropped."""
    row = row_of(name)
    if name != MAIN:
        return row.differences
    mine = {key: value for key, value in params().items() if key not in NOT_OF_A_RUN}
    if mine.get("method") not in (None, Run.method):  # M2-CLIP's keys say nothing of another method
        mine = {key: value for key, value in mine.items() if key not in _of_m2clip()}
    return gather_options(merge({"method": Run.method}, mine))


def _of_m2clip() -> set[str]:
    """The keys of params.yaml that are M2-CLIP's alone."""
    return {option.name for option in fields(options.class_of(Run.method))}


def recipe(name: str, base: Profile) -> dict[str, Any]:
    """How a row is trained under a profile, where that is not as the profile says for all.

    `main` with flags that make it the model of another row is trained as that row is.
    """
    row = twin(base) if name == MAIN else name
    return row_of(row).recipes.get(base.name, {}) if row else {}


def twin(base: Profile) -> str | None:
    """The row with a recipe under the profile whose model and data `main` has, whatever `train` says."""
    mine = {key: value for key, value in differences(MAIN).items() if key not in ("train", "evaluate")}
    candidates = {name: row for name, row in declared().items() if base.name in row.recipes}
    if not candidates:
        return None
    config = _without_recipe(mine, base)
    same = (name for name, row in candidates.items() if _without_recipe(row.differences, base) == config)
    return next(same, None)


def _without_recipe(over: dict[str, Any], base: Profile) -> Run:
    """The config of some differences under a profile; zero-shot sets and decoder aside."""
    dataset = str((over.get("data") or {}).get("dataset") or base.data.get("dataset", "k400"))
    below = override(base.sections(over["method"]), base.datasets.get(dataset, {}))
    config = build(Run, override(below, over))
    data = replace(config.data, dataset=dataset, decoder="auto")
    return replace(config, data=data, evaluate=replace(config.evaluate, zero_shot=()))


def resolve(name: str, base: Profile | None = None) -> Run:
    """The whole config of a row under a profile, checked against the backbone.

    Raises:
        UserError: naming the file, the row and the key path of the first mistake.
    """
    base = base or profiles.read()
    source = str(PARAMS) if name == MAIN else row_of(name).source
    over = differences(name)
    build(Run, over, source=source)  # so that a mistake is blamed on the file that holds it
    dataset = str((over.get("data") or {}).get("dataset") or base.data.get("dataset", "k400"))
    if dataset not in DATASETS:
        raise UserError(
            f"{source}: data.dataset: there is no dataset {dataset}{did_you_mean(dataset, DATASETS)}"
        )
    try:
        below = override(base.sections(over["method"]), base.datasets.get(dataset, {}))
        build(Run, below)
    except UserError as error:
        raise UserError(f"{PROFILES / base.name}.yaml: {error}") from None
    try:
        build(Run, below := override(below, recipe(name, base)))
    except UserError as error:
        raise UserError(f"{row_of(name).source}: recipes.{base.name}: {error}") from None
    try:
        config = build(Run, override(below, over))
        zero_shot = tuple(other for other in config.evaluate.zero_shot if other not in base.left_out)
        config = replace(config, evaluate=replace(config.evaluate, zero_shot=zero_shot))
        backbones.check(config)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    return config


def needing(dataset: str, base: Profile) -> list[str]:
    """The rows that are trained on a dataset, or tested on it by zero-shot."""
    configs = {row: resolve(row, base) for row in rows()}
    return [
        row for row, config in configs.items() if dataset in (config.data.dataset, *config.evaluate.zero_shot)
    ]
