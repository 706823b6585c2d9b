"""AdamW over adapters and heads, and its learning rate as a pure function of the step."""

import math

import torch
from torch import nn

from m2clip.config import Train


def learning_rate(step: int, config: Train) -> float:
    """A cosine from `lr` to zero over all steps, times a linear warm-up over the first of them.

    Args:
        step: 0 to steps - 1.
        config: its `warmup` is the share of the steps that the warm-up takes.
    """
    warmup = config.warmup * config.steps
    rise = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    return config.lr * rise * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def make_optimizer(
    trainable: dict[str, nn.Parameter], config: Train, text_lr: float = 1.0
) -> torch.optim.AdamW:
    """AdamW in up to four groups: text adapters or not (`text_lr`), decayed or not (biases, norms)."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trainable.items():
        factor = text_lr if name.startswith(("text.", "cmlm.adapter.")) else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "weight_decay": decay, "factor": factor}
            for (factor, decay), parameters in groups.items()
        ],
        lr=config.lr,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group its share of `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]
