"""What the paper prints of the values that its Figures 1 and 2a draw: tables of published numbers alone."""

from collections.abc import Sequence

from m2clip.report.figures import published_scatter
from m2clip.report.html.parts import Cell, Grid, Group
from m2clip.report.html.sources import printed
from m2clip.report.names import MISSING
from m2clip.report.sources import printed_cell
from m2clip.report.tables import published
from m2clip.report.tables.published import Line

TITLE = "From the paper's Tables 1-3, not read off the figure"
CHOICE = (
    "Of a method with several numbers of frames its first line is taken: which frames the figure draws the "
    "paper does not say, so this choice is ours."
)
TABLES = ("table1_k400", "table2_ssv2", "table3_zero_shot")
UNPRINTED = {  # figures whose values the paper draws and does not print
    "fig2a": "Of ST-Adapter with a text branch the paper draws bars without printing their values.",
    "fig2b": "The paper draws its maps without printing a value.",
    "fig4b": "The paper draws its curves without printing their values.",
}


def values(name: str) -> Grid | None:
    """Beside a figure: the published numbers that it draws, as far as the paper's tables print them."""
    if name == "fig1":
        return _of_fig1()
    return _of_fig2a() if name == "fig2a" else None


def _cell(lines: Sequence[Line], line: Line | None, file: str, column: str, digits: int = 1) -> Cell:
    """A number of one of the lines of a file, and which of them it stands in."""
    number = line.number(column) if line else None
    if number is None:
        return Cell(MISSING)
    return printed(f"{number:.{digits}f}", number, printed_cell(file, lines, line, column))


def _grid(key: str, choice: str, headers: tuple[str, ...], lines: list[tuple[Cell, ...]]) -> Grid:
    """A table of printed numbers; choice: which of the paper's lines, where it has several of a method."""
    texts = (True, *[False] * (len(headers) - 1))
    return Grid(
        key=key, title=TITLE, headers=headers, texts=texts, groups=(Group("", tuple(lines)),),
        notes=(f"The paper's figure prints no values. {choice} Nothing here is measured.",),
    )  # fmt: skip


def _of_fig1() -> Grid:
    first, third = (published.read(name).lines for name in ("table1_k400", "table3_zero_shot"))
    lines = [
        (
            Cell(one.method, one.method),
            _cell(first, one.first, "table1_k400", "frames", 0),
            _cell(first, one.first, "table1_k400", "tunable_params_m", 0),
            _cell(first, one.first, "table1_k400", "top1"),
            *(_cell(third, one.third, "table3_zero_shot", name) for name in ("ucf101", "hmdb51")),
        )
        for one in published_scatter.points()
    ]
    headers = (
        "Method", "Frames", "Tunable parameters, M", "K400, top-1, %", "Zero-shot UCF101, top-1, %",
        "Zero-shot HMDB51, top-1, %",
    )  # fmt: skip
    return _grid("fig1-values", CHOICE, headers, lines)


def _of_fig2a() -> Grid:
    """ST-Adapter and M2-CLIP, each with its first line of a table."""
    lines = []
    for method in ("ST-Adapter", published.OURS):
        cells = [Cell(method, method)]
        for file, keys in zip(TABLES, (("top1",), ("top1",), ("ucf101", "hmdb51")), strict=True):
            table = published.read(file).lines
            first = next((line for line in table if line.cells["method"] == method), None)
            cells += [_cell(table, first, file, key) for key in keys]
        lines.append(tuple(cells))
    headers = (
        "Method", "K400, top-1, %", "SSv2, top-1, %", "Zero-shot UCF101, top-1, %",
        "Zero-shot HMDB51, top-1, %",
    )  # fmt: skip
    return _grid("fig2a-values", f"{CHOICE} Those of Tables 1 and 2 have 8 frames.", headers, lines)
