"""docs/methods.md: every method by the docstrings of its two files, its options and its counts. No torch."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from m2clip import experiment, options
from m2clip.options import Options
from m2clip.report import facts, grid
from m2clip.report.grid import NO, YES, Cell, Column, Grid
from m2clip.report.rendering import render

PAGE = Path("docs/methods.md")
SOURCES = Path(__file__).parents[1] / "methods"
FRAMES = 8  # of the counts
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
    """

    name: str
    title: str
    paper: str
    text: str
    trains: str
    options: Options
    settings: tuple[tuple[str, str, str], ...]
    rows: tuple[str, ...]


def described() -> Iterator[Described]:
    """Every method, in the order of the names of their files."""
    for name in options.known():
        module = ast.parse((SOURCES / f"{name}.py").read_text(encoding="utf-8"))
        text, own = ast.get_docstring(module) or "", options.class_of(name)
        found = TITLE.match(text)
        groups = (
            node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name == "groups"
        )
        yield Described(
            name=name, title=found["name"] if found else name, paper=found["paper"] if found else "",
            text=text, trains=next((ast.get_docstring(node) or "" for node in groups), ""), options=own(),
            settings=tuple(_settings(own)),
            rows=tuple(row for row, made in experiment.declared().items() if made.file.stem == name),
        )  # fmt: skip


def _settings(own: type[Options]) -> Iterator[tuple[str, str, str]]:
    """The fields of an options class as its source has them; those of parts in parts are named in theirs."""
    lines = inspect.getsource(own).splitlines()
    for node in ast.parse(inspect.getsource(own)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
            comment = lines[(node.end_lineno or 1) - 1].partition("  # ")[2]
            yield ast.unparse(node.target), ast.unparse(node.value) if node.value else "", comment


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


def page() -> str:
    """The page as Markdown."""
    methods = list(described())
    return render("methods.md.j2", methods=methods, overview=overview(methods))
