"""What the pages of a report are made of: sections of words, tables and pictures, without any markup."""

from dataclasses import dataclass
from pathlib import Path

from m2clip.report.grid import Grid


@dataclass(frozen=True)
class Points:
    """A list, a line for each text, under a title where it has one."""

    texts: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG of the report's folder with its caption; beside it may lie its PDF and a dark version.

    alt: what it shows, for who does not see it. table: below which it stands. why: the reason where there is
    no picture. drawn: not a photograph. wide: across the page.
    """

    file: Path
    alt: str = ""
    caption: str = ""
    table: str = ""
    why: str = ""
    drawn: bool = True
    wide: bool = False

    @property
    def name(self) -> str:
        """By which it is linked."""
        return self.file.stem


Part = str | Points | Grid | Picture  # a str is a paragraph


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report in the order in which it is read.

    page: the Markdown page of its own that it has, such as claims.md; the README then links it. menu: the
    group of the menu that it stands in. files: what may be saved, by its path in the report's folder.
    """

    key: str
    title: str
    parts: tuple[Part, ...]
    page: str = ""
    menu: str = ""
    files: tuple[Path, ...] = ()
