"""Builds the model of a config."""

import importlib
import math
from typing import Any

import torch

from m2clip.config import Run
from m2clip.data import sentences
from m2clip.data.transforms import Pixels
from m2clip.errors import UserError
from m2clip.models.load_clip import open_backbone
from m2clip.models.method import Method, Setup
from m2clip.models.parts.checkpointing import checkpoint_blocks
from m2clip.models.prompts import make_prompts


def build_model(config: Run, labels: tuple[str, ...], seed: int, device: str = "cpu") -> tuple[Method, Any]:
    """The model of a config for these labels, and the tokenizer of its CLIP.

    Args:
        config: of the run; its method is a module of `methods/`.
        labels: in the order of their class ids.
        seed: of the random weights of what is new.
        device: where to; on `meta` no weights are read, which is enough to count.

    Raises:
        UserError: where backbone and config do not fit.
    """
    clip, tokenizer = open_backbone(config.backbone, device)
    clip_parameters = {id(parameter) for parameter in clip.parameters()}
    templates = config.options.templates(config.data.prompt, own=True)
    temperature = config.backbone.temperature
    if temperature is None:
        temperature = 1.0 if device == "meta" else math.exp(-clip.logit_scale.item())
    setup = Setup(
        clip=clip,
        options=config.options,
        prompts=tuple(
            make_prompts(read, template, tokenizer)
            for template in templates
            for read in sentences.spoken(labels, config.data)
        ),
        frames=config.data.frames,
        temperature=temperature,
        seed=seed,
    )
    with torch.device(device if device == "meta" else "cpu"):
        model: Method = importlib.import_module(f"m2clip.methods.{config.method}").METHOD(setup)
    freeze_all_but_groups(model, clip_parameters)
    if config.train.checkpointing:
        if not model.recomputable:
            raise UserError(f"train.checkpointing: a block of {config.method} cannot be computed twice")
        checkpoint_blocks(model.image.blocks)
    return model.to(device), tokenizer


def freeze_all_but_groups(model: Method, clip_parameters: set[int]) -> None:
    """Let the parameters of the model's groups be trained and freeze all others.

    Args:
        model: just built.
        clip_parameters: ids of CLIP's own parameters. Of those that are trained, the values before training
            are kept in `model.backbone`.

    Raises:
        ValueError: naming a parameter that is in two groups, or that is new and in none.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    group_of: dict[int, str] = {}
    for group_name, group in model.groups().items():
        for parameter in group.parameters():
            key = id(parameter)
            if group_of.setdefault(key, group_name) != group_name:
                raise ValueError(f"{names[key]} is in the groups {group_of[key]} and {group_name}")
            parameter.requires_grad_(group.lr > 0)
    for key, name in names.items():
        if key not in clip_parameters and key not in group_of:
            raise ValueError(f"{name} is new and in no group, so it would never be trained")
    model.backbone = {
        name: p.detach().clone() if p.is_meta else p.detach().to("cpu", copy=True)
        for name, p in model.trainable().items()
        if id(p) in clip_parameters
    }


def pixels_of(model: Method) -> Pixels:
    """What the model's CLIP expects of a frame, as its own preprocessing says.

    Its interpolation is bicubic for every plain ViT that open_clip has weights of, and so is that of
    `data/transforms.py`.
    """
    visual: Any = model.image.visual
    expected = visual.preprocess_cfg
    return Pixels(size=visual.image_size[0], mean=tuple(expected["mean"]), std=tuple(expected["std"]))


def device_name() -> str:
    """`cuda` where there is a GPU; else `cpu`, set to one thread so that results do not depend on cores."""
    if torch.cuda.is_available():
        return "cuda"
    torch.set_num_threads(1)
    return "cpu"
