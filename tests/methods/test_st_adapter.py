"""ST-Adapter against plain loops, and by its properties."""

import numpy as np
import pytest
import torch

from m2clip.methods.st_adapter import STAdapter

NO_GRADIENT = {
    "image.blocks.2.before_mlp": "behind the last attention no patch reaches the class token",
}
WIDTH, BOTTLENECK = 12, 6


def tokens_of(batch, frames, patches):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, frames, 1 + patches, WIDTH, generator=generator, dtype=torch.double)


def randomised():
    adapter, generator = STAdapter(WIDTH, BOTTLENECK), torch.Generator().manual_seed(0)
    for weight in adapter.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator))
    return adapter.double()


def plainly(tokens, weights):
    """Of one video (T, 1 + M, D): z + Conv3D(z W_dn) W_up, with a 3x1x1 kernel for each channel."""
    down, up = weights["down.weight"], weights["up.weight"]
    kernel = weights["conv.weight"].reshape(BOTTLENECK, 3)
    adapted = tokens.copy()
    for t in range(len(tokens)):
        for patch in range(1, tokens.shape[1]):
            moved = weights["conv.bias"].copy()
            for step in (-1, 0, 1):
                if 0 <= t + step < len(tokens):
                    hidden = down @ tokens[t + step, patch] + weights["down.bias"]
                    moved += kernel[:, step + 1] * hidden
            adapted[t, patch] += up @ moved + weights["up.bias"]
    return adapted


@pytest.mark.parametrize(("batch", "frames", "patches"), [(1, 1, 1), (2, 2, 3), (2, 5, 4)])
def test_it_is_its_equation_in_plain_loops(batch, frames, patches):
    adapter, tokens = randomised(), tokens_of(batch, frames, patches)
    weights = {name: weight.detach().numpy() for name, weight in adapter.named_parameters()}
    with torch.no_grad():
        adapted = adapter(tokens)
    for one, found in zip(tokens.numpy(), adapted.numpy(), strict=True):
        np.testing.assert_allclose(found, plainly(one, weights), rtol=0, atol=1e-11)


def test_the_class_token_is_untouched_and_the_patches_are_not():
    tokens = tokens_of(2, 4, 3)
    with torch.no_grad():
        adapted = randomised()(tokens)
    assert torch.equal(adapted[:, :, 0], tokens[:, :, 0])
    assert (adapted[:, :, 1:] != tokens[:, :, 1:]).all()


def test_it_is_the_identity_as_it_starts_and_learns_from_there():
    adapter, tokens = STAdapter(WIDTH, BOTTLENECK).double(), tokens_of(1, 3, 2)
    adapted = adapter(tokens)
    assert torch.equal(adapted, tokens)
    adapted.square().sum().backward()
    assert any(weight.grad.abs().sum() > 0 for weight in adapter.conv.parameters())
