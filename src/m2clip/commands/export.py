"""`m2clip export`: a finished run as a checkpoint, a folder that can be taken away."""

import argparse
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.commands.run_ref import key_of
from m2clip.errors import UserError
from m2clip.files import read_json


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "export",
        help="a trained and evaluated run as a folder to take away",
        description="Write a run as a checkpoint: weights.safetensors, config.yaml, labels.txt,\n"
        "README.md, the model card with the run's numbers, and the backbone where it is a file of up to\n"
        "100 MB. `m2clip predict --checkpoint DIR` opens it.",
        epilog="examples:\n  m2clip export main/1 m2clip-k400\n"
        "  m2clip export main m2clip-k400 --profile paper",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="ROW[/SEED]", help="a run of the profile")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument("--profile", metavar="P", help="default: the one that params.yaml names")
    parser.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> int:
    """Write the checkpoint; the exit code."""
    key = key_of(arguments.run, f"{arguments.run}:", arguments.profile)
    for path in (key.metrics, key.provenance, key.evaluation_provenance):
        if not path.exists():
            raise UserError(f"{path}: there is no such file; train and evaluate the run first (dvc repro)")
    from m2clip.evaluation.checkpoint import carried, write_checkpoint
    from m2clip.models.weights_io import load_weights
    from m2clip.report import card

    saved = load_weights(key.weights)
    about, config = saved.about, saved.about["config"]
    provenance = read_json(key.provenance)
    trained = provenance.get("config_sha"), provenance.get("seed")
    if trained != (runs.digest(config), about["seed"]):
        raise UserError(
            f"{key.weights}: is not the run that {key.folder} tells of (config {runs.digest(config)}, there "
            f"{trained[0]}); run dvc repro, or dvc checkout"
        )
    parameters = sum(tensor.numel() for tensor in saved.tensors.values())
    has_backbone = carried(config) is not None
    text = card.page(key, config, len(about["labels"]), parameters, carried=has_backbone)
    write_checkpoint(arguments.folder, saved, text)
    print(f"{key} is in {arguments.folder}")
    return 0
