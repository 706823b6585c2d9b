"""The evaluate stage on tiny sets: which head predicts, what is written, and that a hole is an error."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import tiny_runs
import video_files
from m2clip import closure
from m2clip.data import manifest
from m2clip.errors import UserError
from m2clip.evaluation.recognition import score
from m2clip.evaluation.trained import open_trained
from m2clip.evaluation.zero_shot import half_of_classes, read_bare_labels, read_labels
from m2clip.runs import RunKey
from m2clip.stages import evaluate

KEY = RunKey("tiny", "main", 0)
UNSEEN = ("air drumming", "tai chi", "juggling")
SPLITS = ("test1 test2", "test1 test3", "test2 test3") * 2


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    tiny_runs.prepare_videos(folder / "data/tiny/k400", count=5)
    tiny_runs.prepare_videos(folder / "data/tiny/ucf101", count=6, splits=SPLITS, labels=UNSEEN)
    return folder / "data"


@pytest.fixture
def evaluated(sets, backbone, make_model, tmp_path, monkeypatch):
    """Evaluate a model with these heads in a repository of its own: metrics, scores and the run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/tiny").mkdir(parents=True)
    for name in ("k400", "ucf101"):
        (tmp_path / "data/tiny" / name).symlink_to(sets / "tiny" / name)
    monkeypatch.setattr(sys, "argv", ["evaluate", "tiny", "main", "0"])
    finished = []
    monkeypatch.setattr(evaluate, "finish", finished.append)

    def go(heads, text_layers=1, templates=()):
        differences = {"data": {"frames": 3}, "decoder": {"heads": heads}, "train": {"workers": 0}}
        differences["adapters"] = {"text": {"layers": text_layers}}
        tiny_runs.save_run(KEY.weights, make_model, backbone, differences)
        digests = {name: manifest.digest(Path("data/tiny") / name) for name in ("k400", "ucf101")}
        settings = {
            "split": "test",
            "crops": 3,
            "clips": 2,
            "batch": 7,
            "zero_shot": ["ucf101"],
            "templates": list(templates),
            "inputs": digests | {"code": closure.of_row("evaluate", "m2clip")},
        }
        KEY.evaluate_config.parent.mkdir(parents=True, exist_ok=True)
        KEY.evaluate_config.write_text(yaml.safe_dump(settings))
        evaluate.main()
        assert finished.pop() == KEY
        return json.loads(KEY.metrics.read_text()), pd.read_parquet(KEY.predictions)

    return go


def expected_scores(dataset, split, labels=None, templates=("a video of {}",), adapted=True):
    """Scores of the model that was saved, computed here."""
    run = open_trained(KEY.weights, "cpu")
    config = replace(tiny_runs.config_of(run.config.backbone).evaluate, crops=3, clips=2)
    data = manifest.read(Path("data/tiny") / dataset)
    with torch.no_grad():
        read = run.model.labels(run.model.prompts) if run.config.options.reads_text else None
    if labels:
        read = (read_labels if adapted else read_bare_labels)(run, labels, templates)
    views = evaluate._views(run, config, data, split)
    return score(run.model, views, read, own=not labels, batch=7, workers=0)


def percent(scores, class_ids):
    return pytest.approx(100 * np.mean(scores.argmax(axis=1) == np.array(class_ids)))


@pytest.mark.parametrize(
    ("heads", "supervised"), ((["contrastive", "cmc", "cmlm", "vc"], "vc"), (["cmc"], "eq11"), (["vc"], "vc"))
)
def test_supervised_from_vc_else_eq11_and_zero_shot_from_eq11_or_not_at_all(heads, supervised, evaluated):
    metrics, predictions = evaluated(heads)
    scores, class_ids = expected_scores("k400", "test"), [0, 1, 2, 0, 1]
    found = metrics["supervised"]
    assert found["head"] == supervised and set(scores) == set(found["top1_by_head"])
    assert (found["videos"], found["frames"], found["crops"], found["clips"]) == (5, 3, 3, 2)
    assert (
        found["top1"]
        == percent(scores[supervised], class_ids)
        == pytest.approx(found["top1_by_head"][supervised])
    )
    mine = predictions[(predictions["dataset"] == "k400") & (predictions["head"] == supervised)]
    assert mine["class_id"].tolist() == class_ids and (np.stack(mine["scores"]) == scores[supervised]).all()
    assert mine["prediction"].tolist() == scores[supervised].argmax(axis=1).tolist()
    counts = pd.read_csv(KEY.confusion, index_col="label")
    assert list(counts.index) == list(counts.columns) == list(tiny_runs.LABELS)
    assert counts.to_numpy().sum() == 5
    assert np.trace(counts.to_numpy()) == round(found["top1"] * 5 / 100)
    of_each = [100 * counts.iloc[at, at] / counts.iloc[at].sum() for at in range(3)]
    assert found["mean_class_top1"] == pytest.approx(np.mean(of_each))
    unseen = predictions[predictions["dataset"] == "ucf101"]
    if heads == ["vc"]:
        assert metrics["zero_shot"] == {} and unseen.empty
        return
    check_unseen(metrics["zero_shot"]["ucf101"], unseen)


def check_unseen(metrics, unseen, **given):
    """Numbers and scores of the unseen set with the text adapters, and past them."""
    assert set(unseen["head"]) == {"eq11", "eq11_no_text_adapter"}
    for head, found in (("eq11", metrics), ("eq11_no_text_adapter", metrics["no_text_adapter"])):
        scores = expected_scores("ucf101", None, UNSEEN, adapted=head == "eq11", **given)["eq11"]
        assert (np.stack(unseen[unseen["head"] == head]["scores"]) == scores).all()
        assert found["full"]["top1"] == percent(scores, [0, 1, 2] * 2) and found["videos"] == 6
        assert found["half"] == half_of_classes(scores, np.array([0, 1, 2] * 2), "ucf101")
        for number in (1, 2, 3):
            inside = [index for index, names in enumerate(SPLITS) if f"test{number}" in names]
            truth = [i % 3 for i in inside]
            assert found["splits"][f"test{number}"]["top1"] == percent(scores[inside], truth)


def test_without_text_adapters_there_is_one_zero_shot_number(evaluated):
    metrics, predictions = evaluated(["contrastive"], text_layers=0)
    assert "no_text_adapter" not in metrics["zero_shot"]["ucf101"]
    assert set(predictions["head"]) == {"eq11"}


def test_templates_are_those_of_zero_shot_alone(evaluated):
    templates = ("{}", "someone {} outdoors")
    metrics, predictions = evaluated(["cmc"], templates=templates)
    check_unseen(
        metrics["zero_shot"]["ucf101"], predictions[predictions["dataset"] == "ucf101"], templates=templates
    )
    mine = predictions[predictions["dataset"] == "k400"]
    assert (np.stack(mine["scores"]) == expected_scores("k400", "test")["eq11"]).all()


def missing(path):
    path.unlink()


def another_of_its_length(path):
    video_files.write(path, 8 + 3)


def replaced_by_its_neighbour(path):
    path.write_bytes(path.with_stem("1").read_bytes())


@pytest.mark.parametrize("damage", (missing, another_of_its_length, replaced_by_its_neighbour))
@pytest.mark.parametrize("dataset", ("k400", "ucf101"))
def test_a_missing_or_changed_video_is_an_error_and_nothing_is_written(damage, dataset, evaluated, sets):
    path = sets / "tiny" / dataset / "videos/3.mp4"
    before = path.read_bytes()
    damage(path)
    try:
        with pytest.raises(UserError) as caught:
            evaluated(["cmc", "vc"])
    finally:
        path.write_bytes(before)
    assert "videos/3.mp4: " in str(caught.value) and "\n" not in str(caught.value)
    assert not any(file.exists() for file in (KEY.metrics, KEY.predictions, KEY.confusion))


def test_a_set_that_changed_since_it_was_resolved_is_an_error(evaluated, sets, monkeypatch):
    monkeypatch.setattr(manifest, "digest", lambda folder: "0" * 64)
    with pytest.raises(UserError, match=r"k400: changed since its rows were resolved; run dvc repro"):
        evaluated(["cmc"])
    assert not KEY.metrics.exists()
