"""What the page is made of: sections of tables and pictures, and what stands behind their numbers.

A section is a key, a title and HTML; whoever has something to show makes one with `grid` and `picture`.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent
COLOURS = 256  # of an embedded picture
QUALITY = 80  # of WebP, where a difference is not seen
WIDE = 1000  # pixels at 300 dpi, above which a picture is for a page, not for a column


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where numbers come from, such as a run: names and values, told once on the page."""

    key: str
    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Cell:
    """A cell as one reads it; by what it is ordered, None: missing, which always comes last.

    sources: keys of what it was made of. provenance: what else is known of this number alone.
    """

    text: str
    order: float | str | None = None
    sources: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Group:
    """Rows of a table that stand under a heading and are sorted among themselves."""

    heading: str
    lines: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table: headers, which columns are text, rows in groups, notes, and files to save by their name."""

    key: str
    title: str
    headers: tuple[str, ...]
    texts: tuple[bool, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture inside of the page; drawn ones may change their colours in the dark, photographs not."""

    key: str
    data: str
    alt: str
    caption: str
    wide: bool
    drawn: bool = True
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page, in the order in which it is read."""

    key: str
    title: str
    html: Markup
    sources: tuple[Source, ...] = field(default=())


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def rendered(template: str, **values: Any) -> Markup:
    """A template of this folder, every text in it escaped."""
    return Markup(_templates().get_template(template).render(values))


def grid(table: Grid, level: int = 3) -> Markup:
    """A table that sorts, with its notes."""
    return rendered("grid.html", grid=table, level=level)


def picture(shown: Picture) -> Markup:
    """A figure with its caption and its text."""
    return rendered("picture.html", picture=shown)


def paragraphs(texts: Sequence[str]) -> Markup:
    """Plain texts, escaped."""
    return Markup().join(Markup("<p>{}</p>\n").format(text) for text in texts)


def data_uri(content: bytes, kind: str) -> str:
    """A file as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def embedded(path: Path, *, alt: str, caption: str, drawn: bool = True) -> Picture:
    """A PNG as a part of the page, smaller: what is drawn in few colours, frames of videos as WebP.

    Beside it stands its PDF, where there is one.
    """
    from PIL import Image

    stream = io.BytesIO()
    with Image.open(path) as image:
        wide, colours = image.width > WIDE, image.convert("RGB")
    if drawn:
        colours.quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(stream, format="PNG")
    else:
        colours.save(stream, format="WEBP", quality=QUALITY, method=6)
    file = path.with_suffix(".pdf")
    files = ((file.name, data_uri(file.read_bytes(), "application/pdf")),) if file.exists() else ()
    return Picture(
        key=path.stem, data=data_uri(stream.getvalue(), "image/png" if drawn else "image/webp"), alt=alt,
        caption=caption, wide=wide, drawn=drawn, files=files,
    )  # fmt: skip
