# ruff: noqa: D101, D103
"""Figures by the newer calls, from the older modules, until they are replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from m2clip.report.figures import drawing, drawn_from
from m2clip.report.figures.drawn_from import Part
from m2clip.report.old_claims import context
from m2clip.report.results import Results
from m2clip.report.tables.declared import Declared
from m2clip.report.tables.making import of_table

__all__ = ["Figure", "Part", "draw", "names", "parts"]


@dataclass(frozen=True)
class Figure:
    name: str
    table: str
    caption: str | None
    alt: str = ""
    why: str = ""
    wide: bool = False


def draw(results: Results, folder: Path) -> list[Figure]:
    found = []
    for name, place in results.places.items():
        given: Any = place.spec
        rows, here = of_table(given, list(results.rows.values()), context(results))
        for one in drawing.draw(name, given.figures, rows, here, folder):
            wide = bool(one.caption) and Image.open(folder / f"{one.name}.png").width > 1000
            found.append(Figure(one.name, name, one.caption, one.alt, one.why, wide))
    return found


def parts(name: str, results: Results) -> Sequence[Part]:
    given: Any = dict(results.tables)
    asked = Declared(given)
    return drawn_from.parts(name, asked, results.rows)


def names(results: Results) -> list[str]:
    given: Any = dict(results.tables)
    return drawn_from.names(Declared(given))
