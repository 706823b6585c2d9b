"""The four heads: each loss of the whole model against Eq. 10-12 stated plainly."""

import itertools
import math

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip.models.heads import cmc_loss, contrastive_loss, mask_words
from m2clip.models.method import similarity
from m2clip.models.parts.layers import LinearHead
from m2clip.options.m2clip import HEADS, Decoder
from m2clip.seeds import generator
from steps import step_of

CLASS_IDS = [0, 0, 3]
EVERYTHING = {"adapters": {"visual": {"site": "both"}, "text": {"layers": 2}}}


def a_video(batch=3, frames=2):
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(3)).double()


def randomness():
    return generator(0, "mask")


def losses_of(model):
    with torch.no_grad():
        return model(a_video(), step_of(CLASS_IDS))


def logits_of(model):
    with torch.no_grad():
        labels = model.labels(model.prompts) if model.options.reads_text else None
        return model.logits(model.video(a_video()), labels)


@pytest.fixture(scope="module")
def stated(make_model, backbone):
    """The model with every head, and the features of videos and labels as the plain statement gives them."""
    model, tokenizer = make_model(EVERYTHING)
    frozen, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    videos = [plain.image_tower(video.numpy(), frozen, trained)[1] for video in a_video()]
    ids = tokenizer([" ".join(word.text for word in words) for words in model.prompts[0].words]).numpy()
    labels = [plain.text_feature(row, frozen, trained) for row in ids]
    return model, frozen, trained, videos, labels


def test_contrastive_is_equation_10_in_a_double_loop(stated):
    model, _, _, videos, labels = stated
    size, tau = len(CLASS_IDS), model.temperature.item()
    v = [frames.mean(0) for frames in videos]
    w = [labels[class_id] for class_id in CLASS_IDS]
    total = 0.0
    for i in range(size):
        matches = [CLASS_IDS[i] == CLASS_IDS[j] for j in range(size)]
        to_text = plain.softmax(np.array([plain.cosine(v[i], w[j]) / tau for j in range(size)]))
        to_video = plain.softmax(np.array([plain.cosine(w[i], v[j]) / tau for j in range(size)]))
        for j in range(size):
            if matches[j]:
                share = 1 / sum(matches)
                total += share * (math.log(share) - math.log(to_text[j])) / size / 2
                total += share * (math.log(share) - math.log(to_video[j])) / size / 2
    assert losses_of(model)["contrastive"].item() == pytest.approx(total, abs=1e-9)


def test_released_contrastive_is_the_divergence_from_a_softmax_of_ten_times_the_match(stated, make_model):
    model, _, _, videos, labels = stated
    released = make_model({**EVERYTHING, "decoder": {"contrastive_target": "softmax"}})[0]
    size, tau, total = len(CLASS_IDS), model.temperature.item(), 0.0
    v = [frames.mean(0) for frames in videos]
    w = [labels[class_id] for class_id in CLASS_IDS]
    for i in range(size):
        to_text = plain.softmax(np.array([plain.cosine(v[i], w[j]) / tau for j in range(size)]))
        to_video = plain.softmax(np.array([plain.cosine(w[i], v[j]) / tau for j in range(size)]))
        powers = [math.exp(10 * (CLASS_IDS[i] == CLASS_IDS[j])) for j in range(size)]
        for j in range(size):
            share = powers[j] / sum(powers)
            total += share * (2 * math.log(share) - math.log(to_text[j]) - math.log(to_video[j])) / size / 2
    assert losses_of(released)["contrastive"].item() == pytest.approx(total, abs=1e-9)
    assert losses_of(model)["contrastive"].item() != pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize("class_ids", [[0, 1, 2, 3], [2, 2, 2, 2], [0, 1, 0, 1]])
def test_contrastive_is_zero_exactly_where_similarity_is_the_match(class_ids):
    ids = torch.tensor(class_ids)
    match = (ids[:, None] == ids[None]).double()
    assert contrastive_loss((match - 1) * 1e3, ids).item() == pytest.approx(0, abs=1e-12)
    shifted = (match.roll(1, 1) - 1) * 10
    assert contrastive_loss(shifted, ids) > 1 or len(set(class_ids)) == 1


def test_contrastive_asks_in_both_directions():
    logits, ids = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    assert contrastive_loss(logits, ids).item() == pytest.approx(contrastive_loss(logits.T, ids).item())
    texts_that_differ_in_scale = torch.tensor([[9.0, 0.0], [9.0, 8.0]])
    one_way = -texts_that_differ_in_scale.log_softmax(1).diag().mean()
    assert contrastive_loss(texts_that_differ_in_scale, torch.arange(2)) != pytest.approx(one_way.item())


def test_cmc_is_cross_entropy_of_equation_11_over_all_classes(stated):
    model, _, _, videos, labels = stated
    tau = model.temperature.item()
    scores = [[plain.cosine(frames.mean(0), w) / tau for w in labels] for frames in videos]
    wanted = np.mean([plain.cross_entropy(row, y) for row, y in zip(scores, CLASS_IDS, strict=True)])
    assert losses_of(model)["cmc"].item() == pytest.approx(wanted, abs=1e-9)


def test_released_cmc_takes_a_softmax_first(make_model):
    plainly, released = make_model(EVERYTHING)[0], make_model({**EVERYTHING, **cmc("softmax")})[0]
    with torch.no_grad():
        logits = logits_of(plainly)["eq11"].numpy()
    rows = zip(logits, CLASS_IDS, strict=True)
    wanted = np.mean([plain.cross_entropy(plain.softmax(row), y) for row, y in rows])
    assert losses_of(released)["cmc"].item() == pytest.approx(wanted, abs=1e-9)
    assert losses_of(plainly)["cmc"].item() != pytest.approx(wanted, abs=1e-3)


def cmc(variant):
    return {"decoder": {"cmc_logits": variant}}


@pytest.mark.parametrize("classes", [5, 400])
def test_released_cmc_stays_within_one_nat(classes):
    ends = []
    for right in (0, 1):
        logits = torch.zeros(1, classes)
        logits[0, right] = 1e4
        ends.append(cmc_loss(logits, torch.tensor([0]), "softmax").item())
    best, worst = ends
    assert best == pytest.approx(math.log(math.e + classes - 1) - 1, abs=1e-5)
    assert worst == pytest.approx(best + 1, abs=1e-5)


@pytest.mark.parametrize("layers", [1, 0])
def test_cmlm_is_equation_12(make_model, backbone, layers):
    model, _ = make_model({"adapters": {"text": {"layers": layers}}, "decoder": {"mask_rate": 0.7}})
    frozen, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    with torch.no_grad():
        frames = model.video(a_video()).frames.numpy()
    ids, words = mask_words(
        model.prompts[0], model.vocabulary, torch.tensor(CLASS_IDS), model.options.decoder, randomness()
    )
    each = []
    for row in range(len(CLASS_IDS)):
        scores = plain.cmlm_scores(ids[row].numpy(), frames[row], frozen, trained)
        asked = [place for place, word in enumerate(words[row].tolist()) if word != -100]
        each += [plain.cross_entropy(scores[place], words[row, place].item()) for place in asked]
    assert len(each) == 5
    assert losses_of(model)["cmlm"].item() == pytest.approx(np.mean(each), abs=1e-9)


def test_cmlm_trains_its_adapter_the_text_adapters_and_through_the_frames_the_image_tower(make_model):
    model, _ = make_model({"decoder": {"heads": ["cmlm", "vc"]}})
    model(a_video(), step_of(CLASS_IDS))["cmlm"].backward()
    reached = {name for name, weight in model.trainable().items() if weight.grad is not None}
    for part in ("cmlm.adapter.up", "cmlm.head.3", "text.blocks.3.before_mlp.up"):
        assert f"{part}.weight" in reached
    assert "image.blocks.0.before_attn.difference.conv.weight" in reached
    assert model.cmlm.block is model.text.blocks[-1].block


def test_contrastive_and_cmc_never_see_a_mask(make_model):
    model, _ = make_model(EVERYTHING)
    several = [
        {
            name: loss.item()
            for name, loss in model(a_video(), step_of(CLASS_IDS, random=generator(seed))).items()
        }
        for seed in range(4)
    ]
    for head in ("contrastive", "cmc", "vc"):
        assert len({losses[head] for losses in several}) == 1
    assert len({losses["cmlm"] for losses in several}) > 1
    model.cmlm = None
    without = model(a_video(), step_of(CLASS_IDS))
    assert without["contrastive"].item() == several[0]["contrastive"]


@pytest.mark.parametrize("feature", ["joint", "width"])
def test_vc_is_a_linear_layer_on_the_feature_of_the_config(make_model, backbone, feature):
    model, _ = make_model({"decoder": {"heads": ["vc"], "vc_feature": feature}})
    frozen, trained = plain.frozen_weights(backbone), plain.trained_weights(model)
    each = []
    for video, class_id in zip(a_video(), CLASS_IDS, strict=True):
        width, joint = plain.image_tower(video.numpy(), frozen, trained)
        mean = width if feature == "width" else joint.mean(0)
        each.append(plain.cross_entropy(plain.linear(mean, trained, "vc.linear"), class_id))
    assert losses_of(model)["vc"].item() == pytest.approx(np.mean(each), abs=1e-9)


def test_vc_drops_out_while_training_only():
    head = LinearHead(64, 5, dropout=0.5)
    features = torch.ones(2, 64)
    assert not torch.equal(head(features), head(features))
    head.eval()
    assert torch.equal(head(features), head.linear(features))


def test_the_released_vc_starts_from_a_normal_distribution(make_model):
    differences = {"decoder": {"vc_feature": "width", "vc_initialisation": "normal"}}
    head = make_model(differences, randomise=False, labels=tuple(f"label {i}" for i in range(200)))[0].vc
    assert head.linear.weight.shape == (200, 48)
    assert head.linear.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert head.linear.weight.abs().max() > 3 * 0.02  # no uniform distribution reaches that
    assert not head.linear.bias.any()
    assert LinearHead(48, 200).linear.bias.any()


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_the_config_sets_the_dropout_of_vc(make_model, rate):
    model, _ = make_model({"decoder": {"vc_dropout": rate}})
    assert model.vc.dropout.rate == rate


def test_the_total_weighs_one_half_one_half_a_tenth_and_one(make_model):
    model, _ = make_model()
    losses = {
        name: torch.tensor(value) for name, value in zip(HEADS, (1.0, 10.0, 100.0, 1000.0), strict=True)
    }
    assert model.total(losses).item() == pytest.approx(0.5 + 5 + 10 + 1000)
    other, _ = make_model({"decoder": {"weights": {"cmc": 2.0}}})
    assert other.total({"cmc": torch.tensor(10.0), "vc": torch.tensor(1.0)}).item() == pytest.approx(21)


SUBSETS = [
    heads for count in range(1, 5) for heads in itertools.combinations(HEADS, count) if set(heads) != {"cmlm"}
]


@pytest.mark.parametrize("heads", SUBSETS, ids=",".join)
def test_every_subset_of_heads_has_exactly_its_losses_and_predictions(make_model, heads):
    model, _ = make_model({**EVERYTHING, "decoder": {"heads": list(heads)}})
    losses = losses_of(model)
    assert list(losses) == list(heads)
    assert (model.vc is None, model.cmlm is None) == ("vc" not in heads, "cmlm" not in heads)
    logits = logits_of(model)
    reads_text = "contrastive" in heads or "cmc" in heads
    assert list(logits) == ["eq11"] * reads_text + ["vc"] * ("vc" in heads)


def test_predictions_are_vcs_and_equation_11s(stated):
    model, _, trained, videos, labels = stated
    logits = logits_of(model)
    for row, frames in enumerate(videos):
        v = frames.mean(0)
        eq11 = [plain.cosine(v, w) / model.temperature.item() for w in labels]
        np.testing.assert_allclose(logits["eq11"][row].numpy(), eq11, rtol=0, atol=1e-9)
        vc = plain.linear(v, trained, "vc.linear")
        np.testing.assert_allclose(logits["vc"][row].numpy(), vc, rtol=0, atol=1e-9)


def test_the_temperature_is_clips_unless_the_config_has_one(make_model, backbone):
    clips, own = make_model()[0], make_model({"backbone": {"temperature": 0.5}})[0]
    assert clips.temperature.item() == pytest.approx(1 / 20)
    assert own.temperature.item() == 0.5
    assert "temperature" not in clips.trainable()
    v, w = torch.randn(2, 8), torch.randn(3, 8)
    torch.testing.assert_close(similarity(v, w, torch.tensor(0.5)), similarity(7 * v, w, torch.tensor(0.5)))


def test_the_default_decoder_is_the_papers():
    decoder = Decoder()
    weights = decoder.weights
    assert decoder.heads == ("contrastive", "cmc", "cmlm", "vc")
    assert (weights.contrastive, weights.cmc, weights.cmlm, weights.vc) == (0.5, 0.5, 0.1, 1.0)
    assert (decoder.cmc_logits, decoder.mask_words, decoder.vc_feature) == ("plain", "label", "joint")
    assert not decoder.temporal_convolution
