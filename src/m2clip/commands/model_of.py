"""Which model a command opens: a run of a profile, a checkpoint, or CLIP itself."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2clip.api import build, load
from m2clip.commands.run_ref import key_of
from m2clip.errors import UserError

if TYPE_CHECKING:
    from m2clip.evaluation.trained import TrainedRun


def add_options(parser: Any, *, required: bool) -> None:
    """Add --run, --checkpoint, --clip, --profile and --backbone; one of the first three may be required."""
    by = parser.add_mutually_exclusive_group(required=required)
    run = "weights.safetensors of a run, or ROW or ROW/SEED of the profile"
    by.add_argument("--run", help=run if required else f"{run} (main)")
    folder = "a folder that `m2clip export` wrote, or OWNER/NAME of one on the Hugging Face hub"
    by.add_argument("--checkpoint", metavar="DIR", help=folder)
    name = "CLIP itself, untrained, for your labels: open_clip's name, or a model config of its (.json)"
    by.add_argument("--clip", metavar="NAME", help=name)
    parser.add_argument("--profile", metavar="P", help="default: the one that params.yaml names")
    where = (
        "the backbone's weights: a file, where they are neither in the checkpoint nor at the config's path;\n"
    )
    parser.add_argument(
        "--backbone", metavar="FILE", help=f"{where}of --clip a file or open_clip's tag (openai)"
    )


def check(arguments: argparse.Namespace) -> None:
    """Raise a UserError where these options do not go together, or the run is not there."""
    if arguments.run and arguments.backbone:
        raise UserError(
            "--backbone goes with --checkpoint or --clip; a run's config says where its backbone is"
        )
    if arguments.profile and not arguments.run:
        raise UserError("--profile goes with --run ROW; a checkpoint is of no profile")
    if arguments.run:
        path = _adapters(arguments.run, arguments.profile)
        if not path.exists():
            raise UserError(f"{path}: there is no such file; train the run first (dvc repro)")


def open_model(arguments: argparse.Namespace, labels: tuple[str, ...]) -> "TrainedRun":
    """The model; `labels` are those of CLIP, which has none of its own."""
    if arguments.clip:
        return build("clip", labels, clip=arguments.clip, pretrained=arguments.backbone or "openai")
    if arguments.checkpoint:
        return load(arguments.checkpoint, backbone=arguments.backbone)
    from m2clip.evaluation.trained import open_trained
    from m2clip.models.factory import device_name

    return open_trained(_adapters(arguments.run, arguments.profile), device_name())


def _adapters(run: str, profile: str | None) -> Path:
    """The file that `--run` means.

    Raises:
        UserError: when it is neither a file nor a row of the profile, or a file where a profile is named.
    """
    if Path(run).suffix == ".safetensors" or Path(run).is_file():
        if profile:
            raise UserError(f"--profile goes with --run ROW; {run} is a file")
        return Path(run)
    return key_of(run, f"--run {run}: there is no such file, and", profile).weights
