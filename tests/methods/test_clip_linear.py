"""The linear probe: one layer on CLIP's own feature."""

import pytest
import torch

from m2clip.config import Run
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build


@pytest.mark.parametrize("feature", ["width", "joint"])
def test_it_is_a_layer_on_the_feature_of_the_options(make_model, feature):
    model, _ = make_model({"method": "clip_linear", "options": {"feature": feature}})
    video = model.video(torch.randn(2, 3, 3, 32, 32, dtype=torch.double))
    layer = model.vc.linear
    expected = getattr(video, feature) @ layer.weight.T + layer.bias
    torch.testing.assert_close(model.classify(video)["vc"], expected)
    assert layer.in_features == {"width": 48, "joint": 32}[feature]


def test_its_parameters_and_multiply_adds_at_full_size():
    labels = tuple(f"label {n}" for n in range(400))
    (cost,) = complexity(build(Run, {"method": "clip_linear"}), labels, [8])
    assert cost.trainable == {"vc": 307_600} and cost.macs_compare == 307_200
    assert cost.macs_view / 1e9 == pytest.approx(140.51, abs=0.005)
