"""The frozen CLIP with its weights, through open_clip: one of its tags, or a file.

Nothing in a file of weights says that it was trained with QuickGELU, as OpenAI's were; computed without it,
they give other features and no error.
"""

import json
import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

from m2clip.backbones import sha256_of, shape_of, weights_file
from m2clip.config import Backbone
from m2clip.errors import UserError, did_you_mean
from m2clip.files import read_json


def open_backbone(config: Backbone, device: str = "cpu") -> tuple[Any, Any]:
    """The frozen CLIP of the config and its tokenizer.

    On the meta device no weights are read.

    Raises:
        UserError: for an unknown name, a missing file, another hash than open_clip's, weights that do not
            fit, or a CLIP that has other towers than CLIP's own.
    """
    import open_clip

    shape_of(config)
    if config.config is not None:
        open_clip.add_model_config(config.config)
    if device == "meta":
        with torch.device("meta"), _quietly():
            clip = open_clip.create_model(config.name, device="meta")
    else:
        weights = weights_file(config)
        # OpenAI's weights want QuickGELU; open_clip would only warn and compute something else.
        tag = open_clip.pretrained.get_pretrained_cfg(config.name, config.pretrained)
        if weights is None and not tag:
            known = open_clip.list_pretrained_tags_by_model(config.name)
            raise UserError(
                f"backbone.pretrained: open_clip has no weights {config.pretrained} for {config.name}"
                f"{did_you_mean(config.pretrained, known)}; it has {known}, or name a file"
            )
        try:
            if weights is not None:
                _check_room(config.name, weights)
            if weights is not None and is_torchscript(weights):
                clip = _of_openai(config.name, weights, device)
            else:
                _check_activation(config, weights)
                clip = open_clip.create_model(
                    config.name,
                    pretrained=config.pretrained,
                    device=device,
                    force_quick_gelu=tag.get("quick_gelu", False),
                )
        except UserError:
            raise
        except Exception as error:  # whatever a damaged file makes open_clip, torch or safetensors raise
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise UserError(
                f"backbone.pretrained: {config.pretrained}: cannot be opened as {config.name}: {said}"
            ) from None
    for name, parameter in clip.named_parameters():
        if not parameter.is_meta and not torch.isfinite(parameter).all():
            raise UserError(
                f"backbone.pretrained: {config.pretrained}: {name} has values that are no finite numbers; "
                "take other weights"
            )
        parameter.requires_grad_(False)
    return clip.eval(), _tokenizer(config.name, json.dumps(open_clip.get_model_config(config.name)))


@cache
def _tokenizer(name: str, sizes: str) -> Any:
    """The tokenizer of a CLIP of these sizes, kept, since reading it takes longer than a tiny CLIP."""
    import open_clip

    return open_clip.get_tokenizer(name)


def _check_room(name: str, weights: Path) -> None:
    """Raise a UserError where a file is too small for a model's weights, before memory is taken for them."""
    import open_clip

    with torch.device("meta"), _quietly():
        needed = sum(weight.numel() for weight in open_clip.create_model(name, device="meta").parameters())
    if needed > (size := weights.stat().st_size):
        raise UserError(
            f"backbone.pretrained: {weights}: cannot be opened as {name}: {size:,} bytes cannot hold its "
            f"{needed:,} parameters"
        )


def is_torchscript(weights: Path) -> bool:
    """Whether a file is TorchScript, as OpenAI gives its own out; open_clip's reader of files refuses it."""
    if not zipfile.is_zipfile(weights):
        return False
    with zipfile.ZipFile(weights) as archive:
        return any(Path(name).name == "constants.pkl" for name in archive.namelist())


def _of_openai(name: str, weights: Path, device: str) -> Any:
    """A CLIP with the weights of OpenAI's own file, with the QuickGELU that it was trained with."""
    import open_clip

    if sha256_of(weights).hexdigest() not in openais_digests():
        raise UserError(
            f"backbone.pretrained: {weights}: is TorchScript, which holds code, and none of OpenAI's own "
            "files; only those are opened: save the weights as safetensors"
        )
    state = torch.jit.load(weights, map_location="cpu").state_dict()
    sizes = ("input_resolution", "context_length", "vocab_size")
    with _quietly():
        clip = open_clip.create_model(name, device=device, force_quick_gelu=True)
    clip.load_state_dict({key: value for key, value in state.items() if key not in sizes})
    return clip


def openais_digests() -> set[str]:
    """sha256 of OpenAI's own files, from the addresses that open_clip has of them."""
    import open_clip

    known = open_clip.pretrained._PRETRAINED.values()
    addresses = [tags["openai"].get("url", "") for tags in known if "openai" in tags]
    return {part for address in addresses for part in address.split("/") if len(part) == 64}


def _check_activation(config: Backbone, weights: Path | None) -> None:
    """Raise a UserError where open_clip_config.json beside a file of weights differs on QuickGELU."""
    told = weights.with_name("open_clip_config.json") if weights else None
    if weights is None or told is None or not told.is_file():
        return
    import open_clip

    content = read_json(told)
    sizes = content.get("model_cfg") if isinstance(content, dict) else None
    trained = bool(isinstance(sizes, dict) and sizes.get("quick_gelu"))
    if trained != bool(open_clip.get_model_config(config.name).get("quick_gelu")):
        plain = config.name.removesuffix("-quickgelu")
        raise UserError(
            f"backbone.name: {told} says that {weights.name} was trained {'with' if trained else 'without'} "
            f"QuickGELU; set backbone.name to {plain}{'-quickgelu' if trained else ''}"
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Silences open_clip's warning that no weights are loaded, where none are wanted."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
