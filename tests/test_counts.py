"""What a training step computes, by count: texts read, multiply-adds, copies of the patch tokens; no time."""

import os
import sys
from collections import Counter

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import made_up_runs as made
from m2clip import provenance, shortcuts
from m2clip.evaluation.complexity import multiply_adds
from m2clip.methods import m2clip
from steps import step_of

sys.path.insert(0, str(made.ROOT / "benchmarks"))
import cost
import counts
import measure

B, T, M, LAYERS = 2, 4, 16, 3  # videos, frames; patches and blocks of the tiny CLIP's image tower
TEXT_LAYERS, CONTEXT = 4, 24
COPIES = ("clone", "copy_", "_to_copy", "cat", "constant_pad_nd", "stack", "index", "index_select", "gather")


def some_videos(double=False):
    return torch.randn(B, T, 3, 32, 32, dtype=torch.double if double else torch.float)


def one_step(model):
    model.total(model(some_videos(), step_of([1, 3]))).backward()


def texts_read(model, work):
    """Of each text block that runs its number and how many texts of how many tokens it is given."""
    found = []
    hooks = [
        block.register_forward_pre_hook(lambda _, given, at=at: found.append((at, *given[0].shape[:2])))
        for at, block in enumerate(model.text.blocks, 1)
    ]
    work()
    for hook in hooks:
        hook.remove()
    return found


def through(blocks, texts, tokens):
    return [(block, texts, tokens) for block in blocks]


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_after_the_first_step_labels_are_read_by_the_trained_text_blocks_alone(make_model, layers):
    """And the masked texts of CMLM, one a video, by all blocks once."""
    model, _ = make_model({"adapters": {"text": {"layers": layers}}}, double=False)
    C, L = model.train().prompts[0].ids.shape
    every = range(1, TEXT_LAYERS + 1)
    trained, masked = every[TEXT_LAYERS - layers :], through(every, B, L)
    steps = [texts_read(model, lambda: one_step(model)) for _ in range(3)]
    assert C != B and L < CONTEXT
    assert steps == [through(every, C, L) + masked] + 2 * [through(trained, C, L) + masked]


def test_without_shortcuts_every_step_reads_all_texts_in_full(make_model):
    with shortcuts.all_off():
        model, _ = make_model(double=False)
        C, every = model.train().classes, range(1, TEXT_LAYERS + 1)
        for _ in range(2):
            read = texts_read(model, lambda: one_step(model))
            assert read == through(every, C, CONTEXT) + through(every, B, CONTEXT)


def test_a_method_without_texts_reads_none(make_model):
    model, _ = make_model({"method": "clip_linear"}, double=False)
    assert not model.options.reads_text and not texts_read(model.train(), lambda: one_step(model))


class Copied(TorchDispatchMode):
    """Counts what copies tensors that are as large as all patches of all frames in half of their width."""

    def __init__(self, width):
        super().__init__()
        self.least, self.count = B * T * M * width // 2, Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        if name in COPIES and isinstance(found, Tensor) and found.numel() >= self.least:
            self.count[name] += 1
        return found


BACK = {"stack": LAYERS, "clone": LAYERS}  # of queries, keys and values
TED = {"cat": 1, "constant_pad_nd": 2 * LAYERS}


@pytest.mark.parametrize(
    ("differences", "forward", "backward"),
    [
        ({"method": "clip"}, {"cat": 1}, None),
        # TD's first difference, which is zero, and its empty class token, in each block
        ({}, TED, BACK | {"constant_pad_nd": 2 * LAYERS - 1}),
        (
            {"adapters": {"visual": {"temporal_difference": False}}},
            {"cat": 1},
            BACK,
        ),
    ],
)
def test_patch_tokens_are_copied_where_they_must_be_and_nowhere_else(
    make_model, differences, forward, backward
):
    """The class token forward, what attention gives each block backward; all else are views."""
    model, _ = make_model(differences, double=False)
    with Copied(model.image.width) as copied:
        features = model.train().video(some_videos()).joint
    assert copied.count == forward
    if backward:
        with Copied(model.image.width) as copied:
            features.sum().backward()
        assert copied.count == backward


def test_a_frozen_tower_costs_a_step_nothing_but_its_view(make_model):
    """A classifier on CLIP's features: its weights' gradient is as many multiply-adds as its logits."""
    model, _ = make_model({"method": "clip_linear"}, double=False)
    model.train()
    view = multiply_adds(lambda: model.video(some_videos()))[0]
    classifier = B * model.vc.linear.weight.numel()
    assert view > 0 and measure.counted(lambda: one_step(model)) == view + 2 * classifier


def test_a_step_at_full_size_costs_what_the_page_of_costs_says(monkeypatch):
    """Forward and backward of M2-CLIP on ViT-B/16 with 400 labels, on the meta device."""
    monkeypatch.chdir(made.ROOT)
    monkeypatch.setattr(m2clip, "mask_words", counts.masked_by_number)
    told, found = cost.counted("main"), counts.counted("main")
    for key in ("gmacs_a_video", "gmacs_of_texts", "trained_parameters"):
        assert found[key] == pytest.approx(told[key], rel=1e-12), key


def test_the_switch_is_a_variable_and_provenance_has_it(monkeypatch):
    for value, expected in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv(shortcuts.VARIABLE, value)
        assert shortcuts.off() == expected
        assert provenance.source().get("shortcuts") == ("off" if expected else None)
    with shortcuts.all_off():
        assert shortcuts.off()
    assert os.environ[shortcuts.VARIABLE] == ""
