"""docs/methods.md: every method by the docstrings of its two files, its options and its counts. No torch."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path

from m2clip import experiment, options
from m2clip.options import Options
from m2clip.report import facts, grid
from m2clip.report.grid import NO, YES, Cell, Column, Grid
from m2clip.report.rendering import render

PAGE = Path("docs/methods.md")
SOURCES = Path(__file__).parents[1] / "methods"
FRAMES = 8  # of the counts
PUBLISHED = Path("experiments/published/table1_k400.csv")
COMPONENTS = Path("reports/complexity_components.csv")
ARCHITECTURES = Path("reports/complexity_architectures.csv")
COUNTED = ("trainable_total", "gmacs_view", "gmacs_text")
TITLE = re.compile(r"(?P<name>[^:(]+?) \((?P<paper>[^)]*)\)")
COLUMNS = (
    Column("method", "Method", text=True),
    Column("paper", "Paper", text=True),
    Column("parameters", "Trainable parameters, M"),
    Column("gmacs", "GMACs a view"),
    Column("gmacs_text", "GMACs of 400 labels"),
    Column("predicts", "Predicts by", text=True),
    Column("zero_shot", "Zero-shot"),
    Column("lengths", "Other number of frames in testing"),
    Column("templates", "Other sentences in testing"),
    Column("soft", "Smoothed and mixed labels"),
)


@dataclass(frozen=True, kw_only=True)
class Described:
    """A method as its files describe it.

    paper: authors, venue and section, where the first line names them. text: the docstring. trains: what its
    `groups` say is trained. settings: key, default and comment of each option. rows: that are declared.
    parts: its trained groups with their parameters.
    """

    name: str
    title: str
    paper: str
    text: str
    trains: str
    options: Options
    settings: tuple[tuple[str, str, str], ...]
    rows: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]


def described() -> Iterator[Described]:
    """Every method, in the order of the names of their files."""
    components = facts.lines(COMPONENTS)
    for name in options.known():
        module = ast.parse((SOURCES / f"{name}.py").read_text(encoding="utf-8"))
        text, own = ast.get_docstring(module) or "", options.class_of(name)
        found = TITLE.match(text)
        groups = (
            node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name == "groups"
        )
        rows = tuple(row for row, made in experiment.declared().items() if made.file.stem == name)
        yield Described(
            name=name, title=found["name"] if found else name, paper=found["paper"] if found else "",
            text=text, trains=next((ast.get_docstring(node) or "" for node in groups), ""), options=own(),
            settings=tuple(_settings(own)),
            rows=rows, parts=tuple(_parts(components, next(iter(rows), ""))),
        )  # fmt: skip


def _parts(components: list[facts.Line], row: str) -> Iterator[tuple[str, str]]:
    """The trained groups of a row, at the first number of frames that it was counted with."""
    own = [line for line in components if line["row"] == row and line["kind"] == "trainable"]
    for line in own:
        if line["frames"] == own[0]["frames"]:
            yield line["component"], f"{int(line['count']):,}"


def _settings(own: type[Options]) -> Iterator[tuple[str, str, str]]:
    """The fields of an options class as its source has them; those of parts in parts are named in theirs."""
    lines = inspect.getsource(own).splitlines()
    for node in ast.parse(inspect.getsource(own)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
            comment = lines[(node.end_lineno or 1) - 1].partition("  # ")[2]
            name = ast.unparse(node.target)
            value = getattr(own(), name)
            yield name, "see params.yaml" if is_dataclass(value) else repr(value), comment


def overview(methods: list[Described]) -> Grid:
    """What each costs at full size and what it can do, as its options stand by default."""
    counts = facts.read_parameters()
    lines: list[list[Cell]] = []
    for one in methods:
        row = next(iter(one.rows), "")
        trained, view, texts = (counts.number(row, FRAMES, key) for key in COUNTED)
        parameters = trained and replace(trained, value=trained.value / 1e6, digits=2)
        has = one.options
        heads = [
            word for word, there in (("texts", has.reads_text), ("a classifier", "vc" in has.heads)) if there
        ]
        sentences = not has.learned_words if has.reads_text else None
        able = (has.zero_shot, not has.one_length, sentences, has.soft_targets)
        lines.append(
            [
                one.title,
                one.paper,
                parameters,
                view,
                texts if has.reads_text else None,
                " and ".join(heads),
                *(None if yes is None else YES if yes else NO for yes in able),
            ]
        )
    return grid.plain("methods", "All methods", COLUMNS, lines)


def architectures() -> Grid:
    """Published lines that adapt no CLIP: counts of torchvision's very same architecture, and the printed."""
    columns = (
        Column("architecture", "Architecture", text=True),
        Column("frames", "Frames"),
        Column("parameters", "Parameters, M"),
        Column("parameters_published", "as published"),
        Column("gmacs", "GMACs a view"),
        Column("gmacs_published", "as published"),
    )
    printed = {line["method"]: line for line in facts.lines(PUBLISHED)}
    lines: list[list[Cell]] = [
        [
            one["architecture"],
            one["frames"],
            f"{int(one['trainable_total']) / 1e6:.1f}",
            printed[one["architecture"]]["tunable_params_m"],
            f"{float(one['gmacs_view']):.1f}",
            printed[one["architecture"]]["gflops_per_view"],
        ]
        for one in facts.lines(ARCHITECTURES)
    ]
    return grid.plain("architectures", "Architectures that adapt no CLIP", columns, lines)


def page() -> str:
    """The page as Markdown."""
    methods = list(described())
    return render("methods.md.j2", methods=methods, overview=overview(methods), architectures=architectures())
