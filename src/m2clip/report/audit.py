"""experiments/audit.yaml: where the paper and its released code differ, and what each difference costs here.

A cost is the step from `main` to the row that changes one switch alone. Read without torch.
"""

from collections.abc import Collection
from dataclasses import dataclass

from m2clip import experiment
from m2clip.experiment import AUDIT, MAIN
from m2clip.fields import settings
from m2clip.files import read_yaml
from m2clip.parsing import build, flat
from m2clip.report import grid
from m2clip.report.columns import INTERVAL
from m2clip.report.differences import between, difference, written
from m2clip.report.grid import Cell, Column, Grid, Line
from m2clip.report.numbers import MISSING
from m2clip.report.parts import Points, Section
from m2clip.report.results import Results
from m2clip.report.row import Row

UNSEEN = "ucf101"
ALL = "released"  # the row that changes every switch
NOT_MEASURED = "not measured"
SAME = f"same as {MAIN} under this profile"
SLIPS = "What the paper's own numbers cannot mean"
COST = "the row less main; interval: paired bootstrap over videos"
INTRODUCTION = (
    "The default follows the paper's text and equations, and where they leave two readings its numbers. "
    f"Here: whose value {MAIN} has under this profile. A switch may be tried: dvc exp run -S KEY=VALUE."
)


@settings
class Switch(experiment.Switch):
    """A difference that is one key of the config, as the paper and the released code have it, in words.

    cost: for a switch without a row, why no cost is measured.
    """

    what: str
    paper: str
    released: str
    cost: str = ""

    def told(self) -> str:
        """The released code's value on K400, and on SSv2 where it has another there."""
        on_k400, on_ssv2 = (written(self.values.get(name)) for name in ("released", "ssv2"))
        return f"{on_k400}; SSv2: {on_ssv2}" if "ssv2" in self.values and on_ssv2 != on_k400 else on_k400


@dataclass(frozen=True, kw_only=True)
class Other:
    """A difference that is no switch, in words."""

    what: str
    paper: str
    released: str
    ours: str


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A statement of the paper about its numbers, and why it cannot be right."""

    said: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The whole of experiments/audit.yaml."""

    switches: tuple[Switch, ...] = ()
    others: tuple[Other, ...] = ()
    slips: tuple[Slip, ...] = ()

    def rows(self, declared: Collection[str]) -> tuple[str, ...]:
        """The declared rows by which costs are measured: `main`, the switches' and that of all switches."""
        wanted = (MAIN, ALL, *(switch.row for switch in self.switches))
        return tuple(row for row in dict.fromkeys(wanted) if row in declared)


def read() -> Audit:
    """experiments/audit.yaml; its switches are checked where rows are made of them."""
    experiment.declared()
    return build(Audit, read_yaml(AUDIT) or {}, source=str(AUDIT))


SIDES = {"what": "Difference", "paper": "The paper", "released": "The released code"}
OTHERS = {**SIDES, "ours": "Here"}
WORDS = {
    **SIDES, "key": "Key", "paper_value": "Paper's value", "released_value": "Released value", "here": "Here",
    "row": "Row",
}  # fmt: skip


def section(results: Results, audit: Audit) -> Section:
    """Every difference, with what the runs of a profile measured."""
    words = [Column(key, header, text=True) for key, header in OTHERS.items()]
    others = [[getattr(other, key) for key in OTHERS] for other in audit.others]
    parts = (
        INTRODUCTION,
        _switches(results, audit),
        grid.plain("audit-others", "Other differences", words, others),
        Points(tuple(f"{slip.said} {slip.why}" for slip in audit.slips), SLIPS),
    )
    title = "The released code"
    return Section(key="released-code", title=title, parts=parts, page="audit.md", menu="Conclusions")


def _switches(results: Results, audit: Audit) -> Grid:
    unseen = f"Zero-shot {results.names.dataset(UNSEEN)}, points"
    costs = {"cost": "Top-1, points", f"{UNSEEN}_cost": unseen}
    columns = [Column(key, header, text=True) for key, header in WORDS.items()]
    columns += [Column(key, header, endings=INTERVAL, how=COST) for key, header in costs.items()]
    lines = []
    for switch in audit.switches:
        told = (switch.what, switch.paper, switch.released, switch.key, written(switch.values["paper"]))
        here = _here(switch, results.rows[MAIN])
        cost = _cost(results, switch.row) if switch.row else (switch.cost, None)
        lines.append(Line((*told, switch.told(), here, switch.row, *cost), switch.row))
    if ALL in results.rows:
        nothing = (None,) * (len(WORDS) - 2)
        lines.append(Line(("All of these on K400", *nothing, ALL, *_cost(results, ALL)), ALL))
    return grid.plain("audit-switches", "Switches", columns, lines, [_how(results)])


def _here(switch: Switch, main: Row) -> str:
    """Whose value `main` has under this profile: `paper`, `released`, or the value where it is neither's."""
    if main.config is None:
        return MISSING
    value = flat(main.config).get(switch.key, MISSING)
    of_code = switch.values["released"]
    if main.dataset == "ssv2":
        of_code = switch.values.get("ssv2", of_code)
    owners = {written(of_code): "released", written(switch.values["paper"]): "paper"}
    return owners.get(written(value), written(value))


def _main_is_papers(results: Results) -> bool:
    config = results.rows[MAIN].config
    return config is None or not difference(config, results.profile)


def _how(results: Results) -> str:
    if not _main_is_papers(results):
        return f"{MAIN} is not the paper's model as it stands, so no cost is counted from it."
    main = results.rows[MAIN]
    dataset = results.names.dataset(main.dataset) if main.dataset else NOT_MEASURED
    return (
        f"Points: the row, which has the other value alone, less {MAIN}, trained on {dataset}; in brackets "
        "the 95 % interval over the test videos, paired, for these seeds alone; after ± the standard "
        "deviation over seeds."
    )


def _cost(results: Results, name: str) -> tuple[Cell, Cell]:
    """Steps from `main` to a row in top-1: on the dataset trained on, and zero-shot on UNSEEN."""
    row, main = results.rows.get(name), results.rows[MAIN]
    if row and row.config and main.config and not between(row.config, main.config):
        return SAME, None
    if row is None or not _main_is_papers(results):
        return NOT_MEASURED, NOT_MEASURED
    own, unseen = results.step(row, main), results.step(row, main, UNSEEN)
    return own or NOT_MEASURED, unseen or NOT_MEASURED
