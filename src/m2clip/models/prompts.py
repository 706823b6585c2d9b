"""Labels as CLIP reads them: prompts, their tokens, and which of their words are the label's."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from m2clip import shortcuts
from m2clip.errors import UserError

MASK = "mask"


@dataclass(frozen=True)
class Word:
    """A word of a prompt with its tokens; `of_label` tells the label's words from the template's."""

    text: str
    tokens: list[int]
    of_label: bool


@dataclass(frozen=True)
class Prompts:
    """The prompts of a set of labels.

    ids: (C, L) token ids, L those of the longest prompt; words: of each prompt, in order; mask, start, end:
    token ids.
    """

    ids: Tensor
    words: list[list[Word]]
    mask: int
    start: int
    end: int


def make_prompts(labels: tuple[str, ...], template: str, tokenizer: Any) -> Prompts:
    """Prompts for these labels.

    Args:
        labels: in the order of their class ids.
        template: a sentence with {} where the label goes.
        tokenizer: CLIP's.

    Raises:
        UserError: for a label that has no word, a template that joins a word of the label, or a prompt that
            is longer than CLIP's context.
    """
    before, after = template.split("{}")
    words = []
    for label in labels:
        if not label.split():
            raise UserError(f"labels: class {labels.index(label)} has an empty label")
        words.append(
            [
                Word(text.lower(), tokenizer.encode(text), of_label)
                for part, of_label in ((before, False), (label, True), (after, False))
                for text in part.split()
            ]
        )
    for label, prompt in zip(labels, words, strict=True):
        if [token for word in prompt for token in word.tokens] != tokenizer.encode(template.format(label)):
            raise UserError(
                f'data.prompt: "{template}" runs into the label "{label}"; put spaces around {{}}'
            )
    start, end = tokenizer.sot_token_id, tokenizer.eot_token_id
    rows = [[start, *(token for word in prompt for token in word.tokens), end] for prompt in words]
    longest = max(map(len, rows))
    if longest > tokenizer.context_length:
        label = labels[[len(row) for row in rows].index(longest)]
        raise UserError(
            f'label "{label}": its prompt has {longest} tokens, CLIP reads {tokenizer.context_length}'
        )
    length = tokenizer.context_length if shortcuts.off() else longest
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    (mask,) = tokenizer.encode(MASK)
    return Prompts(ids, words, mask, start, end)
