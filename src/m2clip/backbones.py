"""What a CLIP looks like, read from open_clip's model config without importing torch.

So that a layer that does not exist is named before any training starts.
"""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2clip.config import Backbone, Run
from m2clip.errors import UserError, meant


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a CLIP: layers and widths of its towers, patch grid (H, W), joint dimension, input pixels."""

    image_layers: int
    image_width: int
    grid: tuple[int, int]
    text_layers: int
    text_width: int
    joint: int
    image_size: int


def shape_of(backbone: Backbone) -> Shape:
    """The shape of the config's CLIP.

    Raises:
        UserError: for a name that open_clip does not know, or a CLIP that is not a plain ViT.
    """
    path = Path(backbone.config) if backbone.config else _open_clip_configs() / f"{backbone.name}.json"
    if not path.is_file():
        if backbone.config:
            raise UserError(f"backbone.config: there is no file {path}")
        known = [file.stem for file in path.parent.glob("*.json")]
        raise UserError(f"backbone.name: open_clip has no model {backbone.name}{meant(backbone.name, known)}")
    if path.stem != backbone.name:
        raise UserError(
            f"backbone.config: open_clip names a model after its file: {path} is not {backbone.name}; "
            f"set backbone.name to {path.stem}"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UserError(f"backbone.config: {path}: not valid JSON: {error}") from None
    if not _is_plain(config):
        raise UserError(
            f"backbone.name: {backbone.name} is not a CLIP with a plain ViT; take one such as ViT-B-16"
        )
    vision, text = config["vision_cfg"], config["text_cfg"]
    side = vision["image_size"] // vision["patch_size"]
    return Shape(
        image_layers=vision["layers"],
        image_width=vision["width"],
        grid=(side, side),
        text_layers=text["layers"],
        text_width=text["width"],
        joint=config["embed_dim"],
        image_size=vision["image_size"],
    )


def _is_plain(config: dict[str, Any]) -> bool:
    """Whether models/clip.py can open it: a ViT, and the causal text tower that CLIP has."""
    vision, text = config.get("vision_cfg", {}), config.get("text_cfg", {})
    sizes = [vision.get(key) for key in ("layers", "width", "patch_size", "image_size")]
    sizes += [text.get("layers"), text.get("width"), config.get("embed_dim")]
    others = {"timm_model_name", "attentional_pool", "hf_model_name", "hf_tokenizer_name", "no_causal_mask"}
    return (
        all(isinstance(size, int) for size in sizes)
        and not others & (vision.keys() | text.keys())
        and not config.get("custom_text", False)
        and text.get("pool_type", "argmax") == "argmax"
    )


def _open_clip_configs() -> Path:
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise UserError("open_clip is not installed; run make setup")
    return Path(spec.origin).parent / "model_configs"


def digest(backbone: Backbone) -> str:
    """What a run is pinned to: sha256 of weights and model config, or the name of open_clip's weights."""
    found = hashlib.sha256()
    weights = Path(backbone.pretrained)
    if weights.suffix and not weights.is_file():
        raise UserError(
            f"backbone.pretrained: there is no file {weights}; `make backbone` makes the stand-in's"
        )
    found.update(weights.read_bytes() if weights.is_file() else backbone.pretrained.encode())
    found.update(Path(backbone.config).read_bytes() if backbone.config else backbone.name.encode())
    return found.hexdigest()


def adapted_layers(layers: str | tuple[int, ...], total: int) -> tuple[int, ...]:
    """Layers of a tower that get an adapter, counted from 1.

    `front` is the paper's 1-5 of 12, that is the first 5/12 of the layers, rounded; `back` is the rest.
    """
    front = round(5 * total / 12)
    named = {"all": (1, total), "none": (1, 0), "front": (1, front), "back": (front + 1, total)}
    if isinstance(layers, str):
        first, last = named[layers]
        return tuple(range(first, last + 1))
    for layer in layers:
        if not 1 <= layer <= total:
            raise UserError(
                f"adapters.visual.layers: there is no layer {layer}; this image tower has 1 to {total}"
            )
    return layers


def text_layers(layers: int | str, total: int) -> int:
    """How many of the last text layers get an adapter."""
    count = total if isinstance(layers, str) else layers
    if count > total:
        raise UserError(f"adapters.text.layers: {count} is more than the {total} layers of this text tower")
    return count


def check(config: Run) -> None:
    """Raise a UserError where adapters or heads do not fit the backbone."""
    shape = shape_of(config.backbone)
    adapted_layers(config.adapters.visual.layers, shape.image_layers)
    text_layers(config.adapters.text.layers, shape.text_layers)
    if config.adapters.text.layers != 0 and not {"contrastive", "cmc", "cmlm"} & set(config.decoder.heads):
        raise UserError(
            f"adapters.text.layers: no head of {list(config.decoder.heads)} reads text, so nothing "
            "would train a text adapter; set it to 0, or add contrastive, cmc or cmlm to decoder.heads"
        )
    if "cmlm" in config.decoder.heads and shape.text_width != shape.joint:
        raise UserError(
            f"decoder.heads: cmlm needs a text tower as wide as the joint space, {config.backbone.name} has "
            f"{shape.text_width} and {shape.joint}; leave cmlm out"
        )
