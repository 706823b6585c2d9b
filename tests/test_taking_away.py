"""`m2clip export`, and predicting from what it wrote: by the command line and from Python."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors
import yaml
from safetensors.torch import load_file

import report_files
import tiny_runs
from m2clip.api import Answer, predict
from m2clip.errors import UserError
from m2clip.evaluation import checkpoint as folder_of
from m2clip.models.weights_io import load_weights
from m2clip.runs import RunKey, digest

ROOT = Path(__file__).parents[1]
KEY = RunKey("tiny", "main", 3)
FILES = ["README.md", "config.yaml", "labels.txt", "tiny.json", "tiny.safetensors", "weights.safetensors"]
UNSEEN = ("juggling balls", "sleeping")
METRICS = {
    "supervised": {
        "dataset": "k400", "split": "test", "videos": 1234, "frames": 3, "crops": 3, "clips": 2, "head": "vc",
        "top1": 61.27, "top5": 83.41, "top1_by_head": {"eq11": 57.96, "vc": 61.27},
    },
    "zero_shot": {
        "ucf101": {"top1": 41.35, "top1_std": 0.68, "top5": 72.14, "videos": 999, "splits": {"a": 0, "b": 0}}
    },
}  # fmt: skip
TRAINED = {"commit": "c0ffee", "dirty": True, "started": "2030-01-01", "device": "cpu", "seed": 3}
EVALUATED = {
    "commit": "decaf",
    "dirty": False,
    "started": "2030-01-02",
    "inputs": {"k400": "d1", "ucf101": "d2"},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return tiny_runs.prepare_videos(tmp_path_factory.mktemp("data"), count=4)


@pytest.fixture
def world(tmp_path, monkeypatch, backbone, make_model):
    """A working folder with a finished run, whose backbone lies at a path from there."""
    monkeypatch.chdir(tmp_path)
    for name in ("clip/tiny.json", "clip/tiny.safetensors"):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy(Path(backbone.config).parent / Path(name).name, name)
    Path("experiments/profiles").mkdir(parents=True)
    Path("params.yaml").write_text("profile: tiny\nseeds: [3]\n")
    Path("experiments/profiles/tiny.yaml").write_text("synthetic: {k400: {test: 4}}\n")
    report_files.declare_rows({"main": {}})
    heads = {"data": {"frames": 3}, "decoder": {"heads": ["contrastive", "cmc", "vc"]}}
    here = type(backbone)(name="tiny", config="clip/tiny.json", pretrained="clip/tiny.safetensors")
    tiny_runs.save_run(KEY.weights, make_model, here, heads, seed=3)
    tell()
    return tmp_path


def tell(key=KEY, **changes):
    """The small files of a run."""
    config = load_weights(key.weights).about["config"]
    for folder in (key.training, key.evaluation):
        folder.mkdir(parents=True, exist_ok=True)
    key.metrics.write_text(json.dumps(METRICS))
    key.provenance.write_text(json.dumps(TRAINED | {"config_sha": digest(config)} | changes))
    key.evaluation_provenance.write_text(json.dumps(EVALUATED))


@pytest.fixture
def call(typed):
    """Run the command line: exit code, stdout, lines of stderr that are no progress."""

    def run(*arguments):
        code, out, err = typed(*arguments)
        return code, out, [line for line in err if "predict:" not in line]

    return run


@pytest.fixture
def exported(world, call):
    assert call("export", "main", "away")[0] == 0
    return world / "away"


@pytest.fixture
def without_backbone(world, call, monkeypatch):
    """As of a run on a backbone that is too large to be copied."""
    monkeypatch.setattr(folder_of, "CARRIED", 1000)
    assert call("export", "main", "away")[0] == 0
    return world / "away"


def test_a_checkpoint_is_all_that_is_needed_in_another_folder(
    exported, manifest, call, tmp_path, monkeypatch
):
    whole = call("predict", manifest.folder, "--run", "main")
    assert "are in this folder" in (exported / "README.md").read_text()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(exported, elsewhere / "mine")
    for name in ("clip", "data", "experiments", "params.yaml"):
        Path(name).rename(f"gone-{name}")
    monkeypatch.chdir(elsewhere)
    assert whole[0] == 0 and call("predict", manifest.folder, "--checkpoint", "mine")[:2] == whole[:2]


def test_a_backbone_that_is_not_the_runs_or_too_large_is_not_copied(world, call, monkeypatch):
    for large, files in ((True, FILES), (False, FILES)):
        with monkeypatch.context() as patch:
            if large:
                patch.setattr(folder_of, "CARRIED", Path("clip/tiny.safetensors").stat().st_size - 1)
            else:
                Path("clip/tiny.safetensors").write_bytes(b"another")
            assert call("export", "main", f"away{large}")[0] == 0
        folder = Path(f"away{large}")
        assert sorted(file.name for file in folder.iterdir()) == [
            one for one in files if one != "tiny.safetensors"
        ]
        assert "are not in this folder" in (folder / "README.md").read_text()
        config = yaml.safe_load((folder / "config.yaml").read_text())
        assert config["backbone"]["pretrained"] == "clip/tiny.safetensors"


def test_a_checkpoint_holds_the_run_and_no_path_of_this_machine(exported):
    assert sorted(file.name for file in exported.iterdir()) == FILES
    saved, before = load_weights(exported / "weights.safetensors"), load_weights(KEY.weights)
    about, told = saved.about, before.about
    assert tiny_runs.same(saved.tensors, before.tensors)
    assert yaml.safe_load((exported / "config.yaml").read_text()) == about["config"]
    assert about["config"]["backbone"]["config"] == "tiny.json" and about["seed"] == 3
    assert {**about["config"], "backbone": None} == {**told["config"], "backbone": None}
    assert (exported / "labels.txt").read_text().splitlines() == list(tiny_runs.LABELS)
    for file in exported.iterdir():
        assert str(exported.parent).encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("pretrained", ["{}/clip/tiny.safetensors", "../{}/clip/tiny.safetensors"])
def test_paths_that_hold_only_here_are_left_out(pretrained, world, backbone, make_model, call):
    name = pretrained.format(world if pretrained.startswith("{") else world.name)
    here = type(backbone)(name="tiny", config=str(world / "clip/tiny.json"), pretrained=name)
    tiny_runs.save_run(KEY.weights, make_model, here, {}, seed=3)
    tell()
    assert call("export", "main/3", "away")[0] == 0
    config = load_weights(Path("away/weights.safetensors")).about["config"]
    assert config["backbone"] == {
        "name": "tiny", "config": "tiny.json", "pretrained": "tiny.safetensors", "temperature": None
    }  # fmt: skip
    for file in Path("away").iterdir():
        assert world.name.encode() not in file.read_bytes()


def test_the_cards_numbers_are_those_of_the_runs_files(exported, call):
    card = (exported / "README.md").read_text()
    inputs = load_weights(KEY.weights).about["config"]["inputs"]
    parameters = sum(tensor.numel() for tensor in load_file(KEY.weights).values())
    for text in (
        "row `main`, seed 3, trained on Synth-K400",
        "**Generated**",
        f"{parameters:,} trained parameters",
        "| supervised, test, by VC | Synth-K400 | 1,234 | 3 × 3 × 2 | 61.3 | 83.4 |",
        "| supervised, test, by Eq. 11 | Synth-K400 | 1,234 | 3 × 3 × 2 | 58.0 | — |",
        "| zero-shot, Eq. 11 | UCF101 | 999 | 3 × 3 × 2 | 41.4 ± 0.7 over 2 splits | 72.1 |",
        "commit `c0ffee`, with changes that were not committed, 2030-01-01",
        "commit `decaf`, 2030-01-02",
        "| seed | 3 |",
        f"(digest `{inputs['backbone']}`)",
        f"| config | digest `{digest(load_weights(KEY.weights).about['config'])}` |",
        "| videos of UCF101 | digest `d2` |",
    ):
        assert text in card, text
    Path("experiments/profiles/tiny.yaml").write_text("{}\n")
    KEY.metrics.write_text(json.dumps({"supervised": METRICS["supervised"] | {"top1": 12.34}}))
    assert call("export", "main", "real")[0] == 0
    card = Path("real/README.md").read_text()
    assert "tand-in" not in card and "| 12.3 | 83.4 |" in card and "zero-shot, Eq" not in card


def test_a_run_of_another_profile_is_its_own_and_its_card_says_so(world, make_model, call, backbone):
    key = RunKey("paper", "main", 3)
    Path("experiments/profiles/paper.yaml").write_text("{}\n")
    here = type(backbone)(name="tiny", config="clip/tiny.json", pretrained="clip/tiny.safetensors")
    tiny_runs.save_run(key.weights, make_model, here, {"data": {"frames": 4}}, seed=3)
    tell(key)
    code, out, _ = call("export", "main", "away", "--profile", "paper")
    assert (code, out) == (0, "paper/main/3 is in away\n")
    assert tiny_runs.same(load_file("away/weights.safetensors"), load_file(key.weights))
    card = Path("away/README.md").read_text()
    assert "| run | `paper/main/3` |" in card and "trained on K400" in card and "tand-in" not in card
    assert call("export", "main", "mine")[1] == "tiny/main/3 is in mine\n"
    assert "Synth-K400" in Path("mine/README.md").read_text()
    code, _, err = call("export", "main", "none", "--profile", "papr")
    assert code == 1 and len(err) == 1 and not Path("none").exists()
    assert err[0].startswith("error: params.yaml: profile: there is no profile papr (did you mean paper?)")


def test_a_checkpoint_predicts_as_its_run_by_both_ways(exported, manifest, call):
    Path("labels.txt").write_text("\n".join(UNSEEN))
    for options, labels in (((), None), (("--labels", "labels.txt"), UNSEEN)):
        common = ("predict", manifest.folder, "--top", 2, "--crops", 3, "--clips", 2, *options)
        code, table, _ = call(*common, "--run", "main")
        assert code == 0 and call(*common, "--checkpoint", "away")[:2] == (0, table)
        code, lines, _ = call(*common, "--checkpoint", "away", "--json", "--csv", "out.csv")
        said = [json.loads(line) for line in lines.splitlines()]
        assert code == 0 and [Path(each["file"]).name for each in said] == [f"{i}.mp4" for i in range(4)]
        mine = predict(manifest.folder, "away", labels, 2, crops=3, clips=2, device="cpu")
        for answer, each, row in zip(mine, said, range(4), strict=True):
            assert str(answer.path) == each["file"] and answer.error is None
            for label, told, line in zip(
                answer.labels, each["labels"], table.splitlines()[1 + 2 * row :], strict=False
            ):
                assert label.label == told["label"] and label.label in line
                assert label.probability == pytest.approx(told["probability"], abs=2e-6)
                assert line.endswith(f"{told['probability']:.4f}")
            assert len(answer.labels) == len(each["labels"]) == 2
        assert {label["label"] for each in said for label in each["labels"]} <= set(
            labels or tiny_runs.LABELS
        )
        assert len(Path("out.csv").read_text().splitlines()) == 9


def test_a_broken_video_is_an_answer_too(exported, manifest, call):
    Path("clips").mkdir()
    shutil.copy(manifest.folder / "videos/0.mp4", "clips")
    Path("clips/1.mp4").write_bytes(b"")
    code, lines, err = call("predict", "clips", "--checkpoint", "away", "--json")
    good, bad = map(json.loads, lines.splitlines())
    assert code == 1 and err[-1] == "1 of 2 videos cannot be used"
    assert set(good) == {"file", "labels"} and bad == {"file": "clips/1.mp4", "error": "empty"}
    good, bad = predict(["clips/0.mp4", Path("clips/1.mp4")], Path("away"), device="cpu")
    assert len(good.labels) == 3 and bad == Answer(path=Path("clips/1.mp4"), error="empty")


def test_the_backbone_is_found_in_the_order_that_is_told(without_backbone, manifest, call, monkeypatch):
    exported = without_backbone
    elsewhere = exported.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.move(exported, elsewhere / "away")
    video = ("predict", manifest.folder / "videos/0.mp4", "--checkpoint")
    whole = call(*video, "elsewhere/away")
    assert whole[0] == 0  # at the config's path from the working folder
    monkeypatch.chdir(elsewhere)
    code, out, err = call(*video, "away")
    assert (code, out) == (1, "") and err == [
        "error: away: the weights of its backbone tiny are neither at away/tiny.safetensors nor at "
        "clip/tiny.safetensors from here; give their file as `backbone`"
    ]
    assert call(*video, "away", "--backbone", "../clip/tiny.safetensors")[:2] == whole[:2]
    assert call(*video, "away", "--backbone", "none.pt")[2] == [
        "error: backbone none.pt: there is no such file"
    ]
    shutil.copy("../clip/tiny.safetensors", "away")
    assert call(*video, "away")[:2] == whole[:2]
    content = bytearray(Path("away/tiny.safetensors").read_bytes())
    content[-1] ^= 1
    Path("away/tiny.safetensors").write_bytes(content)
    code, out, err = call(*video, "away")
    assert code == 1 and len(err) == 1 and "was trained on a backbone tiny with digest" in err[0]
    assert "away/tiny.safetensors has" in err[0] and "take the same weights" in err[0]
    Path("away/tiny.safetensors").unlink()
    change("away", "backbone", {"pretrained": "../clip/tiny.safetensors"})
    assert call(*video, "away")[:2] == whole[:2]


def change(folder, section, values):
    path = Path(folder) / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content[section] |= values
    path.write_text(yaml.safe_dump(content))


def test_a_backbone_of_open_clips_is_not_searched_for(exported, manifest, call):
    change("away", "backbone", {"pretrained": "openai"})
    told = call("predict", manifest.folder, "--checkpoint", "away", "--backbone", "clip/tiny.safetensors")
    assert told[2] == [
        "error: away: was trained on open_clip's openai of tiny, which open_clip finds by itself; leave "
        "`backbone` out"
    ]
    told = call("predict", manifest.folder, "--checkpoint", "away")
    assert len(told[2]) == 1 and "backbone tiny with digest" in told[2][0] and ", openai has " in told[2][0]


def test_files_that_do_not_go_together_are_one_line(exported, manifest, call):
    keep = (exported / "config.yaml").read_text()

    def told():
        code, out, err = call("predict", manifest.folder, "--checkpoint", "away")
        assert code == 1 and out == "" and len(err) == 1
        return err[0]

    change("away", "data", {"frames": 4})
    assert told().startswith(
        "error: away/config.yaml: is not the config that weights.safetensors was trained"
    )
    change("away", "data", {"framess": 4})
    assert "away/config.yaml: unknown key data.framess" in told()
    (exported / "config.yaml").write_text(keep)
    (exported / "labels.txt").write_text("\n".join(reversed(tiny_runs.LABELS)))
    assert told().startswith("error: away/labels.txt: these are not the labels")
    (exported / "labels.txt").unlink()
    assert "away/labels.txt: there is no such" in told()
    (exported / "config.yaml").unlink()
    assert "away/config.yaml: there is no such file" in told()
    (exported / "weights.safetensors").unlink()
    assert told() == "error: away: no weights.safetensors in it, so it is none of `m2clip export ROW DIR`"
    shutil.rmtree(exported)
    assert "away: there is no such folder; `m2clip export ROW DIR` writes" in told()


def test_nothing_is_written_over_and_nothing_by_halves(world, call, monkeypatch):
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    Path("file").write_text("mine")
    Path("empty").mkdir()
    for name in ("full", "file"):
        code, _, err = call("export", "main", name)
        assert code == 1 and err == [f"error: {name}: is not an empty folder; name a new one"]
    assert call("export", "main", "empty")[0] == 0 == call("export", "main", "new/folder")[0]
    assert sorted(file.name for file in Path("empty").iterdir()) == FILES
    before = sorted(Path().iterdir())

    def full_disk(*arguments, **more):
        raise safetensors.SafetensorError("No space left on device")

    monkeypatch.setattr(folder_of.safetensors.torch, "save_file", full_disk)
    code, _, err = call("export", "main", "late")
    assert code == 1 and err == ["error: late: cannot be written: No space left on device"]
    assert sorted(Path().iterdir()) == before


def test_a_run_that_is_not_finished_or_not_the_one_told_of_is_one_line(world, call):
    def told(run="main"):
        code, _, err = call("export", run, "away")
        assert code == 1 and len(err) == 1 and not Path("away").exists()
        return err[0]

    assert "mian: there is no row mian (did you mean main?)" in told("mian")
    assert "main/x: it is no ROW/SEED" in told("main/x")
    assert "main/4/evaluation/metrics.json: there is no such file; train and evaluate" in told("main/4")
    tell(config_sha="0123456789ab")
    assert f"{KEY.weights}: is not the run that {KEY.folder} tells of" in told()
    tell(seed=4)
    assert "is not the run that" in told()
    tell()
    KEY.metrics.write_text("{")
    assert "metrics.json: not valid JSON" in told()
    KEY.metrics.unlink()
    assert "metrics.json: there is no such file" in told()
    tell()
    KEY.weights.unlink()
    assert "weights.safetensors: there is no such file" in told()


def test_templates_and_no_text_adapter_from_python(exported, manifest, call):
    file, templates = manifest.folder / "videos/0.mp4", ["a photo of {}", "{}"]
    Path("labels.txt").write_text("\n".join(UNSEEN))
    words = [word for template in templates for word in ("--template", template)]
    asked = ("predict", file, "--checkpoint", "away", "--labels", "labels.txt", "--json")
    seen = set()
    for options, more in (
        ((), {}),
        (words, {"templates": templates}),
        (("--no-text-adapter",), {"text_adapter": False}),
    ):
        (answer,) = predict(file, "away", UNSEEN, device="cpu", **more)
        told = json.loads(call(*asked, *options)[1])["labels"]
        mine = [{"label": each.label, "probability": round(each.probability, 6)} for each in answer.labels]
        assert mine == told
        seen.add(str(sorted(each["probability"] for each in told)))
    assert len(seen) == 3


def test_mistakes_in_a_call_are_told(exported, manifest, call):
    for wrong, told in (
        ({"labels": "archery"}, "labels: expected a list"),
        ({"labels": []}, "labels: expected a list"),
        ({"top": 0}, "top: 0 must be 1 or more"),
        ({"crops": 2}, "evaluate.crops: 2"),
        ({"templates": "a photo of {}", "labels": UNSEEN}, "templates: expected a list"),
        ({"templates": ["a photo"], "labels": UNSEEN}, 'evaluate.templates: "a photo" must hold {} once'),
        ({"templates": ["a photo of {}"]}, "are for zero-shot: give labels too"),
        ({"text_adapter": False}, "are for zero-shot: give labels too"),
        ({"backbone": "none.pt"}, "^backbone none.pt: there is no such file"),
    ):
        with pytest.raises(UserError, match=told) as caught:
            predict(manifest.folder, "away", **wrong)
        assert "--" not in str(caught.value), "no option of the command line is Python's"
    with pytest.raises(UserError, match="none: there is no such file or folder"):
        predict("none", "away")
    for both in (("--run", "main", "--checkpoint", "away"), ()):
        assert call("predict", manifest.folder, *both)[0] == 2
    code, _, err = call("predict", manifest.folder, "--run", "main", "--backbone", "clip/tiny.safetensors")
    assert code == 1 and "--backbone goes with --checkpoint" in err[0]


def test_importing_it_is_cheap():
    program = (
        "import sys, m2clip, m2clip.api, m2clip.cli; sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
    )
