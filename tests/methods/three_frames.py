"""A block of CLIP that sees three frames, in numpy and loops: the statement for Open-VCLIP and FROSTER."""

import math

import numpy as np

import plain_model as plain


def tower_in_loops(video, weights, heads=4, layers=3, patch=8):
    """One video (T, 3, H, W) and weights by open_clip's names -> projected class tokens (T, E)."""
    w = plain.below(weights, "visual.")
    side, tokens = video.shape[-1] // patch, []
    for frame in video:
        rows = [w["class_embedding"]]
        for y in range(side):
            for x in range(side):
                pixels = frame[:, y * patch : (y + 1) * patch, x * patch : (x + 1) * patch]
                rows.append((w["conv1.weight"] * pixels).sum((1, 2, 3)))
        tokens.append(plain.norm(np.stack(rows) + w["positional_embedding"], w, "ln_pre"))
    tokens = np.stack(tokens)
    for layer in range(layers):
        tokens = block_in_loops(tokens, plain.below(w, f"transformer.resblocks.{layer}."), heads)
    return np.stack([plain.norm(frame[0], w, "ln_post") @ w["proj"] for frame in tokens])


def block_in_loops(z, w, heads):
    """One video (T, L, D): each token asks those of the frame before, its own and the frame after."""
    added = np.stack([attention_in_loops(z, t, w, heads) for t in range(len(z))])
    z = z + plain.scaled(added, w, "ls_1")
    return np.stack([frame + plain.feed_forward(frame, w) for frame in z])


def attention_in_loops(z, t, w, heads):
    """What frame t gets, (L, D); where there is no frame, its keys and values are zero."""
    length, width = z.shape[1:]
    in_q, in_k, in_v = np.split(w["attn.in_proj_weight"], 3)
    bias_q, bias_k, bias_v = np.split(w["attn.in_proj_bias"], 3)
    keys, values = [], []
    for near in (t - 1, t, t + 1):
        for j in range(length):
            inside = 0 <= near < len(z)
            token = plain.norm(z[near, j], w, "ln_1") if inside else None
            keys.append(in_k @ token + bias_k if inside else np.zeros(width))
            values.append(in_v @ token + bias_v if inside else np.zeros(width))
    out, size = np.zeros((length, width)), width // heads
    for i in range(length):
        query = in_q @ plain.norm(z[t, i], w, "ln_1") + bias_q
        for h in range(0, width, size):
            here = slice(h, h + size)
            shares = plain.softmax(np.array([query[here] @ k[here] / math.sqrt(size) for k in keys]))
            for share, value in zip(shares, values, strict=True):
                out[i, here] += share * value[here]
    return plain.linear(out, w, "attn.out_proj")


def moved_tower(model, backbone, seed=2, by=0.1):
    """Move the image tower of a model away from CLIP; its weights by open_clip's names, before and after."""
    import torch

    clip = plain.frozen_weights(backbone)
    draw, after = torch.Generator().manual_seed(seed), dict(clip)
    with torch.no_grad():
        for name, weight in model.image.named_parameters():
            weight.add_(by * torch.randn(weight.shape, generator=draw, dtype=torch.double))
            after[name_in_open_clip(name)] = weight.numpy().copy()
    return clip, after


def name_in_open_clip(name):
    """`blocks.0.block.ln_1.weight` of an image tower is `visual.transformer.resblocks.0.ln_1.weight`."""
    if name.startswith("visual."):
        return name
    _, layer, _, rest = name.split(".", 3)
    return f"visual.transformer.resblocks.{layer}.{rest}"
