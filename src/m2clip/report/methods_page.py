"""docs/methods.md: every method by the docstrings of its two files, its options and its counts. No torch."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path

from m2clip import experiment, options
from m2clip.options import Options
from m2clip.report import facts, grid, published
from m2clip.report.grid import NO, YES, Cell, Column, Grid
from m2clip.report.rendering import render

PAGE = Path("docs/methods.md")
SOURCES = Path(__file__).parents[1] / "methods"
FRAMES = 8  # of the counts
COMPONENTS = Path("reports/complexity_components.csv")
ARCHITECTURES = Path("reports/complexity_architectures.csv")
COUNTED = ("trainable_total", "gmacs_view", "gmacs_text")
TITLE = re.compile(r"(?P<name>[^:(]+?) \((?P<paper>[^)]*)\)")
HEADERS = {
    "method": "Method", "paper": "Paper", "parameters": "Trainable parameters, M", "gmacs": "GMACs a view",
    "gmacs_text": "GMACs of 400 labels", "predicts": "Predicts by", "zero_shot": "Zero-shot",
    "lengths": "Other number of frames in testing", "templates": "Other sentences in testing",
    "soft": "Smoothed and mixed labels",
}  # fmt: skip
OTHERS = {
    "architecture": "Architecture", "frames": "Frames", "parameters": "Parameters, M",
    "parameters_published": "as published", "gmacs": "GMACs a view", "gmacs_published": "as published",
}  # fmt: skip
WORDS = ("method", "paper", "predicts", "architecture")  # columns of words


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
        title, paper = found.groups() if (found := TITLE.match(text)) else (name, "")
        functions = (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))
        trains = next((ast.get_docstring(node) or "" for node in functions if node.name == "groups"), "")
        rows = tuple(row for row, made in experiment.declared().items() if made.file.stem == name)
        yield Described(
            name=name, title=title, paper=paper, text=text, trains=trains, options=own(), rows=rows,
            settings=tuple(_settings(own)), parts=tuple(_parts(components, next(iter(rows), ""))),
        )  # fmt: skip


def _parts(components: list[facts.Line], row: str) -> Iterator[tuple[str, str]]:
    """The trained groups of a row, at the first number of frames that it was counted with."""
    own = [line for line in components if line["row"] == row and line["kind"] == "trainable"]
    for line in own:
        if line["frames"] == own[0]["frames"]:
            yield line["component"], f"{int(line['count']):,}"


def _settings(own: type[Options]) -> Iterator[tuple[str, str, str]]:
    """Name, default and comment of each field of an options class; a nested class is left to params.yaml."""
    lines = inspect.getsource(own).splitlines()
    for node in ast.parse(inspect.getsource(own)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
            comment = lines[(node.end_lineno or 1) - 1].partition("  # ")[2]
            name = ast.unparse(node.target)
            value = getattr(own(), name)
            yield name, "see params.yaml" if is_dataclass(value) else repr(value), comment


def _columns(headers: dict[str, str]) -> list[Column]:
    return [Column(key, header, text=key in WORDS) for key, header in headers.items()]


def overview(methods: list[Described]) -> Grid:
    """What each costs at full size and what it can do, as its options stand by default."""
    counts = facts.read_parameters()
    lines: list[tuple[Cell, ...]] = []
    for one in methods:
        trained, view, texts = (counts.number(next(iter(one.rows), ""), FRAMES, key) for key in COUNTED)
        parameters, has = trained and replace(trained, value=trained.value / 1e6, digits=2), one.options
        heads = {"texts": has.reads_text, "a classifier": "vc" in has.heads}
        predicts = " and ".join(word for word, there in heads.items() if there)
        sentences = not has.learned_words if has.reads_text else None
        able = (has.zero_shot, not has.one_length, sentences, has.soft_targets)
        ticks = (None if yes is None else YES if yes else NO for yes in able)
        texts = texts if has.reads_text else None
        lines.append((one.title, one.paper, parameters, view, texts, predicts, *ticks))
    return grid.plain("methods", "All methods", _columns(HEADERS), lines)


def architectures() -> Grid:
    """Published lines that adapt no CLIP: counts of torchvision's same architecture, and what was printed."""
    printed, lines = published.first_lines("table1_k400"), []
    for one in facts.lines(ARCHITECTURES):
        theirs = printed[name := one["architecture"]].cells
        parameters, gmacs = f"{int(one['trainable_total']) / 1e6:.1f}", f"{float(one['gmacs_view']):.1f}"
        theirs_m, theirs_gflops = theirs["tunable_params_m"], theirs["gflops_per_view"]
        lines.append((name, one["frames"], parameters, theirs_m, gmacs, theirs_gflops))
    return grid.plain("architectures", "Architectures that adapt no CLIP", _columns(OTHERS), lines)


def page() -> str:
    """The page as Markdown."""
    methods = list(described())
    return render("methods.md.j2", methods=methods, overview=overview(methods), architectures=architectures())
