"""Published numbers, and which config each line of the paper's own method was run with.

A line's number is shown for the row whose config is the line's, whatever the row is called: a row that a
person has changed stands beside no number of the paper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from m2clip import experiment
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.parsing import merge
from m2clip.profiles import Profile
from m2clip.report import facts, grid
from m2clip.report.differences import between, in_steps, paper
from m2clip.report.grid import Column, Grid
from m2clip.report.numbers import VIEWS, Number, Source, Text, frames_crops_clips

FOLDER = Path("experiments/published")
OURS = "M2-CLIP"
FRAMES = 8  # "unless otherwise specified"
LISTED = {"table1_k400": "top1", "table2_ssv2": "top1", "table3_zero_shot": "ucf101"}
FILES = (*LISTED, "table4_components", "fig4a_ted_adapter", "fig4c_decoder")
GROUPS = {
    "full_finetuning": "Full finetuning",
    "peft_unimodal": "PEFT, unimodal visual framework, frozen CLIP",
    "peft_multimodal": "PEFT, multimodal framework, frozen CLIP",
}
PROTOCOLS = "zero_shot_protocols"
SETS = {
    "ucf101": "UCF101, splits, %", "hmdb51": "HMDB51, splits, %", "ucf101_full": "UCF101, all videos, %",
    "hmdb51_full": "HMDB51, all videos, %", "k600": "K600, %",
}  # fmt: skip
WORDS = {
    "measured_by": "Measured by", "prompt": "Prompt", "names": "Names of labels",
    "weights_averaged": "Weights averaged", "splits": "Test splits", "views": "Views", "source": "Source",
}  # fmt: skip
NOTE = (
    "Published by others, on the real datasets, by models of ViT-B/16 trained on K400 or, frozen CLIP, on no "
    "video; nothing here is measured by this repository. What a source does not say is left empty; "
    "experiments/published/README.md says which methods stand here. The same frozen CLIP has two numbers."
)
ALONE: dict[str, Any] = {"decoder": {"heads": ["contrastive"]}}
COMPONENTS: dict[str, dict[str, Any]] = {
    "clip_zero_shot": {"method": "clip", "train": {"steps": 0}},
    "ted_adapter": {**ALONE, "adapters": {"text": {"layers": 0}}},
    "multimodal_adapter": ALONE,
    "multimodal_adapter+multi_task_decoder": {},
}


@dataclass(frozen=True)
class Line:
    """One line of a file: its cells, and how its config differs from the paper's model; None: not M2-CLIP.

    place: the line in the file, of which the first is the header's. accuracy: the column of its top-1. Its
    cell `row` names the row that measures the method here.
    """

    file: Path
    place: int
    cells: Mapping[str, str]
    over: Mapping[str, Any] | None
    accuracy: str

    @property
    def top1(self) -> Number | None:
        """Its accuracy."""
        return self.number(self.accuracy)

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that measure it here, whether or not they are declared yet."""
        return tuple(self.cells.get("row", "").split())

    def value(self, key: str) -> float | None:
        """A cell as a plain number, or None where the paper leaves it empty."""
        text = self.cells.get(key, "")
        return float(text) if text else None

    def number(self, key: str, digits: int = 1) -> Number | None:
        """A cell with its standard deviation, where the paper prints one."""
        found, spread = self.value(key), f"{key}_std"
        if found is None:
            return None
        return Number(value=found, std=self.value(spread), digits=digits, sources=self.sources(key, spread))

    def text(self, key: str, words: str | None = None) -> Text | None:
        """A cell as it is printed, or other words for it; None where it is empty."""
        found = self.cells.get(key, "")
        return Text(words or found, self.sources(key)) if found else None

    def sources(self, *keys: str) -> tuple[Source, ...]:
        """Where its cells stand, of those that the file has."""
        return tuple(Source(self.file, f"line {self.place}, {key}") for key in keys if key in self.cells)

    def label(self) -> Text | None:
        """`AIM ViT-B/16 (Yang et al. 2023, ICLR'23)`; a backbone that the name ends in is said once."""
        if "method" not in self.cells:
            return None
        method, backbone = self.cells["method"], self.cells.get("backbone", "")
        if backbone and not method.endswith(backbone):
            method = f"{method} {backbone}"
        source = self.cells["citation"].replace("this paper", "the paper")
        told = ", ".join(text for text in (source, self.cells.get("venue")) if text)
        return Text(f"{method} ({told})", self.sources("method", "backbone", "citation", "venue"))

    def views(self) -> Text | None:
        """Frames x crops x clips, as far as it prints them."""
        known = any(self.cells.get(key) for key in VIEWS)
        return Text(frames_crops_clips(self.cells), self.sources(*VIEWS)) if known else None

    def heading(self) -> str:
        """The block of the paper's table that it stands in."""
        return GROUPS.get(self.cells.get("group", ""), "Methods of the paper's table")

    def is_of(self, config: Run, profile: Profile, recipe: Mapping[str, Any]) -> bool:
        """Whether a config is what the line was measured on, but for the profile and its recipe."""
        if self.over is None or self.over.get("method", Run.method) != config.method:
            return False  # the recipe of another method may not even fit this one
        dataset = self.over["data"]["dataset"]
        over = merge({"train": dict(recipe)}, dict(self.over))
        return not between(in_steps(config, profile, dataset), paper(profile, dataset, over))


@dataclass(frozen=True)
class Published:
    """A table of the paper: its lines and the line from which steps are counted.

    listed: whether it also has other methods, so that its lines stand in the table as rows.
    """

    name: str
    lines: tuple[Line, ...]
    listed: bool

    @cached_property
    def reference(self) -> Line | None:
        """Steps are from it. Tables 1, 2: 8 frames; 4: CLIP. Fig. 4a: the full model; 4c: contrastive."""
        ours = [line for line in self.lines if line.over is not None]
        if self.name == "table3_zero_shot" or not ours:
            return None
        return ours[-1] if self.name == "fig4a_ted_adapter" else ours[0]

    @property
    def datasets(self) -> set[str]:
        """What its M2-CLIP lines are measured on."""
        return {line.over["data"]["dataset"] for line in self.lines if line.over is not None}

    def line(self, row: str, config: Run | None, profile: Profile) -> Line | None:
        """The line of a row with this config, if the paper has one; of another method the one that names it.

        Differences in the row's own recipe under the profile do not count, nor does gradient accumulation.
        """
        recipe = experiment.recipe(row, profile).get("train") or {}
        if config:
            theirs = paper(profile, config.data.dataset).train
            if config.train.batch == theirs.batch:
                config = replace(config, train=replace(config.train, accumulate=theirs.accumulate))
        found = (line for line in self.lines if config and line.is_of(config, profile, recipe))
        others = (line for line in self.lines if row in line.rows and not (config and line.over))
        return next(found, None) or next(others, None)

    def step(self, line: Line | None) -> Number | None:
        """Top-1 less the reference line's, in points; None for lines of other methods."""
        both = (line, self.reference) if line and line.over is not None else ()
        found = [number for one in both if one and (number := one.top1)]
        if len(found) < 2:
            return None
        sources = (*found[0].sources, *found[1].sources)
        apart, is_reference = found[0].value - found[1].value, line is self.reference
        return Number(value=apart, signed=True, is_reference=is_reference, sources=sources)


def read(name: str) -> Published:
    """A file of the paper's numbers; `n/a` and an empty cell stay the texts that they are.

    Raises:
        UserError: when the file is missing.
    """
    path = FOLDER / f"{name}.csv"
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; git has it")
    told = enumerate(facts.lines(path), start=2)
    top1 = LISTED.get(name, "k400_top1")
    lines = tuple(Line(path, place, cells, _over(name, cells), top1) for place, cells in told)
    return Published(name, lines, name in LISTED)


def protocols() -> Grid:
    """Zero-shot numbers of others by protocol: the same model by another protocol has another number."""
    columns = [Column("method", "Published method", text=True)]
    columns += [Column(key, header, endings=("", "_std")) for key, header in SETS.items()]
    columns += [Column(key, header, text=True) for key, header in WORDS.items()]
    lines = (
        (line.text("method"), *map(line.number, SETS), *map(line.text, WORDS))
        for line in read(PROTOCOLS).lines
    )
    return grid.plain("protocols", "Published zero-shot numbers by protocol", columns, lines, [NOTE])


def first_lines(name: str) -> dict[str, Line]:
    """By method the first of its lines in a file; some methods have several."""
    return {line.cells["method"]: line for line in reversed(read(name).lines)}


def _over(name: str, cells: Mapping[str, str]) -> dict[str, Any] | None:
    """How the line's config differs from the paper's model; None for a line of another method."""
    if name in LISTED and cells["method"] != OURS:
        return None
    dataset = "ssv2" if name == "table2_ssv2" else "k400"
    data = {"dataset": dataset, "frames": int(cells.get("frames", FRAMES))}
    over: dict[str, Any] = {}
    if name == "table4_components":
        over = COMPONENTS[cells["components"]]
    elif name == "fig4c_decoder":
        over = {"decoder": {"heads": cells["heads"].split("+")}}
    elif name == "fig4a_ted_adapter":
        front, back, te, td = (cells[key] == "true" for key in ("layers_1_5", "layers_6_12", "te", "td"))
        layers = "all" if front and back else "front" if front else "back"
        visual = {"layers": layers, "temporal_enhancement": te, "temporal_difference": td}
        over = {"adapters": {"visual": {**visual, "fusion": cells["fusion"] or "parallel"}}}
    return {**over, "data": data}
