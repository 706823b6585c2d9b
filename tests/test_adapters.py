"""TED-Adapter (Eq. 6-8) and text adapter (Eq. 9) against plain loops, and by their properties."""

import numpy as np
import pytest
import torch
from torch import nn

import plain_model as plain
from m2clip.errors import UserError
from m2clip.models.adapters import TemporalConvolution, TextAdapter, ted_adapter
from m2clip.models.parts.layers import seeded
from m2clip.options.base import adapted_layers, text_layers
from m2clip.options.m2clip import TextAdapter as TextConfig
from m2clip.options.m2clip import VisualAdapter

WIDTH = 12
SHAPES = [(1, 1, (1, 1)), (2, 2, (1, 3)), (2, 3, (2, 2)), (1, 5, (3, 4)), (3, 4, (4, 2))]


def randomised(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for weight in module.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator))
    return module.double()


def a_ted(grid, **differences):
    return randomised(ted_adapter(VisualAdapter(**differences), WIDTH, grid))


def some_tokens(batch, frames, grid, seed=1):
    shape = (batch, frames, 1 + grid[0] * grid[1], WIDTH)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def weights_of(module):
    return {name: weight.detach().numpy() for name, weight in module.named_parameters()}


@pytest.mark.parametrize(("batch", "frames", "grid"), SHAPES)
@pytest.mark.parametrize(
    "differences",
    [
        {},
        {"fusion": "sequential"},
        {"temporal_difference": False},
        {"temporal_enhancement": False},
        {"temporal_difference": False, "fusion": "sequential"},
        {"bottleneck": 0.25},
    ],
)
def test_ted_adapter_is_equations_6_to_8_in_plain_loops(batch, frames, grid, differences):
    adapter, tokens = a_ted(grid, **differences), some_tokens(batch, frames, grid)
    with torch.no_grad():
        adapted = adapter(tokens)
    for one, expected in zip(tokens.numpy(), adapted.numpy(), strict=True):
        plainly = plain.ted(one, weights_of(adapter), grid, differences.get("fusion", "parallel"))
        np.testing.assert_allclose(expected, plainly, rtol=0, atol=1e-11)


@pytest.mark.parametrize("frames", [1, 2, 6])
def test_a_still_video_gives_no_difference_beyond_biases(frames):
    branch = a_ted((3, 2), temporal_enhancement=False).difference
    still = some_tokens(1, 1, (3, 2)).expand(2, frames, -1, -1)
    other = some_tokens(1, 1, (3, 2), seed=2).expand(2, frames, -1, -1)
    assert torch.equal(branch(still), branch(other))
    for name, bias in branch.named_parameters():
        if name.endswith("bias"):
            bias.data.zero_()
    assert not branch(still).any()


def test_the_first_frames_difference_is_zero_and_later_ones_are_not():
    branch = a_ted((3, 2)).difference
    for name, bias in branch.named_parameters():
        if name.endswith("bias"):
            bias.data.zero_()
    out = branch(some_tokens(2, 3, (3, 2)))
    assert not out[:, 0].any()
    assert out[:, 1:, 1:].abs().min() > 0


def test_the_class_token_neither_sees_nor_makes_a_difference():
    branch, tokens = a_ted((3, 2)).difference, some_tokens(2, 3, (3, 2))
    out = branch(tokens)
    assert not out[:, :, 0].any()
    changed = tokens.clone()
    changed[:, :, 0] += 1
    assert torch.equal(branch(changed), out)


def test_a_difference_looks_back_and_never_ahead():
    branch, tokens = a_ted((3, 2)).difference, some_tokens(1, 4, (3, 2))
    changed = tokens.clone()
    changed[:, 2, 1:] += 1
    touched = (branch(changed) != branch(tokens)).flatten(2).any(-1)
    assert touched.tolist() == [[False, False, True, True]]


@pytest.mark.parametrize("fusion", ["parallel", "sequential"])
def test_shared_projections_are_one_pair_in_equations_6_and_7(fusion):
    adapter, separate = a_ted((3, 2), fusion=fusion, projections="shared"), a_ted((3, 2), fusion=fusion)
    weights, tokens = weights_of(adapter), some_tokens(1, 4, (3, 2))
    assert {name.rpartition(".")[0] for name in weights} == {
        "enhancement.down", "enhancement.conv", "enhancement.up", "difference.conv"
    }  # fmt: skip
    for layer in ("down", "up"):
        for kind in ("weight", "bias"):
            weights[f"difference.{layer}.{kind}"] = weights[f"enhancement.{layer}.{kind}"]
    plainly = plain.ted(tokens[0].numpy(), weights, (3, 2), fusion)
    np.testing.assert_allclose(adapter(tokens)[0].detach().numpy(), plainly, rtol=0, atol=1e-10)
    saved = 2 * WIDTH * WIDTH // 2 + WIDTH // 2 + WIDTH
    assert sum(map(torch.numel, separate.parameters())) == saved + sum(map(torch.numel, adapter.parameters()))
    alone = ted_adapter(VisualAdapter(projections="shared", temporal_enhancement=False), WIDTH, (3, 2))
    assert len(list(alone.parameters())) == 6


def test_enhancement_mixes_neighbouring_frames_of_one_token_alone():
    branch, tokens = a_ted((3, 2)).enhancement, some_tokens(1, 5, (3, 2))
    changed = tokens.clone()
    changed[:, 2, 4] += 1
    touched = (branch(changed) != branch(tokens)).any(-1)[0]
    expected = torch.zeros(5, 7, dtype=torch.bool)
    expected[1:4, 4] = True
    assert torch.equal(touched, expected)


def test_enhancement_tells_past_from_future():
    branch, tokens = a_ted((3, 2)).enhancement, some_tokens(1, 5, (3, 2))
    assert not torch.allclose(branch(tokens.flip(1)).flip(1), branch(tokens))


def test_videos_of_a_batch_do_not_meet():
    adapter, tokens = a_ted((3, 2)), some_tokens(3, 4, (3, 2))
    alone = torch.cat([adapter(video[None]) for video in tokens])
    torch.testing.assert_close(adapter(tokens), alone, rtol=0, atol=1e-12)


def test_sequential_differs_from_parallel():
    parallel, sequential = a_ted((3, 2)), a_ted((3, 2), fusion="sequential")
    tokens = some_tokens(1, 3, (3, 2))
    assert not torch.allclose(parallel(tokens), sequential(tokens))


@pytest.mark.parametrize("fusion", ["parallel", "sequential"])
def test_every_adapter_starts_as_the_identity_and_can_learn(fusion):
    tokens = some_tokens(2, 3, (3, 2)).float()
    ted = ted_adapter(VisualAdapter(fusion=fusion), WIDTH, (3, 2))
    text, after = TextAdapter(WIDTH, TextConfig()), TemporalConvolution(WIDTH)
    for adapter, given in ((ted, tokens), (text, tokens[:, 0]), (after, tokens[:, :, 0])):
        out = adapter(given)
        assert torch.equal(out, given)
        (out**2).sum().backward()
        assert any(w.grad is not None and w.grad.any() for w in adapter.parameters())


def test_convolutions_and_biases_start_at_zero_and_projections_do_not():
    for module in (ted_adapter(VisualAdapter(), WIDTH, (3, 2)), TemporalConvolution(WIDTH)):
        for name, weight in module.named_parameters():
            assert weight.any().item() == (name.endswith(("down.weight", "up.weight"))), name
    text = TextAdapter(WIDTH, TextConfig())
    assert [name for name, weight in text.named_parameters() if weight.any()] == ["down.weight"]


def test_text_adapter_is_equation_9():
    adapter = randomised(TextAdapter(WIDTH, TextConfig()))
    tokens = some_tokens(1, 4, (2, 3))[0]
    with torch.no_grad():
        adapted = adapter(tokens)
    for one, expected in zip(tokens.numpy(), adapted.numpy(), strict=True):
        np.testing.assert_allclose(expected, plain.text_adapter(one, weights_of(adapter)), rtol=0, atol=1e-11)


def test_released_text_adapter_has_pytorchs_weights_no_biases_and_is_not_the_identity():
    config = TextConfig(initialisation="pytorch")
    adapter = seeded(7, lambda: TextAdapter(64, config))
    with torch.random.fork_rng():
        torch.manual_seed(7)
        down, up = nn.Linear(64, 48), nn.Linear(48, 64)
    assert torch.equal(adapter.down.weight, down.weight)
    assert torch.equal(adapter.up.weight, up.weight)
    assert not adapter.down.bias.any() and not adapter.up.bias.any()
    tokens = torch.randn(2, 3, 64)
    assert (adapter(tokens) - tokens).abs().max() > 0.01


def test_temporal_convolution_is_a_residual_enhancement_of_one_token():
    after = randomised(TemporalConvolution(WIDTH))
    frames = some_tokens(1, 5, (1, 1))[:, :, 0]
    weights = plain.below(weights_of(after), "enhancement.")
    plainly = frames[0].numpy() + plain.enhancement(frames[0].numpy()[:, None], weights)[:, 0]
    np.testing.assert_allclose(after(frames)[0].detach().numpy(), plainly, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("share", "width", "bottleneck"), [(0.5, 768, 384), (1.0, 96, 96), (0.3, 96, 29)])
def test_bottlenecks_are_shares_of_the_width(share, width, bottleneck):
    ted = ted_adapter(VisualAdapter(bottleneck=share), width, (2, 2))
    assert ted.enhancement.conv.weight.shape == (bottleneck, 1, 3, 1)
    assert ted.difference.conv.weight.shape == (bottleneck, 1, 3, 3)
    assert TextAdapter(width, TextConfig(bottleneck=share)).down.weight.shape == (bottleneck, width)


def test_text_bottleneck_of_the_paper():
    assert TextAdapter(512, TextConfig()).down.weight.shape == (384, 512)


@pytest.mark.parametrize(
    ("layers", "total", "adapted"),
    [
        ("all", 4, (1, 2, 3, 4)),
        ("none", 4, ()),
        ("front", 12, (1, 2, 3, 4, 5)),
        ("back", 12, (6, 7, 8, 9, 10, 11, 12)),
        ("front", 4, (1, 2)),
        ("back", 4, (3, 4)),
        ("front", 24, tuple(range(1, 11))),
        ("front", 8, (1, 2, 3)),
        ((1, 12), 12, (1, 12)),
    ],
)
def test_layers_by_name_and_by_number(layers, total, adapted):
    assert adapted_layers(layers, total) == adapted


@pytest.mark.parametrize("layer", [0, 13, -1])
def test_a_layer_that_does_not_exist_is_named(layer):
    with pytest.raises(UserError, match=rf"adapters.visual.layers: .*{layer}\b.*1 to 12"):
        adapted_layers((1, layer), 12)


@pytest.mark.parametrize(("layers", "total", "count"), [(0, 12, 0), (3, 12, 3), ("all", 12, 12)])
def test_text_layers_are_the_last_ones(layers, total, count):
    assert text_layers(layers, total) == count
