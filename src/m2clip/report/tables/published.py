"""The paper's numbers, from experiments/published, and which config each of its M2-CLIP lines was run with.

A line's number is shown for the row whose config is the line's, whatever the row is called: a row that a
person has changed stands beside no number of the paper.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.parsing import merge
from m2clip.report.differences import between, in_steps, paper
from m2clip.rows import Profile

FOLDER = Path("experiments/published")
OURS = "M2-CLIP"
FRAMES = 8  # "unless otherwise specified"
LISTED = {"table1_k400": "top1", "table2_ssv2": "top1", "table3_zero_shot": "ucf101"}
GROUPS = {
    "full_finetuning": "full finetuning",
    "peft_unimodal": "PEFT, unimodal visual framework, frozen CLIP",
    "peft_multimodal": "PEFT, multimodal framework, frozen CLIP",
}
ALONE: dict[str, Any] = {"decoder": {"heads": ["contrastive"]}}
COMPONENTS: dict[str, dict[str, Any]] = {
    "clip_zero_shot": {"method": "clip", "train": {"steps": 0}},
    "ted_adapter": {**ALONE, "adapters": {"text": {"layers": 0}}},
    "multimodal_adapter": ALONE,
    "multimodal_adapter+multi_task_decoder": {},
}


@dataclass(frozen=True)
class Line:
    """One line of a file: its cells, and how its config differs from the paper's model; None: not M2-CLIP."""

    cells: Mapping[str, str]
    over: Mapping[str, Any] | None

    def number(self, key: str) -> float | None:
        """A cell as a number, or None where the paper leaves it empty."""
        text = self.cells.get(key, "")
        return float(text) if text else None

    def is_of(self, config: Run, profile: Profile, recipe: Mapping[str, Any]) -> bool:
        """Whether a config is what the line was measured on, but for the profile and its recipe."""
        if self.over is None:
            return False
        dataset = self.over["data"]["dataset"]
        over = merge({"train": dict(recipe)}, dict(self.over))
        return not between(in_steps(config, profile, dataset), paper(profile, dataset, over))


@dataclass(frozen=True)
class Published:
    """A table of the paper: its lines, the column of its accuracy, the line from which steps are counted.

    listed: whether it also has other methods, so that its lines stand in the table as rows.
    """

    lines: tuple[Line, ...]
    accuracy: str
    reference: Line | None
    listed: bool

    @property
    def datasets(self) -> set[str]:
        """What its M2-CLIP lines are measured on."""
        return {line.over["data"]["dataset"] for line in self.lines if line.over is not None}

    def line(self, row: str, config: Run | None, profile: Profile) -> Line | None:
        """The line of a row with this config, if the paper has one.

        How the profile trains that row (`rows:`) does not count, nor do the parts of a batch.
        """
        recipe = profile.rows.get(row, {}).get("train") or {}
        if config:
            parts = paper(profile, config.data.dataset).train.accumulate
            config = replace(config, train=replace(config.train, accumulate=parts))
        found = (line for line in self.lines if config and line.is_of(config, profile, recipe))
        return next(found, None)

    def step(self, line: Line) -> float | None:
        """Points from the reference line; of M2-CLIP's lines alone."""
        if self.reference is None or line.over is None:
            return None
        ours, theirs = line.number(self.accuracy), self.reference.number(self.accuracy)
        return None if ours is None or theirs is None else ours - theirs


def read(name: str) -> Published:
    """A file of the paper's numbers; `n/a` and an empty cell stay the texts that they are.

    Raises:
        UserError: when the file is missing.
    """
    path = FOLDER / f"{name}.csv"
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; git has it")
    with path.open(encoding="utf-8", newline="") as file:
        lines = tuple(Line(cells, _over(name, cells)) for cells in csv.DictReader(file))
    return Published(lines, LISTED.get(name, "k400_top1"), _reference(name, lines), name in LISTED)


def _over(name: str, cells: Mapping[str, str]) -> dict[str, Any] | None:
    """How the line's config differs from the paper's model."""
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
        over = {"adapters": {"visual": _visual(cells)}}
    return {**over, "data": data}


def _visual(cells: Mapping[str, str]) -> dict[str, Any]:
    """Ticks of Fig. 4a as settings."""
    keys = ("layers_1_5", "layers_6_12", "te", "td")
    front, back, enhancement, difference = (cells[key] == "true" for key in keys)
    return {
        "layers": "all" if front and back else "front" if front else "back",
        "temporal_enhancement": enhancement,
        "temporal_difference": difference,
        "fusion": cells["fusion"] or "parallel",
    }


def _reference(name: str, lines: tuple[Line, ...]) -> Line | None:
    """Table 1, 2: 8 frames; Table 4: CLIP; Fig. 4a: the full model; Fig. 4c: contrastive alone."""
    ours = [line for line in lines if line.over is not None]
    if name == "table3_zero_shot" or not ours:
        return None
    return ours[-1] if name == "fig4a_ted_adapter" else ours[0]
