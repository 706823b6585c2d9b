"""The core of a method: groups, draws, the cache of texts, what is saved of a tuned CLIP."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import tiny_runs
from m2clip.config import Run, Train
from m2clip.errors import UserError
from m2clip.models.clip import attend, merge_heads, split_heads
from m2clip.models.factory import build_model, freeze_all_but_groups
from m2clip.models.load_clip import open_backbone
from m2clip.models.method import Group, Method, Setup, mean_of_templates
from m2clip.models.parts.drawing import Dropout, DropPath, shard_of_batch
from m2clip.models.prompts import make_prompts
from m2clip.models.weights_io import Saved, fill, trained_tensors
from m2clip.options.clip import Options
from m2clip.training.loop import Progress
from m2clip.training.optim import make_optimizer
from steps import step_of

LABELS = ("tai chi", "pole vault")


class Tuned(Method):
    """Image blocks of CLIP, new layers with state and draws, a frozen layer: all a method may have."""

    def __init__(self, setup, groups=None):
        super().__init__(setup)
        self.norm = nn.BatchNorm1d(self.image.joint)
        self.path, self.teacher = DropPath(0.5), nn.Linear(self.image.joint, 3)
        self._groups = groups

    def video(self, frames):
        found = super().video(frames)
        return found._replace(joint=self.path(self.norm(found.joint)))

    def groups(self):
        if self._groups is not None:
            return self._groups(self)
        return {
            "blocks": Group([self.image.blocks], lr=0.1),
            "norm": Group([self.norm], decay=0.5),
            "teacher": Group([self.teacher], lr=0.0),
        }


@pytest.fixture
def make_tuned(backbone):
    def make(groups=None):
        clip, tokenizer = open_backbone(backbone)
        own = {id(p) for p in clip.parameters()}
        prompts = (make_prompts(LABELS, "a video of {}", tokenizer),)
        setup = Setup(clip=clip, options=Options(), prompts=prompts, frames=2, temperature=0.05, seed=0)
        torch.manual_seed(0)
        model = Tuned(setup, groups)
        freeze_all_but_groups(model, own)
        return model

    return make


def frames_of(batch=2):
    return torch.randn(batch, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_a_parameter_of_two_groups_or_new_and_of_none_is_an_error(make_tuned):
    with pytest.raises(ValueError, match=r"norm\.weight is in the groups one and other"):
        make_tuned(lambda m: {"one": Group([m.norm, m.teacher]), "other": Group([m.norm.weight])})
    with pytest.raises(ValueError, match=r"teacher\.weight is new and in no group"):
        make_tuned(lambda m: {"norm": Group([m.norm])})
    one = make_tuned(lambda m: {"both": Group([m.norm, m.norm.weight, m.teacher])})
    assert len(one.trainable()) == 4


def test_groups_decide_what_is_trained_at_which_rate_and_decay(make_tuned):
    model = make_tuned()
    names = set(model.trainable())
    assert {"norm.weight", "norm.bias", "image.blocks.0.block.mlp.c_fc.weight"} <= names
    assert not any(name.startswith(("teacher", "text", "image.visual")) for name in names)
    config = Train(decay="all", weight_decay=0.2)
    found = {}
    for group in make_optimizer(model, config).param_groups:
        for parameter in group["params"]:
            found[id(parameter)] = (group["factor"], group["weight_decay"])
    assert found[id(model.norm.bias)] == (1.0, 0.5)
    assert found[id(model.image.blocks[0].block.mlp.c_fc.bias)] == (0.1, 0.2)


def perturbed(model):
    """The model with weights and state as a training may leave them."""
    draw = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.trainable().values():
            parameter.add_(1e-3 * torch.randn(parameter.shape, generator=draw))
        model.norm.running_mean.add_(1.0)
        model.norm.num_batches_tracked.add_(7)
    return model


def test_of_a_tuned_clip_the_difference_is_saved_in_half_precision_and_comes_back(make_tuned, tmp_path):
    model, path = perturbed(make_tuned()), tmp_path / "weights.safetensors"
    tensors = trained_tensors(model)
    assert set(tensors) == set(model.trainable()) | {
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"
    }  # fmt: skip
    for name, tensor in tensors.items():
        half = name.startswith("image.blocks")
        assert tensor.dtype == (torch.float16 if half else model.state_dict()[name].dtype), name
    assert set(model.backbone) == {name for name in tensors if name.startswith("image.blocks")}
    opened = make_tuned()
    fill(opened, Saved(tensors=tensors, about={"differences": sorted(model.backbone)}), path)
    for name, value in model.state_dict().items():
        if name in model.backbone:
            torch.testing.assert_close(opened.state_dict()[name], value, rtol=0, atol=2e-6)
            assert not torch.equal(value, model.backbone[name])
        else:
            assert torch.equal(opened.state_dict()[name], value), name
    with pytest.raises(UserError, match="is CLIP's own in only one of the two"):
        fill(opened, Saved(tensors=tensors, about={"differences": []}), path)


def test_state_that_torch_does_not_save_is_not_saved_here_either(make_tuned):
    model = make_tuned()
    model.norm.part = nn.Identity()
    model.norm.part.register_buffer("kept", torch.ones(1))
    model.norm.part.register_buffer("scratch", torch.ones(1), persistent=False)
    names = {"running_mean", "running_var", "num_batches_tracked", "part.kept"}
    assert set(model.trained_buffers()) == {f"norm.{name}" for name in names}


def test_what_clip_was_is_remembered_as_the_file_of_weights_has_it(make_tuned, backbone):
    stored, model = load_file(backbone.pretrained), make_tuned()
    assert model.backbone
    for name, value in model.backbone.items():
        layer, part = name.removeprefix("image.blocks.").split(".block.")
        assert torch.equal(value, stored[f"visual.transformer.resblocks.{layer}.{part}"])


def test_a_checkpoint_keeps_state_that_is_no_weight(make_tuned, tmp_path):
    class Alone:
        is_global_zero = True

        def broadcast(self, found):
            return found

    config = Train()
    model = perturbed(make_tuned())
    progress = Progress(model, make_optimizer(model, config))
    progress.average.add(model.trainable())
    progress.save(tmp_path, 3)
    other = make_tuned()
    again = Progress(other, make_optimizer(other, config))
    assert again.resume(Alone(), tmp_path) == 3
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert tiny_runs.same(again.average.means, progress.average.means) and again.average.count == 1


def test_draws_of_a_video_do_not_depend_on_its_shard():
    x = torch.ones(6, 3, 4)
    for layer, of in ((DropPath(0.5), x), (Dropout(0.5), x[:, 0])):
        torch.manual_seed(2)
        whole = layer(of)
        parts = []
        for rows in (slice(0, 2), slice(2, 2), slice(2, 6)):
            torch.manual_seed(2)
            with shard_of_batch(6, rows):
                parts.append(layer(of[rows]))
        assert torch.equal(torch.cat(parts), whole)
        assert set(whole.unique().tolist()) == {0.0, 2.0}
        assert torch.equal(layer.eval()(of), of)
    kept = DropPath(0.25)(torch.ones(4000, 1)).flatten()
    assert kept.mean().item() == pytest.approx(1, abs=0.05) and kept.max().item() == pytest.approx(4 / 3)
    branch = DropPath(0.5)(torch.ones(50, 3, 4)).flatten(1)
    assert ((branch == 0).all(1) | (branch == 2).all(1)).all()


def test_drop_path_is_the_same_in_the_shards_of_a_step(make_tuned):
    model = make_tuned(lambda m: {"all": Group([m.norm, m.teacher])})
    model.norm.eval()  # whose statistics are of a shard
    model.path.train()
    videos, ids = frames_of(4), [0, 1, 1, 0]
    sums = []
    for shards in ([slice(0, 4)], [slice(0, 1), slice(1, 4)]):
        loss = 0
        for rows in shards:
            torch.manual_seed(5)
            loss = loss + model.total(model(videos[rows], step_of(ids, rows)))
        sums.append(loss.item())
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)


def test_texts_are_read_again_exactly_when_a_frozen_weight_has_changed(backbone):
    model, tokenizer = build_model(Run(method="clip", options=Options(), backbone=backbone), LABELS, 0)
    runs = []
    model.text.blocks[0].register_forward_hook(lambda *_: runs.append(1))
    ids = model.prompts[0].ids
    first = model.text(ids)
    assert torch.equal(model.text(ids), first) and len(runs) == 1
    model.text(tokenizer(list(LABELS)))
    assert len(runs) == 2
    with torch.no_grad():
        model.text.blocks[2].block.mlp.c_fc.bias.add_(0.5)
    changed = model.text(ids)
    assert len(runs) == 3 and not torch.allclose(changed, first)
    other = ids.clone()
    other[:, 1] += 1
    for _ in range(2):
        model.text.tokens(other, cache=False)
    assert len(runs) == 5
    expected = model.text.encode(model.text.embed(ids), ids)
    assert torch.equal(changed, expected)


def test_a_text_tower_that_is_trained_is_never_cached_and_gets_gradients(backbone):
    model, _ = build_model(Run(method="clip", options=Options(), backbone=backbone), LABELS, 0)
    model.text.requires_grad_(True)
    ids = model.prompts[0].ids
    assert model.text.frozen_blocks == 0
    model.text(ids).sum().backward()
    assert model.text.token_embedding.weight.grad.abs().max() > 0 and not model.text._cache
    model.text.requires_grad_(False)
    model.text.blocks[2].requires_grad_(True)
    assert model.text.frozen_blocks == 2
    model.text(ids).sum().backward()
    assert len(model.text._cache) == 1


def test_learned_vectors_get_gradients_through_a_frozen_text_tower_of_any_leading_axes(backbone):
    model, _ = build_model(Run(method="clip", options=Options(), backbone=backbone), LABELS, 0)
    ids = model.prompts[0].ids
    embedded = model.text.embed(ids).expand(3, -1, -1, -1).clone().requires_grad_(True)
    features = model.text.encode(embedded, ids.expand(3, -1, -1))
    torch.testing.assert_close(features[1], model.text(ids), rtol=0, atol=1e-5)
    features.sum().backward()
    assert embedded.grad.abs().max() > 0 and not any(p.grad is not None for p in model.text.parameters())


def test_the_two_halves_of_attention_are_the_whole(make_model):
    model, _ = make_model({"method": "clip"})
    block = model.image.blocks[1].block
    tokens = torch.randn(2, 3, 5, 48, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(merge_heads(block, *split_heads(block, tokens)), attend(block, tokens))
    context = torch.randn(2, 3, 7, 48, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    queries, _, _ = split_heads(block, tokens)
    _, keys, values = split_heads(block, context)
    asked = attend(block, tokens, context=context)
    torch.testing.assert_close(merge_heads(block, queries, keys, values), asked)
    over_time = attend(block, tokens.transpose(1, 2)).transpose(1, 2)
    for place in range(5):
        torch.testing.assert_close(over_time[:, :, place], attend(block, tokens[:, :, place]))


@pytest.mark.parametrize("masked", [False, True])
def test_attention_in_training_has_the_values_and_gradients_of_the_library(make_model, masked):
    model, _ = make_model({"method": "clip"})
    block = model.image.blocks[1].block.requires_grad_(True)
    drawn = torch.Generator().manual_seed(0)
    tokens = torch.randn(2, 3, 5, 48, dtype=torch.double, generator=drawn, requires_grad=True)
    mask = torch.randn(5, 5, dtype=torch.double, generator=drawn) if masked else None
    for bias in (block.attn.in_proj_bias, block.attn.out_proj.bias):
        torch.nn.init.normal_(bias, generator=drawn)
    found = []
    for training in (False, True):
        block.train(training).zero_grad()
        tokens.grad = None
        out = attend(block, tokens, mask=mask)
        (out * torch.linspace(0, 1, out.numel()).view_as(out)).sum().backward()
        attention = (block.attn.in_proj_weight, block.attn.in_proj_bias, block.attn.out_proj.weight)
        found.append([out.detach(), tokens.grad, *(each.grad.clone() for each in attention)])
    for library, ours in zip(*found, strict=True):
        assert library.abs().max() > 0
        torch.testing.assert_close(ours, library)


def test_embeddings_are_added_or_put_in_place_before_the_first_norm(make_model):
    model, _ = make_model({"method": "clip"})
    visual, frames = model.image.visual, frames_of().double()
    plain = model.image.embed(frames)
    position = visual.positional_embedding
    assert torch.equal(model.image.embed(frames, positions=position), plain)
    shift = torch.randn(2, 1, 48, dtype=torch.double)
    shifted = model.image.embed(frames, added=shift)
    moved = model.image.embed(frames, positions=position + shift[1])
    torch.testing.assert_close(shifted[:, 1], moved[:, 1])
    assert not torch.allclose(shifted[:, 0], moved[:, 0])


def test_steps_weigh_what_a_shard_adds_to_the_batch():
    ids = torch.arange(6)
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    shards = [slice(0, 2), slice(2, 6)]
    steps = [step_of(ids, rows, processes=2) for rows in shards]
    whole = nn.functional.cross_entropy(logits, ids)
    torch.testing.assert_close(
        sum(s.cross_entropy(logits[r]) for s, r in zip(steps, shards, strict=True)), whole
    )
    each = nn.functional.cross_entropy(logits, ids, reduction="none")
    torch.testing.assert_close(sum(s.mean(each[r]) for s, r in zip(steps, shards, strict=True)), whole)
    torch.testing.assert_close(sum(s.of_microbatch(whole) for s in steps), whole)
    soft = torch.softmax(logits.flip(0), dim=1)
    mixed = [step_of(ids, rows, targets=soft[rows]) for rows in shards]
    found = sum(s.cross_entropy(logits[r]) for s, r in zip(mixed, shards, strict=True))
    torch.testing.assert_close(found, nn.functional.cross_entropy(logits, soft))


def test_templates_are_averaged_as_unit_vectors():
    one, other = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 5.0]])
    assert mean_of_templates([one]) is one
    np.testing.assert_allclose(mean_of_templates([one, other]).numpy(), [[0.5, 0.5]])
