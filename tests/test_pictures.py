"""Pictures beyond the paper's: what the temporal difference adds, gains over CLIP, time-reversed pairs."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

import plain_model
import tiny_runs
from m2clip.data.manifest import TYPES, Manifest
from m2clip.errors import UserError
from m2clip.evaluation.temporal_difference import norms, seen
from m2clip.models.adapters import TemporalDifference
from m2clip.report import data_sheet
from m2clip.report.figures import contact_sheet, fig4a_reversed, gains, style, temporal_difference
from m2clip.runs import RunKey
from m2clip.stages import pictures, report
from m2clip.synthetic.worlds import PAIRS, SMALL

KEY = RunKey("tiny", "main", 0)


@pytest.mark.parametrize("layers", ["all", (2,)])
def test_norms_are_those_of_equation_7(make_model, layers):
    model, _ = make_model({"adapters": {"visual": {"layers": layers}}})
    video = torch.randn(2, 3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    seen = []
    for part in model.image.modules():
        if isinstance(part, TemporalDifference):
            weights = {name: value.detach().numpy() for name, value in part.named_parameters()}
            part.register_forward_pre_hook(lambda _, given, w=weights: seen.append((given[0].detach(), w)))
    told = norms(model, video)
    expected = np.zeros((2, 3, 4, 4))
    for tokens, weights in seen:
        for one, frames in enumerate(tokens.numpy()):
            added = plain_model.difference(frames, weights, (4, 4))[:, 1:]
            expected[one] += np.sqrt((added**2).sum(-1)).reshape(3, 4, 4) / len(seen)
    assert len(seen) == (3 if layers == "all" else 1)
    np.testing.assert_allclose(told.numpy(), expected, rtol=1e-6)
    assert not any(part._forward_hooks for part in model.image.modules()), "nothing stays behind"


def test_no_norms_without_a_temporal_difference(make_model):
    model, _ = make_model({"adapters": {"visual": {"temporal_difference": False}}})
    assert norms(model, torch.zeros(1, 2, 3, 32, 32, dtype=torch.float64)) is None


@pytest.fixture
def drawn(backbone, make_model, tmp_path, monkeypatch):
    """The stage on three videos: what it tells, and its picture if there is one."""
    monkeypatch.chdir(tmp_path)
    tiny_runs.prepare_videos(tmp_path / "data/tiny/k400", count=3)
    Path("experiments/profiles").mkdir(parents=True)
    Path("experiments/profiles/tiny.yaml").write_text(yaml.safe_dump({"synthetic": {"k400": {"test": 3}}}))
    monkeypatch.setattr(sys, "argv", ["pictures", "tiny", "main", "0"])

    def go(visual):
        differences = {"data": {"frames": 3}, "adapters": {"visual": visual}}
        tiny_runs.save_run(KEY.weights, make_model, backbone, differences)
        pictures.main()
        folder = temporal_difference.folder("tiny")
        assert json.loads((folder / f"{temporal_difference.NAME}.json").read_text())["alt"]
        picture = folder / f"{temporal_difference.NAME}.png"
        return temporal_difference.read("tiny"), picture.read_bytes() if picture.exists() else None

    return go


def test_the_stage_draws_the_same_each_time_and_nothing_where_there_is_nothing(drawn):
    told, content = drawn({})
    assert "Synth-K400, test split, seed 0" in told.caption
    assert all(label in told.alt for label in tiny_runs.LABELS)
    assert drawn({}) == (told, content)
    with Image.open(temporal_difference.folder("tiny") / f"{temporal_difference.NAME}.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 24)) > 20
    told, content = drawn({"temporal_difference": False})
    assert (told.caption, content) == (None, None)


def test_frames_are_shown_as_they_were_before_normalising(backbone, make_model):
    from m2clip.data.transforms import test_views
    from m2clip.models.factory import pixels_of

    model, _ = make_model()
    pixels = pixels_of(model)
    frames = np.random.default_rng(0).integers(0, 256, (2, pixels.size, pixels.size, 3), np.uint8)
    assert (seen(test_views(frames, pixels, 1)[0], pixels) == frames).all()


def test_a_broken_file_of_the_stage_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert temporal_difference.read("tiny") is None
    temporal_difference.folder("tiny").mkdir(parents=True)
    (temporal_difference.folder("tiny") / f"{temporal_difference.NAME}.json").write_text('{"alt": 1}')
    with pytest.raises(UserError, match=r"temporal_difference.json: expected caption and alt"):
        temporal_difference.read("tiny")


def test_the_page_shows_the_picture_and_says_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert report._pictures("tiny").parts == ("No run has been drawn yet.",)
    path = temporal_difference.folder("tiny") / f"{temporal_difference.NAME}.json"
    temporal_difference.write(temporal_difference.NONE, path)
    assert report._pictures("tiny").parts == (temporal_difference.NONE.alt,)
    temporal_difference.write(temporal_difference.Words("A caption", "what it shows"), path)
    (part,) = report._pictures("tiny").parts
    assert (part.file.as_posix(), part.caption, part.alt) == (
        "pictures/temporal_difference.png", "A caption", "what it shows",
    )  # fmt: skip


def matrix_of(counts, labels):
    return pd.DataFrame(counts, index=pd.Index(labels, name="label"), columns=labels)


def test_shares_of_reversed_pairs_by_counting_videos():
    random = np.random.default_rng(1)
    labels = [*SMALL.templates, "something else"]
    counts = random.integers(0, 9, (len(labels), len(labels)))
    reverse = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
    tally = {"right": 0, "reverse": 0, "other": 0}
    for true, row in zip(labels, counts, strict=True):
        for taken, count in zip(labels, row, strict=True):
            if true in reverse:
                kind = "right" if taken == true else "reverse" if taken == reverse[true] else "other"
                tally[kind] += count
    told = fig4a_reversed.shares(matrix_of(counts, labels))
    total = sum(tally.values())
    assert told == pytest.approx({kind: 100 * count / total for kind, count in tally.items()})
    assert all(map(math.isnan, fig4a_reversed.shares(matrix_of([[1, 0], [0, 1]], ["a", "b"])).values()))


def of_counts(counts, method):
    """A row of which only the confusion matrix is asked."""
    run = SimpleNamespace(key=KEY, confusion=matrix_of(counts, ["b", "a", "c"]))
    config = SimpleNamespace(method=method)
    return SimpleNamespace(
        name=method, label=method, dataset="k400", trained=method != "clip", config=config, runs=(run,),
        measured=(run,),
    )  # fmt: skip


def test_gains_are_differences_of_recall_from_the_largest():
    clip = of_counts([[0, 4, 0], [1, 3, 0], [0, 0, 0]], "clip")
    row = of_counts([[1, 2, 1], [0, 4, 0], [0, 0, 0]], "m2clip")
    results = SimpleNamespace(rows={"clip": clip, "m2clip": row}, title=lambda one: one.label)
    frames = gains.frames(SimpleNamespace(results=results, rows=[clip, row]))
    assert list(frames) == ["gains-m2clip"]
    found = frames["gains-m2clip"][["class", "clip", "trained", "points"]].to_numpy().tolist()
    assert found == [["b", 0.0, 25.0, 25.0], ["a", 75.0, 100.0, 25.0]][::-1]
    assert gains.alt(frames["gains-m2clip"]).startswith("m2clip: 2 of 2 labels are recognised more often")
    many = pd.DataFrame({"class": [f"{at}" for at in range(60)], "clip": 0.0, "trained": range(60, 0, -1)})
    many = many.assign(title="t", label="M2-CLIP", clip_label="CLIP zero-shot")
    with style.paper():
        shown = [text.get_text() for text in gains.draw(many).axes[0].get_yticklabels()]
    assert shown == [f"{at}" for at in (*range(20), *range(40, 60))]


def test_a_contact_sheet_and_its_facts(tmp_path):
    line = dict.fromkeys(TYPES, 0) | {
        "fps": 10.0,
        "duration": 30.0,
        "width": 8,
        "height": 6,
        "status": "valid",
    }
    splits = ("train", "test1 test2", "test2")
    videos = [line | {"split": split, "frames": 3 + at} for at, split in enumerate(splits)]
    table = pd.DataFrame([*videos, line | {"split": "train", "status": "broken"}])
    told = data_sheet.facts("k400", Manifest(tmp_path, ("a", "b"), table)).iloc[0]
    assert told["splits"] == "train 1, test1 1, test2 2"
    assert (told["labels"], told["frames"], told["fps"], told["size"]) == (2, "3 / 4 / 5", "10", "8×6")
    assert (told["minutes"], told["invalid_percent"]) == ("1.5", "25.00")
    frames = np.zeros((data_sheet.FRAMES, 6, 8, 3), np.uint8)
    strips = [contact_sheet.Strip("a b", frames + 60 * at) for at in range(3)]
    contents = []
    for path in (tmp_path / "one.png", tmp_path / "two.png"):
        with style.paper():
            figure = contact_sheet.draw(strips, "made up")
            images = [ax.get_images()[0].get_array() for ax in figure.axes]
            style.save_small(figure, path)
        contents.append(path.read_bytes())
    assert [int(image[0, 0, 0]) for image in images] == [60 * at for at in range(3) for _ in frames]
    assert contents[0] == contents[1]


def test_the_scale_of_temporal_difference_has_even_steps():
    norms = np.linspace(0, 9.7, 2 * 2 * 2).reshape(2, 2, 2)
    strip = temporal_difference.MotionStrip("a b", np.zeros((2, 8, 8, 3), np.uint8), norms.astype(np.float32))
    with style.paper():
        figure = temporal_difference.draw([strip])
        *panels, bar = figure.axes
        ticks = bar.get_xticks()
    assert len(panels) == 2 * 2, "each frame alone, and below it with the norms"
    assert len(set(np.diff(ticks))) == 1 and ticks[0] == 0 and ticks[-1] >= 9.7
    assert "z_D" not in bar.get_xlabel() + temporal_difference.describe([strip], "x").caption
    overlays = [ax.get_images()[1].get_array()[..., 3] for ax in panels if len(ax.get_images()) == 2]
    assert (
        len(overlays) == 2
        and overlays[0].min() == 0
        and overlays[1].max() == pytest.approx(temporal_difference.OPACITY)
    )
