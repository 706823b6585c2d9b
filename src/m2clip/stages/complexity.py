"""Stage `complexity`: parameters and multiply-adds of every row at full size, into reports/complexity.csv.

A row's method and its options are laid over the paper's model on ViT-B/16 and K400's labels, whatever
the profile; no weights are needed.

reports/complexity_components.csv has the same counts apart, one a line, for any method: its `kind` is
`trainable` (parameters of a group of the method, by the group's name), `frozen` (all that is not trained, of
CLIP and of the method) or `gmacs` (view, compare, text: multiply-adds in units of 10^9).

reports/complexity_architectures.csv has the counts of published architectures that adapt no CLIP.
"""

import argparse
import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from m2clip import experiment
from m2clip.backbones import check, shape_of
from m2clip.config import Run
from m2clip.errors import UserError, guarded
from m2clip.evaluation import architectures
from m2clip.evaluation.complexity import Complexity, complexity
from m2clip.evaluation.kept_complexity import kept_complexity
from m2clip.parsing import build, gather_options

FRAMES = (8, 16, 32)
SECTIONS = ("method", "options")
LABELS = Path("experiments/labels/kinetics400.txt")
OUTPUT = Path("reports/complexity.csv")
OUTPUT_OF_COMPONENTS = Path("reports/complexity_components.csv")
OUTPUT_OF_ARCHITECTURES = Path("reports/complexity_architectures.csv")
COLUMNS_OF_ARCHITECTURES = ("architecture", "frames", "trainable_total", "gmacs_view")
COLUMNS_OF_COMPONENTS = ("row", "method", "frames", "kind", "component", "count")
# Groups with a column of their own; `other` adds up those of all other methods.
COMPONENTS = (
    "temporal_enhancement",
    "temporal_difference",
    "text_adapters",
    "cmlm_adapter",
    "word_head",
    "vc",
    "temporal_convolution",
    "other",
)
COLUMNS = (
    "row",
    "method",
    "frames",
    *COMPONENTS,
    "trainable_total",
    "frozen_total",
    "gmacs_view",
    "gmacs_text",
    "gmacs_compare",
)


def full_size(row: str, differences: Mapping[str, Any]) -> Run:
    """The row's method, adapters and decoder on the paper's backbone.

    Raises:
        UserError: naming the row, where something in it does not exist at full size.
    """
    try:
        sections = {key: value for key, value in gather_options(differences).items() if key in SECTIONS}
        config = _that_fits(build(Run, sections))
        check(config)
    except UserError as error:
        raise UserError(f"row {row} at full size ({Run().backbone.name}): {error}") from None
    return config


def _that_fits(config: Run) -> Run:
    """The config with the first number of frames that its method can be built with; its own if none is."""
    shape = shape_of(config.backbone)
    for frames in FRAMES:
        data = replace(config.data, frames=frames)
        try:
            config.options.check(shape, data)
        except UserError:
            continue
        return replace(config, data=data)
    return config


def costs(
    declared: Mapping[str, Mapping[str, Any]],
    labels: tuple[str, ...],
    frames: tuple[int, ...],
    count: Callable[[Run, tuple[str, ...], tuple[int, ...]], list[Complexity]] = complexity,
) -> list[tuple[str, Run, Complexity]]:
    """What every row costs at every number of frames that fits it, in the order of `declared`.

    Args:
        declared: each row's differences from the paper's model.
        labels: of the classes.
        frames: of a view.
        count: what counts a config.
    """
    configs = {row: full_size(row, differences) for row, differences in declared.items()}
    counted = lru_cache(maxsize=None)(lambda config: count(config, labels, frames))
    return [(row, config, cost) for row, config in configs.items() for cost in counted(config)]


def lines(
    declared: Mapping[str, Mapping[str, Any]], labels: tuple[str, ...], frames: tuple[int, ...]
) -> list[dict[str, str]]:
    """One line for every row and number of frames, as `costs` has them."""
    return [line(*cost) for cost in costs(declared, labels, frames)]


def line(row: str, config: Run, cost: Complexity) -> dict[str, str]:
    """One line of the table; multiply-adds in units of 10^9."""
    components = dict.fromkeys(COMPONENTS, 0)
    for group, parameters in cost.trainable.items():
        components[group if group in components else "other"] += parameters
    counts = {"frames": cost.frames, **components}
    counts |= {"trainable_total": cost.trainable_total, "frozen_total": cost.frozen}
    gmacs = {"gmacs_view": cost.macs_view, "gmacs_text": cost.macs_text, "gmacs_compare": cost.macs_compare}
    return {
        "row": row,
        "method": config.method,
        **{name: str(count) for name, count in counts.items()},
        **{name: f"{macs / 1e9:.3f}" for name, macs in gmacs.items()},
    }


def components(row: str, config: Run, cost: Complexity) -> list[dict[str, str]]:
    """A line for each count of a row that is not zero: its groups, frozen parameters, multiply-adds."""
    counts = [("trainable", group, str(parameters)) for group, parameters in cost.trainable.items()]
    counts.append(("frozen", "all", str(cost.frozen)))
    gmacs = {"view": cost.macs_view, "compare": cost.macs_compare}
    if config.options.reads_text:
        gmacs["text"] = cost.macs_text
    counts += [("gmacs", part, f"{macs / 1e9:.6f}") for part, macs in gmacs.items()]
    shared = {"row": row, "method": config.method, "frames": str(cost.frames)}
    return [
        {**shared, "kind": kind, "component": component, "count": count}
        for kind, component, count in counts
        if float(count)
    ]


def architecture_lines() -> list[dict[str, str]]:
    """One line for every architecture that adapts no CLIP."""
    return [
        {
            "architecture": one.name,
            "frames": str(one.frames),
            "trainable_total": str(one.parameters),
            "gmacs_view": f"{one.macs_view / 1e9:.3f}",
        }
        for one in architectures.counts()
    ]


def main() -> None:
    """Count every declared row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.parse_args()
    declared = {row: experiment.differences(row) for row in experiment.rows()}
    labels = tuple(LABELS.read_text(encoding="utf-8").splitlines())
    counted = costs(declared, labels, FRAMES, kept_complexity)
    _write(OUTPUT, COLUMNS, [line(*cost) for cost in counted])
    _write(
        OUTPUT_OF_COMPONENTS, COLUMNS_OF_COMPONENTS, [part for cost in counted for part in components(*cost)]
    )
    _write(OUTPUT_OF_ARCHITECTURES, COLUMNS_OF_ARCHITECTURES, architecture_lines())


def _write(path: Path, columns: tuple[str, ...], table: list[dict[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    guarded(main)
