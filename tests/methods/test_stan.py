"""STAN: its branch in plain loops, what it is at the start, what is trained, and its size."""

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation.complexity import complexity
from m2clip.models.load_clip import open_backbone
from m2clip.parsing import build
from steps import step_of

# AdamW takes steps on rounding, ten times as long at ten times the rate: more than the common tests allow.
# That shards give the same gradients at any rate is tested below, in double precision.
TINY = {"options": {"layers": 2, "new_lr": 1.0}}
STARTS_AS_CLIP = False
OVERFIT = {"options": {"drop_path": 0.0}, "train": {"lr": 2e-3}}
HEADS, LAYERS = 4, 3


def model_of(make_model, options=None, **kwargs):
    options = {"layers": 2} | (options or {})
    return make_model({"method": "stan", "data": {"frames": 3}, "options": options}, **kwargs)[0]


def some_videos(batch=2):
    draw = torch.Generator().manual_seed(3)
    return torch.randn(batch, 3, 3, 32, 32, generator=draw, dtype=torch.double)


def attention_of(w):
    return {f"attn.{name}": value for name, value in w.items()}


def layer_in_loops(video, patches, a):
    """The video's token (D,) and patches (T, M, D): over time place by place, over space frame by frame."""
    patches = patches.copy()
    for place in range(patches.shape[1]):
        normed = plain.norm(patches[:, place], a, "norm")
        found = plain.attention(normed, normed, attention_of(plain.below(a, "temporal.")), HEADS)
        patches[:, place] += plain.linear(found, a, "out")
    own, before, frames = plain.below(a, "spatial."), video, len(patches)
    for t in range(frames):
        found = plain.self_attention(np.vstack([before, patches[t]]), own, HEADS)
        video = video + found[0] / frames
        patches[t] += found[1:]
        patches[t] += plain.feed_forward(patches[t], own)
    return video + plain.feed_forward(video[None], own)[0], patches


def frames_in_loops(z, w, trained):
    """Tokens that enter the first block, (T, L, D) -> v_t (T, E), with a branch of two layers."""
    whole = patches = None
    for layer in range(LAYERS):
        block = plain.below(w, f"visual.transformer.resblocks.{layer}.")
        z = np.array([frame + plain.self_attention(frame, block, HEADS) for frame in z])
        z = np.array([frame + plain.feed_forward(frame, block) for frame in z])
        if layer == 0:
            continue
        clip, seen = sum(frame[0] for frame in z) / len(z), z[:, 1:]
        if whole is None:
            places = w["visual.positional_embedding"]
            whole = (clip + w["visual.class_embedding"] + places[0]) / 2
            moments = trained["temporal_embedding"]
            patches = np.array([frame + places[1:] + moments[t] for t, frame in enumerate(seen)])
        else:
            whole, patches = whole + clip, patches + seen
        whole, patches = layer_in_loops(whole, patches, plain.below(trained, f"branch.{layer - 1}."))
    return np.array([plain.norm(frame[0] + whole, w, "visual.ln_post") @ w["visual.proj"] for frame in z])


def test_its_branch_in_plain_loops(make_model, backbone):
    model, videos = model_of(make_model), some_videos()
    with torch.no_grad():
        found, tokens = model.video(videos), model.image.embed(videos).numpy()
    weights, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    for one, expected, joint in zip(tokens, found.frames.numpy(), found.joint.numpy(), strict=True):
        plainly = frames_in_loops(one, weights, trained)
        np.testing.assert_allclose(plainly, expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(plainly.mean(axis=0), joint, rtol=0, atol=1e-9)


def test_the_start(make_model, backbone):
    """CLIP's own tower beside the branch, whose layers are CLIP's with nothing from time; not their sum."""
    model = model_of(make_model, randomise=False, double=False)
    clip, _ = open_backbone(backbone)
    videos, given = some_videos().float(), []
    model.image.blocks[-1].register_forward_hook(lambda *called: given.append(called[2]))
    with torch.no_grad():
        expected = clip.encode_image(videos.flatten(0, 1)).unflatten(0, videos.shape[:2])
        found = model.video(videos).frames
        torch.testing.assert_close(model.image.project(given[0][:, :, 0]), expected, rtol=0, atol=2e-6)
        assert (found - expected).norm() > 0.01 * expected.norm()
        patches = torch.randn(2, 3, 16, 48, generator=torch.Generator().manual_seed(4))
        for layer in model.branch:
            assert not layer.over_time(patches).any()
    for layer, wrapped in zip(model.branch, model.image.blocks[-2:], strict=True):
        copied, own = layer.spatial.state_dict(), wrapped.block.state_dict()
        assert all(torch.equal(copied[name], value) for name, value in own.items())
        assert not {id(p) for p in layer.parameters()} & {id(p) for p in wrapped.parameters()}


def test_a_dropped_path_leaves_the_ffn_alone(make_model, backbone):
    model = model_of(make_model, {"layers": 3, "drop_path": 0.2})
    assert [layer.drop.rate for layer in model.branch] == pytest.approx([0, 0.1, 0.2])
    layer = model.branch[2].train()
    layer.drop.rate = 0.999_999
    draw = torch.Generator().manual_seed(4)
    video, patches = (
        torch.randn(1, *size, 48, generator=draw, dtype=torch.double) for size in ((1,), (3, 16))
    )
    own = plain.below(plain.trained_weights(model), "branch.2.")
    torch.manual_seed(0)
    with torch.no_grad():
        whole, seen = layer(video, patches)
    expected = patches[0].numpy() + own["out.bias"]
    expected = expected + plain.feed_forward(expected, plain.below(own, "spatial."))
    np.testing.assert_allclose(seen[0].numpy(), expected, rtol=0, atol=1e-10)
    expected = video[0].numpy() + plain.feed_forward(video[0].numpy(), plain.below(own, "spatial."))
    np.testing.assert_allclose(whole[0].numpy(), expected, rtol=0, atol=1e-10)


def test_shards_of_a_batch_give_its_gradients_whatever_paths_are_dropped(make_model):
    model, class_ids = model_of(make_model, {"drop_path": 0.5, "tune": True}), [0, 3, 3, 1]
    model.train()
    videos = some_videos(batch=4)

    def gradients(*shards):
        model.zero_grad()
        for shard in shards:
            torch.manual_seed(1)
            model.total(model(videos[shard], step_of(class_ids, shard))).backward()
        return {name: p.grad.clone() for name, p in model.trainable().items()}

    whole, added = gradients(slice(0, 4)), gradients(slice(0, 1), slice(1, 4))
    for name, gradient in whole.items():
        torch.testing.assert_close(added[name], gradient, rtol=0, atol=1e-10 * float(gradient.abs().max()))
    model.branch[1].drop.rate = 0.0
    assert (gradients(slice(0, 4))["branch.1.out.weight"] - whole["branch.1.out.weight"]).abs().max() > 0


def test_tuned_it_trains_the_image_tower_ten_times_as_slowly(make_model):
    frozen, tuned = model_of(make_model), model_of(make_model, {"tune": True})
    assert not any(name.startswith("image.") for name in frozen.trainable())
    assert {name for name, _ in tuned.image.named_parameters()} == {
        name.removeprefix("image.") for name in tuned.trainable() if name.startswith("image.")
    }
    groups = tuned.groups()
    assert groups["branch"].lr == 10 * groups["image"].lr
    tuned.train()
    tuned.video(some_videos()).joint.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in tuned.image.parameters())


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ({"options": {"layers": 4}}, "layers: 4 are more than the 3 of this image tower"),
        ({"options": {"layers": 0}}, "layers: 0 must be 1 or more"),
        ({"options": {"layers": 2, "new_lr": 0.0}}, "new_lr: 0.0 must be above 0"),
        ({"options": {"layers": 2}, "data": {"frames": 65}}, "data.frames: 65 are more than the 64"),
    ],
)
def test_what_does_not_fit_is_one_line(backbone, differences, words):
    from m2clip.backbones import shape_of
    from m2clip.parsing import plain as values

    with pytest.raises(UserError, match=words) as caught:
        run = build(Run, {"method": "stan", "backbone": values(backbone)} | differences)
        run.options.check(shape_of(run.backbone), run.data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("tune", "trained"), [(False, (40_218_624,)), (True, (40_218_624, 86_192_640))])
def test_its_size_as_stan_self_the_published_238_gflops_are_those_of_stan_conv(tune, trained):
    """M2-CLIP's table prints no parameters for STAN, and the multiply-adds of STAN-conv."""
    labels = tuple(f"label {n}" for n in range(400))
    config = build(Run, {"method": "stan", "options": {"tune": tune}})
    (cost,) = complexity(config, labels, [8])
    assert tuple(n for n in cost.trainable.values() if n) == trained
    assert cost.macs_view / 1e9 == pytest.approx(205.48, abs=0.005)
