"""Colour jitter, grey, erased rectangles and the multi-scale crop, each stated again pixel by pixel."""

import colorsys
from collections import Counter

import numpy as np
import pytest
import torch

from m2clip.config import Run
from m2clip.data import appearance
from m2clip.data.transforms import Pixels, train_view
from m2clip.errors import UserError
from m2clip.parsing import build

BYTES = Pixels(size=20, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def noise(height=24, width=30, T=3):
    return np.random.default_rng(0).integers(0, 256, (T, height, width, 3), dtype=np.uint8)


def view_of(frames, seed, pixels=BYTES, **options):
    return train_view(frames, pixels, np.random.default_rng(seed), **options)


def luminance(pixel):
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]


def changed(frame, kind, amount):
    """A frame (S, S, 3) with one of its four properties changed, colour by colour."""
    mean = np.mean([[np.floor(luminance(pixel)) for pixel in row] for row in frame])
    found = np.zeros_like(frame)
    for at in np.ndindex(frame.shape[:2]):
        pixel = frame[at]
        if kind == "brightness":
            found[at] = amount * pixel
        elif kind == "contrast":
            found[at] = amount * pixel + (1 - amount) * mean
        elif kind == "saturation":
            found[at] = amount * pixel + (1 - amount) * luminance(pixel)
        else:
            hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
            found[at] = np.array(colorsys.hsv_to_rgb((hue + amount) % 1, saturation, value)) * 255
    return np.clip(found, 0, 255)


def test_jitter_is_four_changes_in_a_random_order_the_same_for_all_frames():
    frames, orders = noise(6, 6, T=2), set()
    view = torch.from_numpy(frames).permute(0, 3, 1, 2)
    for seed in range(12):
        draw = np.random.default_rng(seed)
        amounts = [1 + draw.uniform(-0.4, 0.4), 1 + draw.uniform(-0.4, 0.4), 1 + draw.uniform(-0.2, 0.2)]
        amounts.append(draw.uniform(-0.1, 0.1))
        order = draw.permutation(4)
        orders.add(tuple(order))
        found = appearance.jittered(view, np.random.default_rng(seed))
        assert found.dtype == torch.uint8
        for frame, given in zip(frames.astype(float), found.permute(0, 2, 3, 1).numpy(), strict=True):
            expected = frame
            for index in order:
                kind = ("brightness", "contrast", "saturation", "hue")[index]
                expected = changed(expected, kind, amounts[index])
            assert np.abs(given - expected).max() < 5  # each change rounds to a byte
            assert np.abs(given - frame).max() > 10
    assert len(orders) > 6


def test_grey_is_luminance_in_all_channels():
    frames = noise(6, 6, T=2)
    found = appearance.grey(torch.from_numpy(frames).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    for at in np.ndindex(frames.shape[:3]):
        assert len(set(found[at])) == 1 and abs(float(found[at][0]) - luminance(frames[at])) <= 1


def rectangle(seed, size=64):
    """Where a view of hundreds is noise: top, left, height, width, and the noise."""
    found = appearance.erased(torch.full((2, 3, size, size), 100.0), np.random.default_rng(seed))
    assert torch.equal(found[0], found[1])
    there = (found[0] != 100).all(dim=0).numpy()
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    assert there.sum() == len(rows) * len(columns) == (found[0] != 100).any(dim=0).sum()
    inside = found[0][:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return rows[0], columns[0], len(rows), len(columns), inside


def test_erasing_puts_noise_into_one_rectangle_of_all_frames():
    found = [rectangle(seed) for seed in range(300)]
    top, left, height, width = np.array([each[:4] for each in found]).T
    area, aspect = height * width / 64**2, height / width
    assert 0.015 < area.min() < 0.03 and 0.30 < area.max() < 0.35
    assert 0.25 < aspect.min() < 0.4 and 2.5 < aspect.max() < 4
    for start, side in ((top, height), (left, width)):
        assert start.min() == 0 and (start + side).max() == 64
    every = torch.cat([each[4].flatten() for each in found])
    assert abs(float(every.mean())) < 0.01 and float(every.std()) == pytest.approx(1, abs=0.01)


def test_erasing_leaves_its_input_and_what_is_outside():
    given = torch.ones(2, 3, 32, 32)
    found = appearance.erased(given, np.random.default_rng(1))
    assert (given == 1).all() and 0.5 < float((found == 1).float().mean()) < 1


def test_a_share_of_the_views_is_changed_and_the_rest_are_as_without():
    frames = noise()
    for key in ("jitter", "grey", "erase"):
        same = [
            torch.equal(view_of(frames, seed), view_of(frames, seed, **{key: 0.3})) for seed in range(200)
        ]
        assert 40 < same.count(False) < 80, key
        for seed in range(10):
            assert not torch.equal(view_of(frames, seed, **{key: 1.0}), view_of(frames, seed))


def test_what_the_views_are_does_not_depend_on_the_newer_draws():
    """The first four draws say size, place and mirror, as they did before there was anything else."""
    frames = noise()
    for seed in range(40):
        _, down, right, mirror = np.random.default_rng(seed).random(4)
        top, left = int(down * 5), int(right * 11)
        expected = torch.from_numpy(frames[:, top : top + 20, left : left + 20].copy()).permute(0, 3, 1, 2)
        expected = expected.flip(-1) if mirror < 0.5 else expected
        found = view_of(frames, seed, scale=(1.2, 1.2), flip=True)
        torch.testing.assert_close(found * 255, expected.float(), rtol=0, atol=1e-4)


def test_one_option_draws_nothing_for_another():
    frames = noise()
    for seed in range(20):
        jittered = view_of(frames, seed, jitter=1.0)
        both = view_of(frames, seed, jitter=1.0, erase=1.0)
        erased = view_of(frames, seed, erase=1.0)
        noisy = erased != view_of(frames, seed)
        assert torch.equal(both[~noisy], jittered[~noisy]) and torch.equal(both[noisy], erased[noisy])
        moved = view_of(frames, seed, crop="multi_scale", jitter=1.0)
        assert not torch.equal(moved, view_of(frames, seed, crop="multi_scale"))


def test_nothing_moves_that_did_not():
    still = np.repeat(noise(T=1), 4, axis=0)
    for seed in range(20):
        view = view_of(still, seed, crop="multi_scale", jitter=0.5, grey=0.5, erase=0.5)
        assert view.shape == (4, 3, 20, 20) and all(torch.equal(view[0], frame) for frame in view)


def test_the_multi_scale_crop_has_near_sides_at_corners_and_in_the_middle():
    height, width = 100, 160
    frames = np.zeros((2, height, width, 3), np.uint8)
    frames[..., 0], frames[..., 1] = np.arange(height)[:, None], np.arange(width)
    pixels = Pixels(size=48, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    sides, places = [100.0, 87.5, 75.0, 66.0], Counter()
    for seed in range(600):
        view = view_of(frames, seed, pixels, crop="multi_scale") * 255
        row, column = view[0, 0, :, 24].numpy(), view[0, 1, 24].numpy()
        tall, wide = ((line[36] - line[12]) * 2 for line in (row, column))
        middles = [(line[23] + line[24]) / 2 + 0.5 for line in (row, column)]
        i, j = (int(np.abs(np.array(sides) - side).argmin()) for side in (tall, wide))
        assert abs(sides[i] - tall) < 2 and abs(sides[j] - wide) < 2 and abs(i - j) <= 1
        starts = (middles[0] - tall / 2, middles[1] - wide / 2)
        margins = (height - tall, width - wide)
        corners = [(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)]
        away = [
            max(abs(s - share * m) for s, share, m in zip(starts, c, margins, strict=True)) for c in corners
        ]
        assert min(away) < 2
        places[i, j, "any" if i == 0 else int(np.argmin(away))] += 1
    assert {(i, j) for i, j, _ in places} == {(i, j) for i in range(4) for j in range(4) if abs(i - j) <= 1}
    assert all({(i, i, corner) for corner in range(5)} <= set(places) for i in (1, 2, 3))


@pytest.mark.parametrize("key", ["jitter", "grey", "erase"])
def test_a_share_beyond_one_is_one_line(key):
    with pytest.raises(UserError, match=f"data.{key}: 1.5 is a share of the views, from 0 to 1"):
        build(Run, {"data": {key: 1.5}})
