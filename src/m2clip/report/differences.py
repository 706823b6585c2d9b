"""How a row differs from the paper's M2-CLIP, in words: `decoder.heads=[contrastive, cmc]`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from m2clip.config import Run
from m2clip.parsing import build, flat, gather_options, override
from m2clip.profiles import Profile
from m2clip.report import facts
from m2clip.report.names import METHOD
from m2clip.schedule import resolve_schedule

# Settings that change no number.
SILENT = {"train.workers", "train.checkpoint_every", "train.log_every", "evaluate.batch"}


def paper(profile: Profile, dataset: str, over: Mapping[str, Any] | None = None) -> Run:
    """The paper's model under a profile, as the stage `resolve` would write it.

    That is the defaults, the profile and its recipe for the dataset, and what `over` changes of them.
    """
    changed = gather_options(over or {})
    common = profile.sections(str(changed.get("method", Run.method)))
    config = build(Run, override(override(common, profile.datasets.get(dataset, {})), changed))
    zero_shot = tuple(name for name in config.evaluate.zero_shot if name not in profile.left_out)
    config = replace(config, evaluate=replace(config.evaluate, zero_shot=zero_shot))
    return in_steps(config, profile, dataset)


def in_steps(config: Run, profile: Profile, dataset: str) -> Run:
    """The config with epochs turned into steps; as it is where no data sheet has the number of videos."""
    train = config.train
    videos: int | None = 0  # steps and a share of them need no count
    if train.epochs is not None or train.warmup_epochs is not None:
        videos = facts.training_videos(profile.name, dataset)
    if not train.steps or videos is None:
        return config
    return replace(config, train=resolve_schedule(train, videos))


def difference(config: Run, profile: Profile) -> list[str]:
    """Every setting that is not the paper's under the profile, as `key=value`, in the order of config.py.

    Another method is named first and compared with its own defaults.
    """
    dataset = config.data.dataset
    other = between(in_steps(config, profile, dataset), paper(profile, dataset, {"method": config.method}))
    return other if config.method == Run.method else [f"method={config.method}", *other]


def between(config: Run, other: Run) -> list[str]:
    """Every setting that decides a number and is not the other's, as `key=value`."""
    theirs = flat(other)
    mine = {key: value for key, value in flat(config).items() if key not in SILENT}
    return [
        f"{key}={written(value)}"
        for key, value in mine.items()
        if key not in theirs or written(value) != written(theirs[key])
    ]


def but_for_dataset(config: Run, profile: Profile) -> list[str]:
    """The same without the dataset, which every table and figure names beside the label."""
    return [text for text in difference(config, profile) if not text.startswith("data.dataset=")]


def label(config: Run, profile: Profile) -> str:
    """`M2-CLIP`, followed by how it differs but for the dataset."""
    return ", ".join([METHOD, *but_for_dataset(config, profile)])


def written(value: Any) -> str:
    """A value as one types it after -S: lists in brackets, true, false and null."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
