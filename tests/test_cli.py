"""`m2clip predict`: the evaluation's own numbers for any videos, a broken one named, mistakes in one line."""

import csv
import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

import report_files as fake
import tiny_runs
import video_files
from m2clip import api, cli
from m2clip.config import Evaluate
from m2clip.data.dataset import TestVideos
from m2clip.errors import UserError
from m2clip.evaluation import predict as library
from m2clip.evaluation.recognition import score
from m2clip.evaluation.trained import open_trained
from m2clip.models.factory import pixels_of
from m2clip.models.method import Labels
from m2clip.models.prompts import make_prompts
from m2clip.runs import RunKey

UNSEEN = ("juggling balls", "air drumming", "pole vault", "sleeping")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("data"), count=5)


@pytest.fixture
def save(backbone, make_model):
    def write(path, heads=("contrastive", "cmc", "vc"), seed=0):
        differences = {"data": {"frames": 3}, "decoder": {"heads": list(heads)}}
        tiny_runs.save_run(path, make_model, backbone, differences, seed)
        return path

    return write


@pytest.fixture
def call(monkeypatch, tmp_path, typed):
    """Run the command line in an empty folder: exit code, lines of the table, lines of stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code, out, err = typed(*arguments)
        return code, out.splitlines(), err

    return run


def expected(path, manifest, labels=None, crops=1, clips=1):
    """Scores by head of the videos of the manifest, as evaluation has them."""
    run = open_trained(path, "cpu")
    prompts = [make_prompts(labels, run.config.data.prompt, run.tokenizer)] if labels else run.model.prompts
    videos = TestVideos(manifest, "test", run.config.data, pixels_of(run.model), crops=crops, clips=clips)
    with torch.no_grad():
        read = run.model.labels(prompts, own=not labels) if run.config.options.reads_text else None
        return score(run.model, videos, read, own=not labels, batch=32, workers=0)


def plain_features(run, templates, adapted):
    """Features of UNSEEN as CLIP averages templates: the mean of unit vectors."""
    sums = torch.zeros(len(UNSEEN), 32)
    for template in templates:
        prompts = [make_prompts(UNSEEN, template, run.tokenizer)]
        found = (run.model.labels if adapted else run.model.bare_labels)(prompts).features
        sums += found / found.norm(dim=1, keepdim=True)
    return sums / len(templates)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("heads", (("contrastive", "vc"), ("cmc",), ("vc",)))
def test_the_runs_own_labels_are_predicted_as_evaluation_does(heads, call, save, manifest, tmp_path):
    path = save(tmp_path / "weights.safetensors", heads)
    code, table, err = call(
        "predict", manifest.folder, "--run", path, "--crops", 3, "--clips", 2, "--batch", 12,
        "--top", 2, "--csv", "out.csv",
    )  # fmt: skip
    assert code == 0 and table[0].split() == ["file", "rank", "label", "probability"] and len(table) == 11
    scores = expected(path, manifest, crops=3, clips=2)["vc" if "vc" in heads else "eq11"]
    lines = read(tmp_path / "out.csv")
    for index, row in enumerate(scores):
        best = row.argsort()[::-1][:2]
        mine, shown = lines[2 * index : 2 * index + 2], table[2 * index + 1 : 2 * index + 3]
        for rank, (line, text) in enumerate(zip(mine, shown, strict=True), 1):
            label, chance = tiny_runs.LABELS[best[rank - 1]], row[best[rank - 1]]
            file = str(manifest.folder / f"videos/{index}.mp4")
            known = {"file": file, "rank": str(rank), "label": label, "error": ""}
            assert float(line["probability"]) == pytest.approx(chance, abs=2e-6)
            assert line == known | {"probability": line["probability"]}
            assert text.split() == [file, str(rank), *label.split(), f"{float(line['probability']):.4f}"]
    assert len({line.index(label) for line in table[1:] for label in tiny_runs.LABELS if label in line}) == 1
    assert any("predict: 100%" in line for line in err)


def test_other_labels_are_predicted_by_eq11(call, save, manifest, tmp_path):
    path = save(tmp_path / "weights.safetensors")
    (tmp_path / "labels.txt").write_text("\n".join(UNSEEN) + "\n")
    code, table, _ = call(
        "predict", manifest.folder, "--run", path, "--labels", "labels.txt", "--csv", "o.csv"
    )
    assert code == 0 and len(table) == 1 + 5 * 4  # five asked for, four there
    scores = expected(path, manifest, UNSEEN)["eq11"]
    lines = read(tmp_path / "o.csv")
    for index, row in enumerate(scores):
        mine = lines[4 * index : 4 * index + 4]
        assert [line["label"] for line in mine] == [UNSEEN[i] for i in row.argsort()[::-1]]
        assert sum(float(line["probability"]) for line in mine) == pytest.approx(1, abs=3e-6)
    own = expected(path, manifest)
    assert not (own["vc"].argmax(axis=1) == own["eq11"].argmax(axis=1)).all()  # so that the head shows
    (tmp_path / "labels.txt").write_text("\n".join(tiny_runs.LABELS))
    call("predict", manifest.folder, "--run", path, "--labels", "labels.txt", "--top", 1, "--csv", "o.csv")
    best = [tiny_runs.LABELS[index] for index in own["eq11"].argmax(axis=1)]
    assert [line["label"] for line in read(tmp_path / "o.csv")] == best


@pytest.mark.parametrize("adapted", (True, False))
@pytest.mark.parametrize("templates", ((), ("a photo of {}",), ("a photo of {}", "{} , a sport")))
def test_other_labels_by_templates_and_without_the_text_adapter(
    templates, adapted, call, save, manifest, tmp_path
):
    path, file = save(tmp_path / "weights.safetensors"), manifest.folder / "videos/1.mp4"
    (tmp_path / "labels.txt").write_text("\n".join(UNSEEN))
    options = [word for template in templates for word in ("--template", template)]
    options += [] if adapted else ["--no-text-adapter"]
    code, lines, _ = call("predict", file, "--run", path, "--labels", "labels.txt", "--json", *options)
    found = {each["label"]: each["probability"] for each in json.loads(lines[0])["labels"]}
    run = open_trained(path, "cpu")
    videos = TestVideos(manifest, "test", run.config.data, pixels_of(run.model))
    with torch.no_grad():
        features = plain_features(run, templates or (run.config.data.prompt,), adapted)
        scores, other = (
            score(run.model, videos, Labels(each), own=False, batch=32, workers=0)["eq11"]
            for each in (features, plain_features(run, ("{}",), adapted))
        )
        scores = scores[1]
    assert code == 0 and found == pytest.approx(dict(zip(UNSEEN, scores.tolist(), strict=True)), abs=2e-6)
    assert abs(scores - other[1]).max() > 1e-4  # so that a template shows


def test_a_model_without_text_says_so(call, save, manifest, tmp_path):
    path = save(tmp_path / "weights.safetensors", ("vc",))
    (tmp_path / "labels.txt").write_text("sleeping\n")
    code, table, err = call("predict", manifest.folder, "--run", path, "--labels", "labels.txt")
    assert code == 1 and table == [] and len(err) == 1
    assert err[0].startswith("error: decoder.heads: ['vc'] of this run read no text")


@pytest.mark.parametrize("batch", (1, 3, 32))
def test_a_broken_video_is_named_and_the_rest_goes_on(batch, call, save, manifest, tmp_path):
    path = save(tmp_path / "weights.safetensors")
    folder = tmp_path / "clips"
    for index in range(4):
        video_files.write(folder / f"{index}.mp4", 20 + index)
    _, whole, _ = call("predict", "clips", "--run", path, "--top", 1)
    content = (folder / "1.mp4").read_bytes()
    (folder / "1.mp4").write_bytes(content[: len(content) // 2])
    (folder / "2.mp4").write_bytes(b"")
    (folder / "4.mp4").write_text("no video")
    code, table, err = call(
        "predict", "clips", "--run", path, "--top", 1, "--batch", batch, "--csv", "out.csv"
    )
    assert code == 1 and err[-1] == "3 of 5 videos cannot be used"
    assert [table[1], table[4]] == [whole[1], whole[4]] and len(table) == 6
    assert table[3].split() == ["clips/2.mp4", "-", "empty"] and "not a video: text" in table[5]
    lines = read(tmp_path / "out.csv")
    assert [bool(line["error"]) for line in lines] == [False, True, True, False, True]
    assert lines[1]["label"] == lines[1]["probability"] == "" and lines[2]["error"] == "empty"


def test_videos_are_found_at_any_depth_and_each_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.MP4", "a/z.webm", "a/b/c.avi", "a/x.mkv", "a/y.mov", "a/notes.txt", "odd.m4v"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"")
    Path("folder.mp4").mkdir()
    names = ["a/b/c.avi", "a/x.mkv", "a/y.mov", "a/z.webm", "b.MP4"]
    assert [str(path) for path in api.find([Path()])] == names
    places = [Path("odd.m4v"), Path("a/x.mkv"), Path("a"), Path("a/x.mkv")]
    assert [str(path) for path in api.find(places)] == [
        "odd.m4v",
        "a/x.mkv",
        "a/b/c.avi",
        "a/y.mov",
        "a/z.webm",
    ]
    with pytest.raises(UserError, match=r"^no video in folder.mp4; looked for .avi .mkv .mov .mp4 .webm$"):
        api.find([Path("folder.mp4")])
    with pytest.raises(UserError, match=r"^none: there is no such file or folder$"):
        api.find([Path("a"), Path("none")])


def test_a_run_is_a_file_or_a_row_of_the_profile(call, save, manifest, tmp_path):
    folder = tmp_path / "experiments/profiles"
    folder.mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("profile: tiny\nseeds: [3, 0]\n")
    (folder / "tiny.yaml").write_text("{}\n")
    fake.declare_rows({"main": {}, "clip": {"method": "clip"}})
    for seed in (0, 3):
        save(RunKey("tiny", "main", seed).weights, seed=seed)
    file = manifest.folder / "videos/1.mp4"
    tables = {name: call("predict", file, "--run", name)[:2] for name in ("main", "main/0", "main/3")}
    assert tables["main"] == tables["main/3"] != tables["main/0"] and tables["main"][0] == 0
    for name, told in {
        "clip": "data/tiny/runs/clip/3/weights.safetensors: there is no such file; train the run first",
        "main/7": "data/tiny/runs/main/7/weights.safetensors: there is no such file",
        "mian": "there is no row mian (did you mean main?); experiments/rows/ has all 2",
        "main/x": "x is not a number",
        "no/such.safetensors": "no/such.safetensors: there is no such file",
        "params.yaml": "params.yaml: not the weights of a run",
    }.items():
        code, table, err = call("predict", file, "--run", name)
        assert code == 1 and table == [] and len(err) == 1 and told in err[0], (name, err)
    code, table, err = call("predict", file, "--run", "main", "--csv", "no/out.csv")
    assert code == 1 and table == []
    assert err == ["error: --csv no/out.csv: cannot be written: No such file or directory"]
    (tmp_path / "params.yaml").unlink()
    code, _, err = call("predict", file, "--run", "main")
    assert code == 1 and err == [
        "error: --run main: there is no such file, and no params.yaml here to look for a row"
    ]


def test_a_run_of_another_profile_than_the_one_of_params(call, save, manifest, tmp_path):
    folder = tmp_path / "experiments/profiles"
    folder.mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("profile: tiny\nseeds: [0]\n")
    (folder / "tiny.yaml").write_text("{}\n")
    (folder / "other.yaml").write_text("seeds: [5, 0]\n")  # its own count beside the one of params.yaml
    fake.declare_rows({"main": {}})
    for at, (profile, seed) in enumerate((("tiny", 0), ("other", 5), ("other", 0))):
        save(RunKey(profile, "main", seed).weights, seed=at)
    file, other = manifest.folder / "videos/1.mp4", RunKey("other", "main", 5).weights
    asked = ((), ("--profile", "tiny"), ("--profile", "other"))
    mine, same, its = (call("predict", file, "--run", "main", *words)[:2] for words in asked)
    assert mine == same != its == call("predict", file, "--run", other)[:2] and its[0] == 0
    assert call("predict", file, "--run", "main/0", "--profile", "other")[:2] not in (mine, its)
    for words, told in (
        (("--run", "main", "--profile", "othr"), "params.yaml: profile: there is no profile othr (did"),
        (("--run", "main/7", "--profile", "other"), "data/other/runs/main/7/weights.safetensors: there"),
        (("--run", other, "--profile", "other"), f"--profile goes with --run ROW; {other} is a file"),
        (("--checkpoint", "away", "--profile", "other"), "--profile goes with --run ROW; a checkpoint"),
    ):
        code, table, err = call("predict", file, *words)
        assert code == 1 and table == [] and len(err) == 1 and err[0].startswith(f"error: {told}"), err


def test_mistakes_are_one_line_before_anything_is_loaded(call, manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("m2clip.evaluation.trained.open_trained", None)
    file, run = manifest.folder / "videos/1.mp4", ("--run", "a.safetensors")
    Path("a.safetensors").touch()
    walked = []
    find = api.find
    monkeypatch.setattr("m2clip.commands.predict.find", lambda places: walked.append(places) or find(places))
    code, _, err = call("predict", tmp_path, "--run", "b.safetensors")
    assert code == 1 and err[0].startswith("error: b.safetensors: there is no such file") and not walked
    for arguments, told in (
        ((tmp_path, *run), "no video in"),
        (("none.mp4", *run), "none.mp4: there is no such file"),
        ((file, *run, "--labels", "none.txt"), "none.txt: there is no such"),
        ((file, *run, "--no-text-adapter"), "are for zero-shot: give labels too"),
        ((file, *run, "--template", "a photo of {}"), "are for zero-shot: give labels too"),
        ((file, "--clip", "ViT-B-16"), "--clip knows no labels of its own: give them with --labels"),
        ((file, "--clip", "ViT-B-16", "--profile", "p"), "--profile goes with --run ROW"),
    ):
        code, _, err = call("predict", *arguments)
        assert code == 1 and len(err) == 1 and told in err[0]
    for wrong in (
        ("--top", "0"),
        ("--clips", "x"),
        ("--crops", "2"),
        ("--batch", "-1"),
        ("--template", "a photo"),
    ):
        code, _, err = call("predict", file, *run, *wrong)
        assert code == 2 and f"argument {wrong[0]}: " in err[-1]


def test_predictions_come_as_they_are_made(save, manifest, tmp_path, monkeypatch):
    """So that neither waiting nor memory grows with the number of videos."""
    run, opened = open_trained(save(tmp_path / "weights.safetensors"), "cpu"), []
    probe = library.probe
    monkeypatch.setattr(library, "probe", lambda path: opened.append(path) or probe(path))
    files = api.find([manifest.folder]) * 1000
    answers = library.predict(
        run, files, library.encode(run, None), Evaluate(crops=3, clips=1, batch=7), zero_shot=False
    )
    assert [next(answers).path for _ in range(3)] == files[:3] and len(opened) == 4


def test_help_and_both_ways_to_start():
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "m2clip.cli", "predict", "--help"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "usage: m2clip predict" in told.stdout and "examples:" in told.stdout
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "m2clip.runs" in loaded and not {"torch", "numpy", "pandas"} & loaded  # so it comes at once
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["m2clip"]
    module, _, function = script.partition(":")
    assert getattr(importlib.import_module(module), function) is cli.main


def test_clip_itself_predicts_labels_of_ones_own_and_is_not_warned_of(call, manifest, backbone, tmp_path):
    (tmp_path / "labels.txt").write_text("\n".join(UNSEEN) + "\n\n")  # and a blank line at the end
    clip = ("--clip", backbone.config, "--backbone", backbone.pretrained)
    asked = ("predict", manifest.folder, *clip, "--labels", "labels.txt", "--json")
    code, lines, err = call(*asked)
    run = api.build("clip", UNSEEN, clip=backbone.config, pretrained=backbone.pretrained, device="cpu")
    mine = {answer.path.name: answer.labels for answer in api.predict(manifest.folder, run, UNSEEN)}
    assert code == 0 and len(lines) == 5 and not any("note:" in line for line in err)
    for line in map(json.loads, lines):
        told = {each["label"]: each["probability"] for each in line["labels"]}
        assert told == pytest.approx(
            {e.label: e.probability for e in mine[Path(line["file"]).name]}, abs=2e-6
        )
    assert call(*asked, "--template", "a photo of {}")[1] != lines


def test_a_run_of_generated_videos_says_so_once_and_where_a_real_clip_is(
    call, save, manifest, tmp_path, monkeypatch
):
    path, file = save(tmp_path / "weights.safetensors"), manifest.folder / "videos/1.mp4"
    assert not any("note:" in line for line in call("predict", file, "--run", path)[2])
    monkeypatch.setattr(api, "CLIPS", ("tiny",))
    code, table, err = call("predict", manifest.folder, "--run", path)
    (said,) = [line for line in err if line.startswith("note:")]
    assert code == 0 and len(table) == 16 and "mean nothing" in said
    assert said.endswith("OpenAI's CLIP, zero-shot: m2clip predict VIDEOS --clip ViT-B-16 --labels FILE")
