"""Views against crops cut by hand."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from m2clip.data.transforms import Pixels, augmented, test_views, train_view

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


POLICY = "rand-m7-n4-mstd0.5-inc1"


def parts(height, width, draws=600):
    """Of random resized crops of a picture that holds its own coordinates: top, left, height and width."""
    frames = np.zeros((2, height, width, 3), np.uint8)
    frames[..., 0] = np.arange(height)[:, None]
    frames[..., 1] = np.arange(width)
    plain = Pixels(size=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    found = []
    for seed in range(draws):
        view = train_view(frames, plain, np.random.default_rng(seed), crop="resized") * 255
        assert view.shape == (2, 3, 32, 32) and torch.equal(view[0], view[1])
        row, column = view[0, 0, :, 16].numpy(), view[0, 1, 16].numpy()
        # Far from the borders a resized ramp stays one: its slope says the size, its middle the place.
        tall, wide = ((line[24] - line[8]) * 2 for line in (row, column))
        middles = [(line[15] + line[16]) / 2 + 0.5 for line in (row, column)]
        found.append((middles[0] - tall / 2, middles[1] - wide / 2, tall, wide))
    return np.array(found)


def test_random_resized_crop_reaches_all_areas_aspects_and_places():
    top, left, tall, wide = parts(120, 160).T
    area, aspect = tall * wide / (120 * 160), wide / tall
    assert 0.07 < area.min() < 0.12 and 0.9 < area.max() < 1.02
    assert 0.72 < aspect.min() < 0.78 and 1.29 < aspect.max() < 1.38
    small = area < 0.5  # which all fit, so that their areas are drawn evenly
    assert area[small].mean() == pytest.approx((0.08 + 0.5) / 2, abs=0.02)
    assert abs(np.log(aspect[small])).mean() == pytest.approx(np.log(4 / 3) / 2, abs=0.02)
    for start, size, side in ((top, tall, 120), (left, wide, 160)):
        share = start[small] / (side - size[small])
        assert share.min() < 0.03 and share.max() > 0.97 and share.mean() == pytest.approx(0.5, abs=0.05)
        assert (start > -1).all() and (start + size < side + 1).all()


def test_where_no_part_fits_the_middle_is_taken(monkeypatch):
    monkeypatch.setattr("m2clip.data.transforms.TRIES", 0)
    for height, width, expected in ((60, 160, (0, 40, 60, 80)), (160, 60, (40, 0, 80, 60)), (64, 80, None)):
        found = parts(height, width, draws=1)[0]
        np.testing.assert_allclose(found, expected or (0, 0, height, width), atol=1)


def test_an_option_of_a_view_draws_nothing_for_another():
    frames, seen = noise(64, 80, T=1), []

    def view(seed, **options):
        return train_view(frames, pixels(48), np.random.default_rng(seed), **options)

    for seed in range(60):
        plain = view(seed, crop="resized")
        flipped = view(seed, crop="resized", flip=True)
        untouched = torch.equal(view(seed, crop="resized", randaugment=POLICY), plain)
        seen.append((torch.equal(flipped, plain), torch.equal(flipped, plain.flip(-1)), untouched))
        assert torch.equal(view(seed, crop="resized", scale=(1.0, 1.15)), plain)
    assert all(one != other for one, other, _ in seen) and 15 < sum(one for one, _, _ in seen) < 45
    assert 1 <= sum(untouched for *_, untouched in seen) < 12  # one policy in sixteen does nothing


def stated(frame, seed):
    """RandAugment stated again for a frame: four of the fifteen, each with one half's chance, at about 7."""
    from timm.data.auto_augment import LEVEL_TO_ARG, NAME_TO_OP

    names = [
        "AutoContrast",
        "Equalize",
        "Invert",
        "Rotate",
        "PosterizeIncreasing",
        "SolarizeIncreasing",
        "SolarizeAdd",
        "ColorIncreasing",
        "ContrastIncreasing",
        "BrightnessIncreasing",
        "SharpnessIncreasing",
        "ShearX",
        "ShearY",
        "TranslateXRel",
        "TranslateYRel",
    ]
    np.random.seed(seed)
    random.seed(seed)
    picture = Image.fromarray(frame)
    for name in np.random.choice(names, 4):
        if random.random() > 0.5:
            continue
        level = min(10.0, max(0.0, random.gauss(7, 0.5)))
        given = LEVEL_TO_ARG[name](level, {}) if LEVEL_TO_ARG[name] else ()
        picture = NAME_TO_OP[name](
            picture, *given, fillcolor=(128, 128, 128), resample=Image.Resampling.BICUBIC
        )
    return np.asarray(picture)


def test_randaugment_is_the_released_policy_with_one_draw_for_all_frames():
    frames = noise(40, 50)
    changed = 0
    for seed in range(40):
        together = augmented(frames, POLICY, seed)
        assert together.shape == frames.shape and together.dtype == np.uint8
        expected = np.stack([stated(frame, seed) for frame in frames])
        assert (together == expected).all()
        changed += bool((together != frames).any())
    assert 30 < changed <= 40  # of which one in sixteen draws nothing


def test_randaugment_moves_nothing_that_does_not_move():
    still = np.repeat(noise(40, 50, T=1), 4, axis=0)
    for seed in range(20):
        view = train_view(still, pixels(32), np.random.default_rng(seed), crop="resized", randaugment=POLICY)
        assert all(torch.equal(view[0], frame) for frame in view)


def test_randaugment_leaves_the_global_generators_as_they_were():
    random.seed(5)
    np.random.seed(5)
    expected = [random.random(), random.gauss(0, 1), random.gauss(0, 1), *np.random.rand(2)]
    random.seed(5)
    np.random.seed(5)
    frames = noise(40, 50)
    found = [random.random(), random.gauss(0, 1)]
    first = augmented(frames, POLICY, 3)
    found += [random.gauss(0, 1), np.random.rand()]
    assert (augmented(frames, POLICY, 3) == first).all()
    assert [*found, np.random.rand()] == expected
    assert any((augmented(frames, POLICY, seed) != first).any() for seed in range(4, 8))
