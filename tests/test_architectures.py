"""Architectures that adapt no CLIP, against torchvision's own S and against what their papers printed."""

import csv
from pathlib import Path

import pytest
from torchvision.models.video import mvit_v2_s

from m2clip.evaluation import architectures
from m2clip.stages.complexity import OUTPUT_OF_ARCHITECTURES, architecture_lines

PUBLISHED = Path("experiments/published/table1_k400.csv")


def _shapes(model):
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


def test_the_blocks_follow_torchvisions_rule(monkeypatch):
    """With the blocks of S, every weight has the name and the shape that torchvision's own S gives it."""
    monkeypatch.setattr(architectures, "MVIT_BLOCKS", (1, 2, 11, 2))
    assert _shapes(architectures.mvit_v2_b(16)) == _shapes(mvit_v2_s(weights=None))


def test_counts_are_the_published_ones_to_their_rounding():
    """Parameters in millions within one of the printed digit, multiply-adds within half a percent."""
    printed = {line["method"]: line for line in csv.DictReader(PUBLISHED.open(encoding="utf-8"))}
    counted = architectures.counts()
    assert {one.name for one in counted} == {"Swin-B", "MViTv2-B"}
    for one in counted:
        line = printed[one.name]
        assert one.frames == int(line["frames"])
        assert abs(one.parameters / 1e6 - float(line["tunable_params_m"])) < 1
        assert one.macs_view / 1e9 == pytest.approx(float(line["gflops_per_view"]), rel=5e-3)


def test_the_committed_file_is_what_is_counted():
    with OUTPUT_OF_ARCHITECTURES.open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == architecture_lines()
