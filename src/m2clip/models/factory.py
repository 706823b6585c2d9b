"""From a config to a model."""

import importlib
import math
from typing import Any

import torch

from m2clip.backbones import shape_of
from m2clip.config import Run
from m2clip.data.transforms import Pixels
from m2clip.models.clip import ImageTower, TextTower
from m2clip.models.load_clip import open_backbone
from m2clip.models.prompts import make_prompts
from m2clip.models.video_clip import VideoCLIP, decoder_of


def build_model(
    config: Run, labels: tuple[str, ...], seed: int, device: str = "cpu"
) -> tuple[VideoCLIP, Any]:
    """The model of a config for these labels, and the tokenizer of its CLIP.

    Args:
        config: of the run.
        labels: in the order of their class ids.
        seed: of the adapters' and heads' random weights.
        device: where to; on `meta` no weights are read, which is enough to count.

    Raises:
        UserError: where backbone and config do not fit.
    """
    clip, tokenizer = open_backbone(config.backbone, device)
    method = importlib.import_module(f"m2clip.methods.{config.method}")
    wrap_image, wrap_text = method.wraps(config, shape_of(config.backbone), seed)
    prompts = make_prompts(labels, config.data.prompt, tokenizer, decoder_of(config).mask_words == "prompt")
    temperature = config.backbone.temperature
    if temperature is None:
        temperature = 1.0 if device == "meta" else math.exp(-clip.logit_scale.item())
    image, text = ImageTower(clip.visual, wrap_image), TextTower(clip, wrap_text)
    with torch.device(device if device == "meta" else "cpu"):
        model = VideoCLIP(image, text, prompts, config, temperature, seed)
    return model.to(device), tokenizer


def pixels_of(model: VideoCLIP) -> Pixels:
    """What the model's CLIP expects of a frame, as its own preprocessing says.

    Its interpolation is bicubic for every plain ViT that open_clip has weights of, and so is that of
    `data/transforms.py`.
    """
    visual: Any = model.image.visual
    told = visual.preprocess_cfg
    return Pixels(size=visual.image_size[0], mean=tuple(told["mean"]), std=tuple(told["std"]))


def device_name() -> str:
    """The GPU where there is one, else the CPU, then with one thread, so that bits do not depend on cores."""
    if torch.cuda.is_available():
        return "cuda"
    torch.set_num_threads(1)
    return "cpu"
