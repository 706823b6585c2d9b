"""What a CLIP looks like, read from open_clip's model config without importing torch.

So that a layer that does not exist is named before any training starts.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from m2clip.config import Backbone, Run
from m2clip.errors import UserError, did_you_mean
from m2clip.files import parse_json, read_bytes, read_json

SIZES = {"vision_cfg": ("layers", "width", "patch_size", "image_size"), "text_cfg": ("layers", "width")}
# What else a plain ViT's model config may say; any other key is a tower that models/clip.py does not open.
PLAIN = {
    "vision_cfg": ("head_width", "mlp_ratio", "ls_init_value", "act_kwargs", "norm_kwargs"),
    "text_cfg": (
        "heads",
        "context_length",
        "vocab_size",
        "mlp_ratio",
        "ls_init_value",
        "act_kwargs",
        "norm_kwargs",
    ),
}
LARGEST = {"layers": 512, "width": 65_536, "patch_size": 4_096, "image_size": 4_096}
LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it
WHOLE = ("embed_dim", "quick_gelu", "init_logit_scale", *SIZES)


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
        raise UserError(
            f"backbone.name: open_clip has no model {backbone.name}{did_you_mean(backbone.name, known)}"
        )
    if path.stem != backbone.name:
        raise UserError(
            f"backbone.config: open_clip names a model after its file: {path} is not {backbone.name}; "
            f"set backbone.name to {path.stem}"
        )
    try:
        config = read_json(path)
    except UserError as error:
        raise UserError(f"backbone.config: {error}") from None
    if odd := _odd(config):
        raise UserError(
            f"backbone.name: {backbone.name} is not a CLIP with a plain ViT and CLIP's text tower: its model "
            f"config has {odd}; take one such as ViT-B-16"
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


def _odd(config: Any) -> str:
    """What in a model config models/clip.py cannot open, or nothing: a ViT, and CLIP's causal text tower."""
    towers = config if isinstance(config, dict) else {}
    for section, sizes in SIZES.items():
        tower = towers.get(section)
        if not isinstance(tower, dict):
            return f"no {section}"
        default = {"pool_type": "tok" if section == "vision_cfg" else "argmax"}
        for key, value in tower.items():
            if key not in (*sizes, *PLAIN[section]) and value and default.get(key) != value:
                return f"{section}.{key} {value}"
        for key in sizes:
            if type(tower.get(key)) is not int or not 1 <= tower[key] <= LARGEST[key]:
                return f"{section}.{key} {tower.get(key, 'left out')}"
    if type(towers.get("embed_dim")) is not int or towers["embed_dim"] < 1:
        return f"embed_dim {towers.get('embed_dim', 'left out')}"
    return next((f"{key} {value}" for key, value in towers.items() if key not in WHOLE and value), "")


def _open_clip_configs() -> Path:
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise UserError("open_clip is not installed; run make setup")
    return Path(spec.origin).parent / "model_configs"


def weights_file(backbone: Backbone) -> Path | None:
    """The file that the weights are in, or None where they are called by one of open_clip's tags.

    Raises:
        UserError: for a file that is not there.
    """
    path = Path(backbone.pretrained)
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        raise UserError(f"backbone.pretrained: there is no file {path}; `make backbone` trains it")
    return None


def check_file(backbone: Backbone) -> None:
    """Compare the sizes in the header of a file of weights (.safetensors) with the model config's.

    So that weights of another CLIP are named before any training starts, without torch.

    Raises:
        UserError: naming the first tensor that does not fit.
    """
    path = weights_file(backbone)
    if path is None or path.suffix != ".safetensors":
        return
    there, shape = _shapes(path), shape_of(backbone)
    patch = shape.image_size // shape.grid[0]
    blocks = {"visual.transformer.resblocks": shape.image_layers, "transformer.resblocks": shape.text_layers}
    wanted = {
        "visual.conv1.weight": [shape.image_width, 3, patch, patch],
        "visual.proj": [shape.image_width, shape.joint],
        "text_projection": [shape.text_width, shape.joint],
    } | {f"{name}.{layers - 1}.ln_1.weight": None for name, layers in blocks.items()}
    for name, sizes in wanted.items():
        if name in there if sizes is None else there.get(name, sizes) == sizes:
            continue
        found = f"is {there[name]}, not {sizes}" if name in there else "is not in it"
        raise UserError(f"backbone.pretrained: {path} does not fit {backbone.name}: {name} {found}")
    for name, layers in blocks.items():
        if f"{name}.{layers}.ln_1.weight" in there:
            raise UserError(
                f"backbone.pretrained: {path} does not fit {backbone.name}: it has more than {layers} {name}"
            )


def _shapes(path: Path) -> dict[str, list[int]]:
    """The sizes of the tensors in a safetensors file: eight bytes of length, then a header of JSON."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                raise ValueError("its header is cut off")
            header = parse_json(file.read(min(length, LONGEST_HEADER)))
        return {name: value["shape"] for name, value in header.items() if name != "__metadata__"}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"backbone.pretrained: {path}: no safetensors file: {error}") from None


def digest(backbone: Backbone) -> str:
    """What a run is pinned to: sha256 of weights and model config, or the name of open_clip's weights."""
    weights = weights_file(backbone)
    found = hashlib.sha256(backbone.pretrained.encode()) if weights is None else sha256_of(weights).copy()
    found.update(read_bytes(Path(backbone.config)) if backbone.config else backbone.name.encode())
    return found.hexdigest()


def sha256_of(file: Path) -> Any:
    """sha256 of a file as it is now, which is read once."""
    about = file.stat()
    return _sha256(file, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=8)
def _sha256(path: Path, size: int, changed: int) -> Any:
    """Of a file as it is now: gigabytes, which many rows share."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def check(config: Run) -> None:
    """Raise a UserError where the method's options do not fit the backbone or the frames."""
    config.options.check(shape_of(config.backbone), config.data)
