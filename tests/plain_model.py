"""M2-CLIP stated a second time, in numpy, float64 and loops: what the tests of `models/` compare with.

It shares no code with `models/`: frozen weights come from the checkpoint by open_clip's names, trained ones
from the model by its own, and each equation is written token by token.
"""

import math

import numpy as np
from safetensors.numpy import load_file


def frozen_weights(backbone):
    return {name: value.astype(np.float64) for name, value in load_file(backbone.pretrained).items()}


def trained_weights(model):
    return {name: value.detach().double().numpy() for name, value in model.trainable().items()}


def below(weights, prefix):
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def gelu(x):
    return np.vectorize(lambda a: 0.5 * a * (1 + math.erf(a / math.sqrt(2))))(x)


def norm(x, w, name, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * w[f"{name}.weight"]
        + w[f"{name}.bias"]
    )


def softmax(x):
    exp = np.exp(x - x.max())
    return exp / exp.sum()


def attention(asking, asked, w, heads, causal=False):
    """Multi-head attention, query by query: tokens (L, D) ask tokens (S, D)."""
    width = asking.shape[1]
    size = width // heads
    in_q, in_k, in_v = np.split(w["attn.in_proj_weight"], 3)
    bias_q, bias_k, bias_v = np.split(w["attn.in_proj_bias"], 3)
    q, k, v = asking @ in_q.T + bias_q, asked @ in_k.T + bias_k, asked @ in_v.T + bias_v
    out = np.zeros_like(q)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for i in range(len(q)):
            seen = i + 1 if causal else len(k)
            share = softmax(np.array([q[i, part] @ k[j, part] / math.sqrt(size) for j in range(seen)]))
            out[i, part] = sum(share[j] * v[j, part] for j in range(seen))
    return linear(out, w, "attn.out_proj")


def scaled(x, w, name):
    return x * w.get(f"{name}.gamma", 1.0)


def feed_forward(x, w):
    return scaled(linear(gelu(linear(norm(x, w, "ln_2"), w, "mlp.c_fc")), w, "mlp.c_proj"), w, "ls_2")


def self_attention(x, w, heads, causal=False):
    normed = norm(x, w, "ln_1")
    return scaled(attention(normed, normed, w, heads, causal), w, "ls_1")


def enhancement(frames, a):
    """Eq. 6 for tokens (T, L, D): each token and its neighbours in time, channel by channel."""
    hidden = linear(frames, a, "down")
    kernel = a["conv.weight"].reshape(hidden.shape[-1], 3)
    moved = np.zeros_like(hidden)
    for t in range(len(frames)):
        for step in (-1, 0, 1):
            if 0 <= t + step < len(frames):
                moved[t] += hidden[t + step] * kernel[:, step + 1]
    return linear(moved + a["conv.bias"], a, "up")


def difference(frames, a, grid):
    """Eq. 7 for tokens (T, 1 + H W, D); the class token, first in L, gets nothing."""
    height, width = grid
    out = np.zeros_like(frames)
    for t in range(len(frames)):
        change = frames[t, 1:] - frames[t - 1, 1:] if t else np.zeros_like(frames[t, 1:])
        hidden = linear(change, a, "down")
        for y in range(height):
            for x in range(width):
                seen = a["conv.bias"].copy()
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        if 0 <= y + dy < height and 0 <= x + dx < width:
                            kernel = a["conv.weight"][:, 0, dy + 1, dx + 1]
                            seen += hidden[(y + dy) * width + x + dx] * kernel
                out[t, 1 + y * width + x] = linear(seen, a, "up")
    return out


def ted(frames, a, grid, fusion="parallel"):
    """Eq. 8, or its sequential variant; what has no weights in `a` is left out."""
    te, td = below(a, "enhancement."), below(a, "difference.")
    z_e = enhancement(frames, te) if te else 0 * frames
    if fusion == "sequential":
        z_1 = frames + z_e
        return z_1 + (difference(z_1, td, grid) if td else 0 * frames)
    return frames + z_e + (difference(frames, td, grid) if td else 0 * frames)


def text_adapter(z, a):
    """Eq. 9."""
    return z + linear(gelu(linear(z, a, "down")), a, "up") if a else z


def image_tower(video, w, a, heads=4, layers=3, patch=8, fusion="parallel"):
    """Eq. 1-3 for one video (T, 3, H, W): v_t (T, E); and before it the released VC's feature (D,).

    That is the last norm of the mean over frames of the class tokens, which it takes for classification.
    """
    side = video.shape[-1] // patch
    frames = []
    for frame in video:
        tokens = [w["visual.class_embedding"]]
        for y in range(side):
            for x in range(side):
                pixels = frame[:, y * patch : (y + 1) * patch, x * patch : (x + 1) * patch]
                tokens.append((w["visual.conv1.weight"] * pixels).sum((1, 2, 3)))
        frames.append(norm(np.array(tokens) + w["visual.positional_embedding"], w, "visual.ln_pre"))
    z = np.array(frames)
    for layer in range(layers):
        block = below(w, f"visual.transformer.resblocks.{layer}.")
        sites = below(a, f"image.blocks.{layer}.")
        z = ted(z, below(sites, "before_attn."), (side, side), fusion)
        z = np.array([x + self_attention(x, block, heads) for x in z])
        z = ted(z, below(sites, "before_mlp."), (side, side), fusion)
        z = np.array([x + feed_forward(x, block) for x in z])
    pooled = np.array([norm(x, w, "visual.ln_post")[0] for x in z])
    return norm(z[:, 0].mean(0), w, "visual.ln_post"), pooled @ w["visual.proj"]


def text_tokens(ids, w, a, heads=4, layers=4):
    """Eq. 4-5 for one text (L,): the tokens of the last layer (L, D)."""
    z = np.array([w["token_embedding.weight"][token] for token in ids])
    z = z + w["positional_embedding"][: len(ids)]
    for layer in range(layers):
        block = below(w, f"transformer.resblocks.{layer}.")
        z = text_adapter(z, below(a, f"text.blocks.{layer}.before_attn."))
        z = z + self_attention(z, block, heads, causal=True)
        z = text_adapter(z, below(a, f"text.blocks.{layer}.before_mlp."))
        z = z + feed_forward(z, block)
    return z


def text_feature(ids, w, a):
    """h_l(z_N) for one text: the projected last token, which is the end-of-text token."""
    end = list(ids).index(max(ids))
    return norm(text_tokens(ids, w, a), w, "ln_final")[end] @ w["text_projection"]


def cmlm_scores(ids, frames, w, a, heads=4, layers=4):
    """Eq. 12 and the word head for one masked text and the frame features (T, E) of its video."""
    block = below(w, f"transformer.resblocks.{layers - 1}.")
    z = text_tokens(ids, w, a)
    asked = z + attention(norm(z, block, "ln_1"), norm(frames, block, "ln_1"), block, heads)
    adapted = text_adapter(asked, below(a, "cmlm.adapter."))
    merged = adapted + feed_forward(adapted, block)
    hidden = norm(gelu(linear(merged, below(a, "cmlm.head."), "0")), below(a, "cmlm.head."), "2", eps=1e-12)
    return linear(hidden, below(a, "cmlm.head."), "3")


def cosine(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


def cross_entropy(scores, target):
    return -math.log(softmax(np.asarray(scores))[target])
