"""The second edition of the world: which labels there are, what is drawn, and how its levels are counted."""

import pickle
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from m2clip import profiles, synthetic
from m2clip.seeds import generator
from m2clip.stages import prepare
from m2clip.synthetic import plans, sets
from m2clip.synthetic.second import film, places, things, verbs, words
from m2clip.synthetic.second.actions import draw_extras
from m2clip.synthetic.second.words import ALIKE, OBJECTS, TRAINED, UNTRAINED, VERBS
from m2clip.synthetic.stills import still
from m2clip.synthetic.worlds import SECOND, told_by
from m2clip.training import levels
from m2clip.training.model_card import _levels
from m2clip.training.pretraining import OF_SECOND, State, text_loss

TIME = np.linspace(0, 1, 24, dtype=np.float32)
NOWHERE = (np.zeros(24, np.float32), np.zeros(24, np.float32))


def actor(**changes):
    drawn = verbs.draw_actor(generator("test of the second world"), 0.0)
    plain = {
        "x": 0.0,
        "y": 0.0,
        "drift": 0.0,
        "angle": 0.0,
        "side": 1,
        "travel": 1.0,
        "tempo": 1.0,
        "shutter": 0.02,
    }
    return replace(drawn, **plain | changes)


def moved(verb, **changes):
    return verbs.pose(verb, actor(**changes), film.exposures(TIME, 0.02), NOWHERE)


def test_there_are_as_many_labels_as_were_asked_for():
    counts = {dataset: len(set(labels)) for dataset, labels in words.LABELS.items()}
    assert counts == {"k400": 72, "ssv2": 24, "ucf101": 48, "hmdb51": 24}
    assert len({text for pair in words.PAIRS for text in pair}) == 24
    assert not set(words.TRAINED) & set(words.UNTRAINED) and len(words.VERBS) == 24 == len(verbs.MOVES)
    assert set(things.THINGS) == set(words.OBJECTS) and set(places.PAINTERS) == set(words.PLACES)


def test_half_of_the_zero_shot_labels_have_a_verb_never_trained_on():
    trained = {told_by(label).verb for label in words.LABELS["k400"]}
    assert trained == set(words.TRAINED)
    for dataset in ("ucf101", "hmdb51"):
        known = [told_by(label).verb in trained for label in words.LABELS[dataset]]
        assert sum(known) * 2 == len(known)


@pytest.mark.parametrize(("dataset", "each"), [("k400", 6), ("ucf101", 2), ("hmdb51", 1)])
def test_every_verb_has_as_many_labels_as_any_other(dataset, each):
    counts = Counter(told_by(label).verb for label in words.LABELS[dataset])
    assert set(counts.values()) == {each}


def test_the_verbs_do_what_they_say():
    """With camera and drift off; what rolls is turned by as much as the ground that it rolled over."""
    rising, falling = (moved(verb)[0].y.mean(1) for verb in ("rising", "falling"))
    assert rising[0] - rising[-1] > 0.9 and falling[-1] - falling[0] > 0.9
    rolled, slid = (moved(verb)[0] for verb in ("rolling", "sliding"))
    far = np.ptp(rolled.x.mean(1))
    assert np.ptp(rolled.angle.mean(1)) == pytest.approx(far / (verbs.FOOT * actor().size), rel=0.01)
    assert np.ptp(slid.x.mean(1)) == pytest.approx(far, rel=0.01) and not slid.angle.any()
    growing, shrinking = (moved(verb)[0].high.mean(1) for verb in ("growing", "shrinking"))
    assert growing[-1] > 2 * growing[0] and shrinking[0] > 2 * shrinking[-1]
    swung, rope = moved("swinging")
    hung = np.hypot(swung.x.mean(1) - rope[:, 0], swung.y.mean(1) - rope[:, 1])
    assert hung == pytest.approx(np.full(24, 1.2), abs=0.01), "the rope is as long as it was"


def test_what_stands_on_the_ground_never_sinks_into_it():
    for verb in words.GROUND:
        at, rope = moved(verb)
        foot = at.y + verbs.FOOT * at.high * np.cos(at.angle) * (verb == "wobbling" or not at.angle.any())
        assert rope is None and foot.max() <= actor().ground + 0.02, verb
    assert all(moved(verb)[1] is not None for verb in words.ROPE)


def test_no_two_verbs_move_alike():
    poses = [moved(verb, phase=0.7, cycles=2.5)[0] for verb in words.VERBS]
    shown = [np.stack([at.x, at.y, at.broad, at.high, np.cos(at.angle), np.sin(at.angle)]) for at in poses]
    for place, one in enumerate(shown):
        for other, verb in zip(shown[:place], words.VERBS, strict=False):
            same_setting = {verb, words.VERBS[place]} != {"twirling", "twisting"}
            assert np.abs(one - other).max() > 0.05 or not same_setting, (verb, words.VERBS[place])


def test_a_moving_thing_is_blurred_along_its_way():
    """A disc that moves to the right is drawn broader than one that stands, and as high."""
    texels = things.specimen("ball", {"base": np.ones(3, np.float32)}, False)

    def drawn(speed):
        moments = film.exposures(np.array([0.5], np.float32), 0.1)
        size, none = np.full_like(moments, 0.4), np.zeros_like(moments)
        at = film.Pose((speed * (moments - 0.5)).astype(np.float32), none, size, size, none)
        shown = film.Film(np.zeros((1, 64, 80, 3), np.float32))
        shown.sprite(texels, at)
        return shown.pixels[0].sum(2) > 0.05

    fast, still_one = drawn(3.0), drawn(0.0)
    assert fast.any(0).sum() >= still_one.any(0).sum() + 4
    assert abs(int(fast.any(1).sum()) - int(still_one.any(1).sum())) <= 1


def test_what_is_near_hides_what_is_far():
    """A sprite's coverage is one within its outline and nothing outside; another one over it hides it."""
    for name in words.OBJECTS:
        texels = things.specimen(name, things.colours(name, np.random.default_rng(0), False), False)
        cover = texels[:, 3].reshape(film.GRID, film.GRID)
        assert cover.max() > 0.99 and not cover[[0, -1]].any() and 0.1 < cover.mean() < 0.6, name
        lowest = np.flatnonzero(cover.max(1) > 0.5).max() / film.GRID * 2 * film.EXTENT - film.EXTENT
        assert lowest == pytest.approx(verbs.FOOT, abs=0.15), f"{name} does not stand on the ground"


def test_the_thing_of_a_label_is_alone_of_its_kind():
    """A thing in the distance that is of the same kind would make the label of another motion true."""
    rng = np.random.default_rng(3)
    assert {len(draw_extras(rng, 0.0)) for _ in range(60)} == {0, 1, 2}
    what = next(
        one for k in range(200)
        if (one := plans.plan("k400", "train", k, SECOND)).extras and one.extras[0].thing != one.thing
    )  # fmt: skip
    twin = replace(what, extras=(replace(what.extras[0], thing=what.thing),))
    assert np.array_equal(sets.render(twin), sets.render(replace(what, extras=())))
    assert not np.array_equal(sets.render(what), sets.render(replace(what, extras=())))


def test_a_picture_is_of_what_its_attributes_say():
    image, what = still(3, "train", SECOND)
    again, same = still(3, "train", SECOND)
    assert image.shape == (64, 64, 3) and np.array_equal(image, again) and what == same
    drawn = [still(k, "train", SECOND)[1] for k in range(60)]
    assert {one.verb for one in drawn} <= {None, *words.VERBS} and {one.thing for one in drawn} <= set(
        words.OBJECTS
    )


def test_another_process_draws_the_same():
    """What is sent to a process is a copy of the world."""
    sent = pickle.loads(pickle.dumps(SECOND))
    assert np.array_equal(still(5, "train", sent)[0], still(5, "train", SECOND)[0])
    assert plans.plan("k400", "train", 2, sent) == plans.plan("k400", "train", 2, SECOND)


def test_the_profile_of_evidence_is_of_this_world():
    profile = profiles.read("evidence")
    assert {counts["world"] for counts in profile.synthetic.values()} == {"second"}
    for dataset, counts in profile.synthetic.items():
        each = {
            split: count / len(words.LABELS[dataset]) for split, count in counts.items() if split != "world"
        }
        assert all(share == round(share) for share in each.values()), "every label has as many videos"
    assert profile.seeds == (0, 1, 2)


def shown(texts, dataset, wrong=()):
    """Videos whose features are those of their labels' texts; of those named, of another label's."""
    labels = SECOND.labels[dataset]
    class_ids = np.arange(len(labels))
    told = [labels[dict(wrong).get(k, k)] for k in class_ids]
    return levels.Shown(texts([f"a video of {label}" for label in told]), class_ids, ["beach"] * len(labels))


def texts_by_word(texts):
    """A feature for each sentence: the sum of a fixed random vector for each of its words."""
    every = {
        word: torch.tensor(generator("word", word).normal(size=256))
        for text in texts
        for word in text.split()
    }
    return F.normalize(
        torch.stack([sum(every[word] for word in text.split()) for text in texts]).float(), dim=-1
    )


def test_levels_count_each_factor():
    """One of 72 videos is taken for another object, two for another verb."""
    labels = SECOND.labels["k400"]
    object_wrong = labels.index("a wheel darting")
    wrong = ((0, next(k for k, label in enumerate(labels) if told_by(label).verb == "sliding" and k)),)
    wrong += (
        (object_wrong, labels.index("a wheel soaring")),
        (object_wrong + 1, labels.index("a wheel darting")),
    )
    found = levels.of_actions(shown(texts_by_word, "k400", wrong), texts_by_word, SECOND)
    assert found["k400 top-1"] == pytest.approx(100 * 69 / 72)
    assert found["k400 object"] == pytest.approx(100 * 71 / 72)
    assert found["k400 verb"] == pytest.approx(100 * 70 / 72)
    assert 100 * 69 / 72 <= found["k400 top-5"] <= 100 and found["k400 sliding"] == 100
    assert found["k400 verbs solved by stills"] == 100


def test_levels_tell_trained_verbs_from_untrained_ones():
    labels = SECOND.labels["hmdb51"]
    wrong = ((labels.index("something sliding"), labels.index("something rising")),)
    found = levels.of_unseen("hmdb51", shown(texts_by_word, "hmdb51", wrong), texts_by_word, SECOND)
    assert found["hmdb51 top-1, trained verbs"] == pytest.approx(100 * 11 / 12)
    assert found["hmdb51 top-1, untrained verbs"] == 100


def test_how_alike_templates_are_is_that_of_fig2b():
    found = levels.of_templates(shown(texts_by_word, "ssv2"), texts_by_word, SECOND)
    alike = np.corrcoef(texts_by_word([f"a video of {label}" for label in SECOND.labels["ssv2"]]))
    pairs = [alike[i, j] for i in range(24) for j in range(24) if i != j]
    assert found["ssv2 mean |r|"] == pytest.approx(np.mean(np.abs(pairs)))
    assert found["ssv2 top-1"] == pytest.approx(100 * 23 / 24), "two labels have the same words"
    assert found["ssv2 largest r"] == pytest.approx(max(pairs))


def test_measure_draws_videos_and_restores_the_model(monkeypatch):
    class Colours(torch.nn.Module):
        """A model that sees the mean colour and nothing else."""

        logit_scale = torch.zeros(())

        def encode_image(self, frames):
            assert not self.training
            return F.pad(frames.mean((2, 3)), (0, 253), value=0.1)

    model = Colours().train()
    found = levels.measure(model, texts_by_word, SECOND, 6)
    assert model.training and 0 <= found["k400 top-1"] <= found["k400 top-5"] <= 100
    assert {"ssv2 top-1", "ssv2 mean |r|", "ucf101 top-1, untrained verbs", "hmdb51 top-1"} <= set(found)


def test_verbs_that_stills_hardly_tell_apart_are_the_trained_ones():
    """Each object of Synth-K400 has all of one group or two of each of two, and no verb is in two groups."""
    assert len(set(TRAINED)) == len(TRAINED) == 12 and not set(TRAINED) & set(UNTRAINED)
    assert sorted(TRAINED + UNTRAINED) == sorted(VERBS)
    for thing in OBJECTS[:12]:
        own = {told_by(label).verb for label in SECOND.labels["k400"] if told_by(label).thing == thing}
        assert len(own) == 6 and sorted(len(own & set(group)) for group in ALIKE) in ([0, 2, 4], [1, 2, 3])


def test_sentences_repel_above_the_ceiling_and_templates_attract_below_the_floor(monkeypatch):
    """Of three sentences the first two are templates; the third is near the first, and unlike the second."""
    from m2clip.training import pretraining

    features = F.normalize(torch.tensor([[1.0, 0.2], [0.2, 1.0], [1.0, 0.0]] * 2), dim=-1)
    monkeypatch.setattr(pretraining, "sentences", lambda *_: ["a", "b", "c"])
    monkeypatch.setattr(pretraining, "encode_text", lambda *_: features)
    state = State(torch.nn.Module(), None, None, world=replace(SECOND, pairs=(("a", "b"),)))
    state.model.logit_scale = torch.zeros(())
    near, low, lower = (float(features[i] @ features[j]) for i, j in ((0, 2), (0, 1), (1, 2)))
    ceiling, floor = OF_SECOND.text_ceiling, OF_SECOND.text_floor
    assert near > ceiling and lower < low < floor
    loss = text_loss(state, lambda prompts: prompts, OF_SECOND, np.random.default_rng(0))
    assert loss.item() == pytest.approx(2 * (near - ceiling) / 3 + (floor - low), abs=1e-6)


def test_the_card_says_which_levels_are_met():
    told = {"levels": {
        "videos": 10, "levels": {"k400 top-1": [35, 65], "ssv2 mean |r|": [0.4, None]},
        "measured": {"k400 top-1": 70.0, "ssv2 mean |r|": 0.5, "k400 rolling": 3.0},
    }}  # fmt: skip
    page = _levels(told)
    assert "| k400 top-1 | 70.0 | ≥ 35 ≤ 65 | not met |" in page
    assert r"| ssv2 mean \|r\| | 0.50 | ≥ 0.4 | met |" in page and "| k400 rolling | 3.0 |  |  |" in page
    assert _levels({}) == ""


def test_videos_of_an_earlier_second_world_are_not_gone_on_with(tmp_path, monkeypatch):
    code = tmp_path / "synthetic"
    shutil.copytree(Path(synthetic.__file__).parent, code)
    monkeypatch.setattr(synthetic, "__file__", str(code / "__init__.py"))
    before = prepare._digest({"test": 4})
    assert prepare._digest({"test": 4}) == before != prepare._digest({"test": 5})
    edited = code / "second" / "film.py"
    edited.write_text(edited.read_text() + "EDITED = 1\n")
    assert prepare._digest({"test": 4}) != before
