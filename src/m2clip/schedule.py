"""A recipe in epochs and per video as plain numbers of steps; no torch."""

from dataclasses import replace
from math import ceil

from m2clip.config import Train
from m2clip.errors import UserError


def resolve_schedule(recipe: Train, videos: int) -> Train:
    """The same recipe for so many training videos: steps, warm-up and learning rate as plain numbers.

    Raises:
        UserError: when the warm-up is longer than the training.
    """
    steps = recipe.steps if recipe.epochs is None else ceil(recipe.epochs * videos / recipe.batch)
    warmup = recipe.warmup
    if recipe.warmup_epochs is not None and steps:
        warmup = recipe.warmup_epochs * videos / recipe.batch / steps
        if warmup >= 1:
            raise UserError(
                f"train.warmup_epochs: {recipe.warmup_epochs:g} of {videos} videos take all {steps} steps"
            )
    lr = recipe.lr if recipe.lr_batch is None else recipe.lr * recipe.batch / recipe.lr_batch
    return replace(recipe, steps=steps, warmup=warmup, lr=lr, epochs=None, warmup_epochs=None, lr_batch=None)
