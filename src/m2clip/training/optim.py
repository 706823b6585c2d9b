"""The optimiser over a method's groups, and its learning rate as a pure function of the step."""

import math

import torch
from torch import nn

from m2clip.config import Train
from m2clip.models.method import Method


def learning_rate(step: int, config: Train) -> float:
    """A cosine from `lr` down to `floor` times `lr`, times a linear warm-up over the first steps.

    Args:
        step: 0 to steps - 1.
        config: its `warmup` is the share of the steps that the warm-up takes.
    """
    warmup = config.warmup * config.steps
    rise = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    cosine = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    if config.floor:
        cosine = config.floor + (1 - config.floor) * cosine
    return config.lr * rise * cosine


def make_optimizer(model: Method, config: Train) -> torch.optim.Optimizer:
    """AdamW or SGD over the trained parameters: a parameter group for each rate factor and weight decay.

    Biases and norms are decayed only with `decay: all`.
    """
    lists: dict[tuple[float, float], list[nn.Parameter]] = {}
    place: dict[int, tuple[float, float]] = {}
    for group in model.groups().values():
        decay = config.weight_decay if group.decay is None else group.decay
        for parameter in group.parameters():
            spared = config.decay == "matrices" and parameter.ndim < 2
            place[id(parameter)] = (group.lr, 0.0 if spared else decay)
    for parameter in model.trainable().values():  # in the model's order, whatever that of the groups
        lists.setdefault(place[id(parameter)], []).append(parameter)
    settings = [
        {"params": parameters, "weight_decay": decay, "factor": factor}
        for (factor, decay), parameters in lists.items()
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(settings, lr=config.lr, momentum=config.momentum)
    return torch.optim.AdamW(settings, lr=config.lr, betas=config.betas)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set each parameter group's learning rate: `lr` times the group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]
