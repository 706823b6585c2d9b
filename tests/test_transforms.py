"""Views against crops cut by hand."""

import numpy as np
import pytest
import torch
from PIL import Image

from m2clip.data.transforms import Pixels, test_views, train_view

MEAN, STD = (0.48, 0.45, 0.40), (0.26, 0.27, 0.28)


def pixels(size):
    return Pixels(size=size, mean=MEAN, std=STD)


def noise(height, width, T=3):
    return np.random.default_rng(0).integers(0, 256, (T, height, width, 3), dtype=np.uint8)


def normalised(frames):
    """(T, S, S, 3) bytes to (T, 3, S, S), number by number."""
    values = (frames.astype(np.float64) / 255 - np.array(MEAN)) / np.array(STD)
    return torch.from_numpy(values.transpose(0, 3, 1, 2)).float()


@pytest.mark.parametrize("crops, lefts", ((1, [10]), (3, [0, 10, 21]), (4, [0, 5, 10, 21])))
def test_crops_along_the_width(crops, lefts):
    frames = noise(64, 85)
    views = test_views(frames, pixels(64), crops)
    expected = torch.stack([normalised(frames[:, :, left : left + 64]) for left in lefts])
    torch.testing.assert_close(views, expected, atol=1e-5, rtol=1e-5)


def test_crops_along_the_height():
    frames = noise(80, 64)
    views = test_views(frames, pixels(64), 3)
    expected = torch.stack([normalised(frames[:, top : top + 64]) for top in (0, 8, 16)])
    torch.testing.assert_close(views, expected, atol=1e-5, rtol=1e-5)


def test_resize_is_the_one_of_clip():
    """Bicubic with antialiasing, as Pillow does it in CLIP's own preprocessing."""
    frames = noise(96, 120, T=2)
    views = test_views(frames, pixels(48), 1)
    resized = np.stack(
        [np.asarray(Image.fromarray(f).resize((60, 48), Image.Resampling.BICUBIC)) for f in frames]
    )
    expected = normalised(resized[:, :, 6:54])
    assert (views[0] - expected).abs().max() < 2.5 / 255 / min(STD)
    assert (views[0] - expected).abs().mean() < 0.2 / 255 / min(STD)


@pytest.mark.parametrize("height, width", ((64, 80), (100, 64), (50, 50), (48, 90), (200, 130)))
@pytest.mark.parametrize("scale", ((1.0, 1.0), (1.0, 1.15)))
def test_any_size_gives_the_square(height, width, scale):
    frames = noise(height, width)
    view = train_view(frames, pixels(48), np.random.default_rng(0), scale=scale, flip=True)
    assert view.shape == (3, 3, 48, 48) and view.dtype == torch.float32 and view.is_contiguous()
    assert test_views(frames, pixels(48), 4).shape == (4, 3, 3, 48, 48)


def places(flip, draws=400):
    """Where the crops of a picture begin that holds its own coordinates, and which are mirrored."""
    frames = np.zeros((4, 24, 30, 3), np.uint8)
    frames[..., 0] = np.arange(24)[:, None]
    frames[..., 1] = np.arange(30)
    plain = Pixels(size=20, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    found = []
    for seed in range(draws):
        # Short side 24 = 1.2 * 20: no resize, a margin of 4 and of 10.
        view = train_view(frames, plain, np.random.default_rng(seed), scale=(1.2, 1.2), flip=flip)
        values = (view * 255).round().long()
        assert (values == values[:1]).all()  # all frames alike
        row, column = values[0, 0, :, 0], values[0, 1, 0]
        mirrored = bool(column[0] > column[-1])
        assert row.tolist() == list(range(row[0], row[0] + 20))
        assert sorted(column.tolist()) == list(range(column.min(), column.min() + 20))
        found.append((int(row[0]), int(column.min()), mirrored))
    return found


def test_random_crops_reach_every_place():
    found = places(flip=False)
    assert {top for top, _, _ in found} == set(range(5))
    assert {left for _, left, _ in found} == set(range(11))
    assert not any(mirrored for _, _, mirrored in found)


def test_flip_mirrors_half_and_moves_nothing_else():
    plain, flipped = places(flip=False), places(flip=True)
    assert [place[:2] for place in plain] == [place[:2] for place in flipped]
    assert 150 < sum(mirrored for _, _, mirrored in flipped) < 250


def test_scale_jitters_the_short_side():
    """A ramp over the width grows flatter as the frame grows larger."""
    frames = np.broadcast_to(np.arange(0, 240, 3, dtype=np.uint8)[:, None], (1, 64, 80, 3))
    plain = Pixels(size=64, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    slopes = []
    for seed in range(200):
        view = train_view(frames, plain, np.random.default_rng(seed), scale=(1.0, 1.5)) * 255
        slopes.append(3 / float((view[0, 0, 0, 48] - view[0, 0, 0, 16]) / 32))
    assert 0.95 < min(slopes) < 1.05 and 1.43 < max(slopes) < 1.57
    assert 1.15 < np.median(slopes) < 1.35


def test_the_generator_is_the_only_randomness():
    frames = noise(64, 80)
    first, again, other = (
        train_view(frames, pixels(48), np.random.default_rng(seed), scale=(1.0, 1.5), flip=True)
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
