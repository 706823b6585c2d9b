"""The synthetic worlds: determined by their keys, fair in their nuisance, whole on disk."""

import csv
import dataclasses
import itertools
import subprocess
import sys
from collections import Counter

import decord
import numpy as np
import pytest
from scipy import stats

from m2clip.seeds import generator, number
from m2clip.synthetic import captions, encode, plans, sets, stills
from m2clip.synthetic.worlds import PAIRS, SMALL, STANDARD, WORLDS, told_by

DATASETS = tuple(plans.LABELS)
BOTH = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
SPLITS = {
    name: ("test",) if name in sets.THREE_SPLITS else ("train", "validation", "test") for name in DATASETS
}


def test_a_key_gives_the_same_number_everywhere():
    assert number("standin", 3) == 4516330687338653897
    assert number("standin", 3) != number("standin", "3") != number("standin3")
    assert number("a", np.int64(5)) == number("a", 5)
    assert 0 <= number("x") < 2**63
    assert generator("a", 1).random() != generator("a", 2).random()


@BOTH
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_video_is_determined_by_its_key(dataset, world):
    first, again, other = (sets.draw(dataset, split, 7, world) for split in ("test", "test", "validation"))
    size = (world.height, {64: 80, 96: 120}[world.height])
    assert first.frames.dtype == np.uint8 and first.frames.shape[1:] == (*size, 3)
    assert 40 <= len(first.frames) <= 56 and 20 <= first.fps <= 30
    assert np.array_equal(first.frames, again.frames) and first.facts == again.facts
    assert first.facts != other.facts
    assert first.frames[20].std() > 5, "nothing is drawn"


@BOTH
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_block_holds_every_label_once(dataset, world):
    labels = world.labels[dataset]
    count = 3 * len(labels)
    drawn = [plans.plan(dataset, "train", index, world).label for index in range(count)]
    assert Counter(drawn) == dict.fromkeys(labels, 3)
    assert drawn[: len(labels)] != drawn[len(labels) : 2 * len(labels)], "the order repeats"


def dependence(labels, values):
    """The p-value of: these values have nothing to do with these labels."""
    if isinstance(values[0], str | bool):
        table = Counter(zip(labels, values, strict=True))
        rows, columns = sorted(set(labels)), sorted(set(values))
        counts = [[table[row, column] for column in columns] for row in rows]
        return stats.chi2_contingency(counts).pvalue
    groups = [
        [v for v, of in zip(values, labels, strict=True) if of == label] for label in sorted(set(labels))
    ]
    return stats.kruskal(*groups).pvalue


@BOTH
@pytest.mark.parametrize("dataset", DATASETS)
def test_facts_do_not_tell_the_label(dataset, world):
    planned = [plans.plan(dataset, "test", index, world) for index in range(1440)]
    labels = [what.label for what in planned]
    facts = [what.facts() for what in planned]
    assert {"gain", "noise", "length", "fps", "x", "y", "size", "shake"} <= set(facts[0])
    assert ("background" in facts[0]) != (dataset == "hmdb51" and world is STANDARD), "labels name it there"
    for name in facts[0]:
        values = [fact[name] for fact in facts]
        assert len(set(values)) > 1, f"{name} never varies"
        assert dependence(labels, values) > 1e-4, f"{name} depends on the label"


def test_the_measure_of_dependence_sees_a_weak_one():
    labels = [plans.plan("k400", "test", index).label for index in range(1440)]
    rng = np.random.default_rng(0)
    leaning = [float(rng.normal() + ("rising" in label)) for label in labels]
    word = ["sky" if rng.random() < (0.4 if "ball" in label else 0.1) else "sand" for label in labels]
    assert dependence(labels, leaning) < 1e-4 and dependence(labels, word) < 1e-4


def test_what_a_label_names_is_no_fact():
    for dataset in DATASETS:
        what = plans.plan(dataset, "test", 0)
        named = any(name in what.label for name in SMALL.objects)
        assert ("thing" in what.facts()) != named


@pytest.mark.parametrize(
    ("world", "pair"),
    [(world, pair) for world in WORLDS.values() for pair in world.pairs],
    ids=lambda value: value[0] if isinstance(value, tuple) else value.name,
)
def test_the_second_of_a_pair_is_the_first_backwards(world, pair):
    what = plans.plan("ssv2", "test", 3, world)
    first, second = (sets.render(dataclasses.replace(what, label=label)) for label in pair)
    assert np.array_equal(first, second[::-1])
    assert np.abs(first.astype(int) - second).mean() > 1, "nothing happens"


def test_other_verbs_leave_the_scene_alone():
    what = plans.plan("k400", "test", 5)
    rising, falling = (
        sets.render(dataclasses.replace(what, label=f"a ball {v}")) for v in ("rising", "falling")
    )
    changed = (rising != falling).any(axis=(0, 3)).mean()
    assert 0.05 < changed < 0.8


@pytest.mark.parametrize(("verb", "sign"), [("rising", -1), ("falling", 1)])
def test_motion_verbs_move_their_object(verb, sign):
    """With drift and camera off, the object's middle goes up or down by its travel."""
    what = plans.plan("k400", "test", 0)
    scene = dataclasses.replace(what.scene, shake=0.0, noise=0.0, background="night", clutter=0)
    actor = dataclasses.replace(
        what.actor, drift_x=0.0, drift_y=0.0, lines=False, trail=False, x=0.0, y=0.0, travel=0.5
    )
    made = dataclasses.replace(what, label=f"a ball {verb}", thing="ball", scene=scene, actor=actor)
    frames = sets.render(made).astype(float)
    ball = np.abs(frames - np.median(frames, axis=0)).sum((2, 3))[[0, -1]]
    first, last = (ball * np.arange(64)).sum(1) / ball.sum(1)
    assert sign * (last - first) > 8


def test_no_scene_is_drawn_twice():
    """Nor in two splits, nor for a video and a picture of the pre-training."""
    videos = [
        plans.plan(dataset, split, index, world).scene.seed
        for world in WORLDS.values()
        for dataset in DATASETS
        for split in SPLITS[dataset]
        for index in range(300)
    ]
    pictures = [
        stills.plan_still(index, key, world).scene.seed
        for world in WORLDS.values()
        for key in ("train", "held out")
        for index in range(300)
    ]
    assert len(set(videos + pictures)) == len(videos) + len(pictures)


@BOTH
def test_a_video_shows_what_its_label_names(world):
    for dataset in ("k400", "ucf101", "hmdb51"):
        for index in range(40):
            what = plans.plan(dataset, "test", index, world)
            told = told_by(what.label)
            assert what.thing == (told.thing or what.thing) and told.verb in what.label
            assert what.scene.background == (told.background or what.scene.background)
            assert what.label.endswith(world.backgrounds.get(told.background, told.verb))


@BOTH
def test_sentences_hold_every_template_and_verb(world):
    drawn = captions.sentences(np.random.default_rng(0), world)
    assert len(set(drawn)) == len(drawn) == len(world.templates) + len(world.verbs) + 18
    assert drawn[: len(world.templates)] == list(world.templates)
    assert sum("mask" in text for text in drawn) == 6


def test_labels_read_as_sentences():
    assert {name: len(labels) for name, labels in plans.LABELS.items()} == {
        "k400": 36, "ssv2": 14, "ucf101": 20, "hmdb51": 10,
    }  # fmt: skip
    assert plans.LABELS["k400"][2] == "a ball rising" and plans.LABELS["ssv2"][0] == "moving something up"
    assert PAIRS == SMALL.pairs == STANDARD.pairs[: len(PAIRS)]


@BOTH
def test_zero_shot_labels_are_unseen(world):
    trained, *unseen = (world.labels[name] for name in ("k400", "ucf101", "hmdb51"))
    assert not set(trained) & {label for labels in unseen for label in labels}
    things = [{told_by(label).thing for label in labels} for labels in (trained, *unseen)]
    assert not things[0] & things[1] and things[2] == {None}


@BOTH
def test_no_caption_tells_what_only_texts_say(world):
    rng = np.random.default_rng(0)
    what = [stills.plan_still(index, "train", world).what for index in range(3000)]
    told = {captions.caption(one, rng)[0] for one in what}
    shown = {word for text in told for word in text.split()}
    assert "mask" not in shown
    assert not {"up", "down", "closer", "covering", "vanishing", "folding", "apart"} & shown
    assert not {"left", "clockwise", "entering", "merging", "painting", "curtains"} & shown
    said = {word for text in captions.all_sentences(world) for word in text.split()}
    assert {"mask", "up", "down"} | {word for text in world.templates for word in text.split()} <= said


@BOTH
def test_a_caption_is_true(world):
    rng = np.random.default_rng(1)
    for index in range(500):
        what = stills.plan_still(index, "train", world).what
        assert captions.Attributes.of(what.ids(world), world) == what
        text, (thing, verb, place) = captions.caption(what, rng)
        assert thing == (f"a {what.thing}" in text)
        assert verb == (what.verb is not None and what.verb in text)
        assert place == (captions.PHRASES[what.background] in text)
        assert thing or verb or place


def test_decord_reads_back_what_was_drawn(tmp_path):
    clip = next(c for i in range(99) if (c := sets.draw("ssv2", "test", i)).label == "moving something up")
    path, again = tmp_path / "a.mp4", tmp_path / "b.mp4"
    for target in (path, again):
        encode.encode(clip.frames, int(clip.fps), target)
    assert path.read_bytes() == again.read_bytes()
    reader = decord.VideoReader(str(path), num_threads=1)
    assert len(reader) == len(clip.frames) and reader.get_avg_fps() == pytest.approx(clip.fps)
    frames = reader.get_batch(range(len(reader))).asnumpy().astype(int)
    errors = np.abs(frames[:, None] - clip.frames[None].astype(int)).mean((2, 3, 4))
    apart = np.abs(errors.argmin(1) - np.arange(len(frames)))
    assert np.median(apart) == 0 and apart.max() <= 4, "frames are out of order"  # still ones look alike
    assert np.diagonal(errors).mean() < 16


def test_generate_writes_annotations_and_goes_on(tmp_path):
    path = sets.generate("k400", tmp_path, {"train": 2, "test": 2}, jobs=1)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [
        f"videos/{s}/{i:05d}.mp4" for s in ("train", "test") for i in (0, 1)
    ]
    assert [row["label"] for row in rows] == [
        plans.plan("k400", s, i).label for s in ("train", "test") for i in (0, 1)
    ]
    assert [row["split"] for row in rows] == ["train", "train", "test", "test"]
    kept, lost = tmp_path / rows[0]["path"], tmp_path / rows[1]["path"]
    before, whole = kept.stat().st_mtime_ns, lost.read_bytes()
    lost.unlink()
    path.unlink()
    sets.generate("k400", tmp_path, {"train": 2, "test": 2}, jobs=1)
    assert kept.stat().st_mtime_ns == before and lost.read_bytes() == whole and path.exists()
    assert not [left for left in tmp_path.rglob(".*") if left.is_file()]


def test_a_stopped_generate_leaves_no_half_file(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(encode.av.VideoFrame, "from_ndarray", stop)
    with pytest.raises(KeyboardInterrupt):
        sets.generate("ssv2", tmp_path, {"test": 1}, jobs=1)
    assert not (tmp_path / "annotations.csv").exists() and not list(tmp_path.rglob("*.mp4"))


@pytest.mark.parametrize("dataset", sets.THREE_SPLITS)
def test_each_video_is_in_one_of_three_splits(dataset):
    found = [sets.splits_of(dataset, "test", index).split() for index in range(30)]
    assert all(len(splits) == 1 for splits in found)
    assert Counter(itertools.chain(*found)) == {"test1": 10, "test2": 10, "test3": 10}
    assert len({tuple(splits) for splits in found[::3]}) > 1, "every block has the same order"


def test_drawing_needs_no_torch():
    """Processes that only draw start in a second, not in five."""
    code = "import sys, m2clip.synthetic.sets; assert not {'torch', 'open_clip'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
