"""Renders Jinja templates: sections as Markdown and as one HTML page, tables also as LaTeX."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from m2clip.report import grid
from m2clip.report.grid import Grid
from m2clip.report.numbers import NEAR_CHANCE
from m2clip.report.parts import Points

HERE = Path(__file__).parent / "templates"
LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "²": r"$^2$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    NEAR_CHANCE: r"$^\S$",
    "—": "---",
    "−": "$-$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
}


def markdown(text: object) -> str:
    """Text that Markdown shows as it is, also inside of a table."""
    return re.sub(r"([\\`*_\[\]<>&|~$])", r"\\\1", " ".join(str(text).split()))


def latex(text: object) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(LATEX.get(character, character) for character in str(text))


def _is(kind: type) -> Callable[[object], bool]:
    return lambda part: isinstance(part, kind)


@cache
def _environment(tex: bool) -> Environment:
    """TeX has braces and percent signs of its own, so its templates have other delimiters."""
    delimiters: dict[str, Any] = {
        "variable_start_string": "<<", "variable_end_string": ">>", "block_start_string": "<%",
        "block_end_string": "%>", "comment_start_string": "<#", "comment_end_string": "#>",
    }  # fmt: skip
    made = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=lambda name: bool(name and ".html" in name), keep_trailing_newline=True,
        **(delimiters if tex else {}),
    )  # fmt: skip
    made.filters |= {
        "md": markdown, "tex": latex, "shown": grid.shown, "order": grid.order,
        "file": lambda name: (HERE / name).read_text(encoding="utf-8"),
    }  # fmt: skip
    made.tests |= {"words": _is(str), "points": _is(Points), "table": _is(Grid)}
    return made


def render(template: str, **values: Any) -> str:
    """A template of the folder `templates`; in HTML every text is escaped."""
    return _environment(".tex" in template).get_template(template).render(values)
