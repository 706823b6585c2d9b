"""Losses and heads of the multi-task decoder (Eq. 10-12): contrastive, CMC and CMLM.

VC, the fourth, is a `LinearHead` (parts/layers.py).
"""

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from m2clip.models.adapters import TextAdapter
from m2clip.models.clip import attend, feed
from m2clip.models.parts.layers import scores
from m2clip.models.prompts import Prompts
from m2clip.options.m2clip import Decoder
from m2clip.options.m2clip import TextAdapter as TextAdapterConfig

RELEASED_EXTRA = "name"  # the header of its label file, which the released code counts as a word


def contrastive_loss(logits: Tensor, class_ids: Tensor, variant: str = "share") -> Tensor:
    """Eq. 10: KL divergence to the label-match matrix, averaged over both directions.

    Args:
        logits: (B, B), videos of the batch against the texts of their labels.
        class_ids: (B,); two videos of one label are a positive pair, so that a row may have several ones.
        variant: how a row of ones and zeros becomes a distribution. share: divided by its sum; softmax: of
            10 times the row, as ActionCLIP and the released code have it, so that a negative pair keeps e^-10
            of what a positive one has.
    """
    match = (class_ids[:, None] == class_ids[None]).to(logits.dtype)
    target = (10 * match).softmax(dim=1) if variant == "softmax" else match / match.sum(dim=1, keepdim=True)
    video_to_text = F.kl_div(logits.log_softmax(dim=1), target, reduction="batchmean")
    text_to_video = F.kl_div(logits.T.log_softmax(dim=1), target, reduction="batchmean")
    return (video_to_text + text_to_video) / 2


def cmc_loss(logits: Tensor, class_ids: Tensor, variant: str = "plain") -> Tensor:
    """Cross-modal classification: cross-entropy on Eq. 11 over all classes.

    Args:
        logits: (B, C), videos against the texts of all classes.
        class_ids: (B,).
        variant: plain; or softmax, the released code's cross-entropy of a softmax, which keeps the loss
            within one nat of log C whatever the logits.
    """
    return F.cross_entropy(logits.softmax(dim=1) if variant == "softmax" else logits, class_ids)


class WordHead(nn.Sequential):
    """BERT's masked language head (Devlin et al., 2018): transform, then scores over the V words."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12), nn.Linear(width, words)
        )

    def forward(self, text: Tensor) -> Tensor:
        """(B, L, D) -> word scores (B, L, V)."""
        *transform, last = self
        for layer in transform:
            text = layer(text)
        return scores(cast(nn.Linear, last), text)


class CMLM(nn.Module):
    """Cross-modal masked language modelling, Eq. 12.

    The masked label's tokens attend to the frame features by the frozen last text block (cross-attention);
    then a text adapter, the block's FFN and the word head.
    """

    def __init__(self, block: nn.Module, width: int, words: int, adapter: TextAdapterConfig) -> None:
        super().__init__()
        self.block = block
        self.adapter = TextAdapter(width, adapter)
        self.head = WordHead(width, words)

    def forward(self, text: Tensor, frames: Tensor) -> Tensor:
        """Text tokens of the last layer (B, L, D), frame features (B, T, D) -> word scores (B, L, V)."""
        adapted = self.adapter(text + attend(self.block, text, context=frames))
        return self.head(adapted + feed(self.block, adapted))


def word_vocabulary(prompts: Prompts, mask_words: str) -> dict[str, int]:
    """The words that CMLM may have to predict, sorted, and their index.

    Args:
        prompts: of the labels trained on.
        mask_words: label; or prompt, which adds the template's words and, as the released code does, "name".
    """
    whole = mask_words == "prompt"
    words = {word.text for prompt in prompts.words for word in prompt if word.of_label or whole}
    if whole:
        words.add(RELEASED_EXTRA)
    return {word: index for index, word in enumerate(sorted(words))}


def mask_words(
    prompts: Prompts,
    vocabulary: dict[str, int],
    class_ids: Tensor,
    config: Decoder,
    random: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Prompts of a batch with whole words replaced by the token of "mask".

    Args:
        prompts: of all classes.
        vocabulary: from `word_vocabulary`.
        class_ids: (B,).
        config: `mask_rate` of the maskable words, at least one; `mask_words` says which are maskable.
        random: decides which.

    Returns:
        Token ids (B, L); and (B, L) the word to predict at each token, -100 where nothing was masked.
    """
    ids = torch.zeros(len(class_ids), prompts.ids.shape[1], dtype=torch.long)
    words = torch.full_like(ids, -100)
    for row, class_id in enumerate(class_ids.tolist()):
        prompt = prompts.words[class_id]
        maskable = [i for i, word in enumerate(prompt) if word.of_label or config.mask_words == "prompt"]
        masked = max(1, round(len(maskable) * config.mask_rate))
        chosen = set(random.choice(maskable, size=masked, replace=False).tolist())
        tokens = [prompts.start]
        for i, word in enumerate(prompt):
            if i in chosen:
                words[row, len(tokens)] = vocabulary[word.text]
            tokens += [prompts.mask] if i in chosen else word.tokens
        tokens.append(prompts.end)
        ids[row, : len(tokens)] = torch.tensor(tokens)
    return ids, words
