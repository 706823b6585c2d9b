"""CLIP's text tower on embedded prompts, of open_clip's own layers: the statement for prompt learners."""

import torch

from m2clip.models.load_clip import open_backbone


def open_clip_of(backbone):
    """The tiny CLIP as open_clip has it, in double precision."""
    return open_backbone(backbone)[0].double()


def features(clip, embedded, end, before_block=None):
    """One prompt, embedded (L, D), whose end token is at `end` -> (E,).

    `before_block(layer, tokens)` may change the tokens (L, D) before a block.
    """
    tokens = embedded + clip.positional_embedding[: len(embedded)]
    mask = torch.full((len(embedded), len(embedded)), float("-inf"), dtype=tokens.dtype).triu(1)
    for layer, block in enumerate(clip.transformer.resblocks):
        if before_block is not None:
            tokens = before_block(layer, tokens)
        tokens = block(tokens[None], attn_mask=mask)[0]
    return clip.ln_final(tokens)[end] @ clip.text_projection


def cosine(a, b):
    """Of two vectors."""
    return float(a @ b) / float(a.norm() * b.norm())
