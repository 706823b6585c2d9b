"""A table as Markdown, CSV and LaTeX; what is missing is an em dash, in CSV an empty cell."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from m2clip.report import chance
from m2clip.report.names import MISSING
from m2clip.report.outcomes import Step
from m2clip.report.results import Value

Cell = str | int | Value | Step | None
FORMATS = ("md", "csv", "tex")
MARKS = {
    "†": "one seed",
    "‡": "fewer seeds than params.yaml asks for",
    chance.MARK: (
        f"within {chance.MARGIN} points of chance: it has not learned the labels; of a step, one of its rows"
    ),
}
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
    chance.MARK: r"$^\S$",
    "—": "---",
    "−": "$-$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
}


@dataclass(frozen=True)
class Column:
    """A column: its key and header; in the CSV a column for each ending, such as `_std`."""

    key: str
    header: str
    endings: tuple[str, ...] = ("",)
    text: bool = False


@dataclass(frozen=True)
class Table:
    """Cells (rows, columns), with the name, the number of seeds and the block of each row.

    A row that was not run here has no name and no seeds. The rows of a block stand under its heading.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    seeds: tuple[int | None, ...]
    cells: tuple[tuple[Cell, ...], ...]
    blocks: tuple[str, ...] = ()

    def starts(self) -> dict[int, str]:
        """Headings of blocks by the row that they stand above."""
        return {at: block for at, block in enumerate(self.blocks) if at == 0 or self.blocks[at - 1] != block}

    def all_notes(self) -> tuple[str, ...]:
        """The notes, and what the marks in the cells mean."""
        marks = {
            mark for row in self.cells for cell in row if isinstance(cell, Value | Step) for mark in cell.mark
        }
        legend = (f"{mark} {meaning}." for mark, meaning in MARKS.items() if mark in marks)
        return (*self.notes, *legend)


def shown(cell: Cell) -> str:
    """A cell as one reads it."""
    if cell is None or cell == "":
        return MISSING
    if isinstance(cell, Value):
        spread = "" if cell.std is None else f" ± {cell.std:.{cell.digits}f}"
        return f"{cell.mean:.{cell.digits}f}{spread}{cell.mark}"
    if isinstance(cell, Step):
        return _step(cell)
    return f"{cell:,}" if isinstance(cell, int) else cell


def _step(cell: Step) -> str:
    if cell.is_reference:
        return "reference"
    numbers = [cell.points] if cell.low is None or cell.high is None else [cell.points, cell.low, cell.high]
    point, *interval = map(signed, numbers)
    spread = "" if cell.std is None else f" ± {cell.std:.1f}"
    between = f" [{', '.join(interval)}]" if interval else ""
    return f"{point}{spread}{between}{cell.mark}"


def signed(number: float, digits: int = 1) -> str:
    """`+1.0`, `−1.0`, and `0.0` without a sign."""
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, also inside of a table."""
    return re.sub(r"([\\`*_\[\]<>&|~$])", r"\\\1", " ".join(text.split()))


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(LATEX.get(character, character) for character in text)


def markdown(table: Table) -> str:
    """The bare table; its title and notes are the page's."""
    starts, lines = table.starts(), []
    for at, row in enumerate(table.cells):
        if at in starts:
            lines.append([f"**{escape_markdown(starts[at])}**", *[""] * (len(table.columns) - 1)])
        lines.append([escape_markdown(shown(cell)) for cell in row])
    headers = [escape_markdown(column.header) for column in table.columns]
    return _lines(headers, lines, [column.text for column in table.columns])


@dataclass(frozen=True)
class Listing:
    """A plain table: headers, rows of texts, and which columns are text; the others are set to the right."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[bool]

    def markdown(self) -> str:
        """Escaped."""
        escaped = [[escape_markdown(cell) for cell in row] for row in self.rows]
        return _lines([escape_markdown(header) for header in self.headers], escaped, self.texts)


def _lines(headers: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[bool]) -> str:
    lines = [headers, ["---" if text else "---:" for text in texts], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def comma_separated(table: Table) -> str:
    """For programs: a column for each number and one for its spread."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    header = ["row", "seeds", *(["block"] if table.blocks else [])]
    writer.writerow(header + [column.key + ending for column in table.columns for ending in column.endings])
    for at, row in enumerate(table.cells):
        seeds = table.seeds[at]
        line = [table.names[at], "" if seeds is None else str(seeds), *table.blocks[at : at + 1]]
        for column, cell in zip(table.columns, row, strict=True):
            line += [*_numbers(cell), *[""] * len(column.endings)][: len(column.endings)]
        writer.writerow(line)
    return stream.getvalue()


def _numbers(cell: Cell) -> list[str]:
    if isinstance(cell, Value):
        return [f"{cell.mean:.4f}", "" if cell.std is None else f"{cell.std:.4f}"]
    if isinstance(cell, Step):
        numbers = (cell.points, cell.low, cell.high, cell.std)
        return ["" if number is None else f"{number:.4f}" for number in numbers]
    return ["" if cell is None else str(cell)]


def latex(table: Table) -> str:
    """A table to be input where the packages booktabs, graphicx and amssymb are used."""
    alignment = "".join("l" if column.text else "r" for column in table.columns)
    lines = [[_head(column.header) for column in table.columns]]
    lines += [[escape_latex(shown(cell)) for cell in row] for row in table.cells]
    header, *body = [" & ".join(line) + r" \\" for line in lines]
    for at, block in reversed(table.starts().items()):
        heading = rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\textit{{{escape_latex(block)}}}}} \\"
        body[at:at] = [*([r"\midrule"] if at else []), heading]
    caption = escape_latex(" ".join([f"{table.title}.", *table.all_notes()]))
    return "\n".join(
        [
            r"\begin{table}[t]",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.name}}}",
            r"\centering",
            r"\resizebox{\linewidth}{!}{%",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            header,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _head(header: str) -> str:
    """A header on lines of its own, so that a narrow column keeps narrow."""
    words = escape_latex(header).split(", ")
    stacked = r" \\ ".join(words)
    return stacked if len(words) == 1 else rf"\shortstack{{{stacked}}}"


def render(table: Table) -> dict[str, str]:
    """The content of each file by its ending."""
    head = f"**{escape_markdown(table.title)}**\n\n"
    notes = "".join(f"\n{escape_markdown(note)}\n" for note in table.all_notes())
    return {"md": head + markdown(table) + notes, "csv": comma_separated(table), "tex": latex(table)}
