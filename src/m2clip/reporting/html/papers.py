"""What the paper prints of the values that its Figures 1 and 2a draw: tables of published numbers alone."""

from m2clip.reporting import published, published_scatter
from m2clip.reporting.html.parts import Cell, Grid, Group
from m2clip.reporting.names import MISSING

TABLES = ("table1_k400", "table2_ssv2", "table3_zero_shot")
FILES = {"fig1": ("table1_k400", "table3_zero_shot"), "fig2a": TABLES}
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


def _cell(number: float | None, file: str, digits: int = 1) -> Cell:
    if number is None:
        return Cell(MISSING)
    return Cell(f"{number:.{digits}f}", number, (f"published-{file}",))


def _grid(key: str, title: str, headers: tuple[str, ...], lines: list[tuple[Cell, ...]]) -> Grid:
    texts = (True, *[False] * (len(headers) - 1))
    return Grid(
        key=key, title=title, headers=headers, texts=texts, groups=(Group("", tuple(lines)),),
        notes=("Printed by the paper in its tables; nothing here is measured.",),
    )  # fmt: skip


def _of_fig1() -> Grid:
    lines = [
        (
            Cell(one.method, one.method),
            Cell(one.frames, float(one.frames), ("published-table1_k400",)),
            _cell(one.millions, "table1_k400", 0),
            _cell(one.supervised, "table1_k400"),
            *(_cell(one.zero_shot.get(name), "table3_zero_shot") for name in ("ucf101", "hmdb51")),
        )
        for one in published_scatter.points()
    ]
    headers = (
        "Method", "Frames", "Tunable parameters, M", "K400, top-1, %", "Zero-shot UCF101, top-1, %",
        "Zero-shot HMDB51, top-1, %",
    )  # fmt: skip
    return _grid("fig1-values", "Published values of Figure 1", headers, lines)


def _of_fig2a() -> Grid:
    """ST-Adapter and M2-CLIP, each with its first line of a table."""
    lines = []
    for method in ("ST-Adapter", published.OURS):
        cells = [Cell(method, method)]
        for file, keys in zip(TABLES, (("top1",), ("top1",), ("ucf101", "hmdb51")), strict=True):
            found = (line for line in published.read(file).lines if line.cells["method"] == method)
            first = next(found, None)
            cells += [_cell(first.number(key) if first else None, file) for key in keys]
        lines.append(tuple(cells))
    headers = (
        "Method", "K400, top-1, %", "SSv2, top-1, %", "Zero-shot UCF101, top-1, %",
        "Zero-shot HMDB51, top-1, %",
    )  # fmt: skip
    return _grid("fig2a-values", "Published values of Figure 2a, 8 frames", headers, lines)
