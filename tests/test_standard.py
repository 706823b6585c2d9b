"""The larger world: whole in words and drawings; trimmed, through the pipeline with its own backbone."""

import json
import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file

from conftest import TINY
from m2clip import experiment, paths, profiles
from m2clip.data import manifest
from m2clip.errors import UserError
from m2clip.runs import RunKey
from m2clip.stages import backbone, evaluate, pipelines, prepare, resolve, train
from m2clip.synthetic import actions, more_actions, objects, scenes, worlds
from m2clip.synthetic.captions import PREFIXES, vocabulary
from m2clip.synthetic.worlds import SECOND, STANDARD, WORLDS
from m2clip.training.vocabulary import TokenTable

ROOT = Path(__file__).parents[1]
COUNTS = {
    "k400": {"train": 6, "test": 6},
    "ssv2": {"train": 2, "test": 2},
    "ucf101": {"test": 64},
    "hmdb51": {"test": 50},
}


def test_it_is_larger():
    counts = {dataset: len(set(labels)) for dataset, labels in STANDARD.labels.items()}
    assert counts == {"k400": 120, "ssv2": 44, "ucf101": 64, "hmdb51": 50}
    assert set(worlds.SMALL.labels["ssv2"]) < set(STANDARD.labels["ssv2"])
    assert tuple(WORLDS) == profiles.WORLDS


def test_every_word_can_be_drawn():
    assert tuple(objects.KINDS) == STANDARD.objects
    assert set(scenes._PAINTERS) == set(STANDARD.backgrounds)
    assert tuple(more_actions.MOVES) == worlds.MORE_MOTION
    told = [worlds.told_by(label) for name in ("k400", "ucf101", "hmdb51") for label in STANDARD.labels[name]]
    assert {one.verb for one in told} <= set(STANDARD.verbs)
    assert {one.thing for one in told} == {None, *STANDARD.objects}
    assert {one.background for one in told} == {None, "sky", "sand", "brick", "water", "snow"}


@pytest.mark.parametrize("verb", worlds.MORE_MOTION)
def test_no_two_verbs_move_alike(verb):
    from m2clip.synthetic.plans import plan, times

    actor, time = plan("k400", "test", 0, STANDARD).actor, times(20)
    moved = [actions.pose(name, actor, time) for name in (verb, *(set(STANDARD.motion) - {verb}), None)]
    for other in moved[1:]:
        assert any(abs(one - two).max() > 0.05 for one, two in zip(moved[0], other, strict=True))


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_every_prompt_is_in_the_vocabulary(world):
    table = TokenTable(vocabulary(world), SimpleTokenizer(context_length=24))
    prompts = [prefix + label for labels in world.labels.values() for label in labels for prefix in PREFIXES]
    tokens = table(prompts)
    assert tokens.shape[0] == len(prompts) and tokens.shape[1] <= 24
    with pytest.raises(KeyError):
        table(["a video of a zebra rising"])


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The repository's experiments with few videos and two steps, and a tiny CLIP's config."""
    for name in (
        "params.yaml",
        "dvc.yaml",
        *(f"experiments/{part}" for part in ("tables.yaml", "claims.yaml", "audit.yaml")),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("labels", "profiles", "published", "rows"):
        shutil.copytree(ROOT / "experiments" / name, tmp_path / "experiments" / name)
    path = tmp_path / "experiments/profiles/standard.yaml"
    profile = yaml.safe_load(path.read_text())
    for dataset, counts in COUNTS.items():
        profile["synthetic"][dataset] = {"world": profile["synthetic"][dataset]["world"], **counts}
    profile["data"]["frames"] = 4  # as few as fit every row
    profile["train"] |= {"steps": 2, "batch": 2, "log_every": 1}
    profile["methods"]["maple"]["depth"] = 4
    path.write_text(yaml.safe_dump(profile))
    clip = {**TINY, "vision_cfg": {**TINY["vision_cfg"], "image_size": 96, "patch_size": 24, "layers": 4}}
    (tmp_path / "experiments/backbone").mkdir()
    (tmp_path / "experiments/backbone/standin-ViT-B-16.json").write_text(json.dumps(clip))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(paths, "cores", lambda: 1)
    return tmp_path


def stage(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
    module.main()


@pytest.mark.slow
def test_trimmed_it_goes_from_stills_to_metrics(repository, monkeypatch, capsys):
    short = replace(backbone.LARGER, stills=24, held_out=16, steps=2, batch=8, evaluate_every=1)
    monkeypatch.setattr(backbone, "LARGER", short)
    monkeypatch.setattr(train, "live", lambda *_: nullcontext())
    monkeypatch.setattr(evaluate, "finish", lambda _: None)
    stage(monkeypatch, backbone, "standard")
    card = json.loads(Path("experiments/backbone/standard/card.json").read_text())
    assert (card["world"], card["name"]) == ("standard", "standin-ViT-B-16")
    assert len(card["labels"]["k400"]) == 120
    assert "make backbone PROFILE=standard" in Path("experiments/backbone/standard/README.md").read_text()
    rows_used = (
        load_file(profiles.read("standard").backbone["pretrained"])["token_embedding.weight"].abs().sum(1)
    )
    assert 60 < (rows_used > 0).sum() < 160

    for dataset, counts in COUNTS.items():
        stage(monkeypatch, prepare, "standard", dataset)
        made = manifest.read(Path("data/standard") / dataset)
        assert made.labels == STANDARD.labels[dataset] and len(made.table) == sum(counts.values())
        assert set(zip(made.table["width"], made.table["height"], strict=True)) == {(120, 96)}
    stage(monkeypatch, resolve, "standard")
    key = RunKey("standard", "main", 4)
    stage(monkeypatch, train, "standard", "main", "4")
    assert len(key.history.read_text().splitlines()) == 3
    stage(monkeypatch, evaluate, "standard", "main", "4")
    metrics = json.loads(key.metrics.read_text())
    assert metrics["supervised"]["videos"] == 6
    for dataset in ("ucf101", "hmdb51"):
        found = metrics["zero_shot"][dataset]
        assert found["videos"] == COUNTS[dataset]["test"] and len(found["splits"]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_the_second_edition_goes_from_stills_to_levels_and_videos(repository, monkeypatch):
    """Two steps, and six videos of each dataset for the levels; then a zero-shot set."""
    short = replace(backbone.OF_SECOND, stills=24, held_out=16, steps=2, batch=8, evaluate_every=1)
    monkeypatch.setattr(backbone, "OF_SECOND", short)
    clip = {**TINY, "vision_cfg": {**TINY["vision_cfg"], "image_size": 64, "patch_size": 32}}
    home = repository / "experiments/backbone"
    (home / "standin-second-ViT-S-16.json").write_text(json.dumps(clip))
    (home / "second").mkdir()
    asked = yaml.safe_load((ROOT / "experiments/backbone/second/levels.yaml").read_text())
    (home / "second/levels.yaml").write_text(yaml.safe_dump(asked | {"videos": 6}))
    stage(monkeypatch, backbone, "evidence")
    card = json.loads((home / "second/card.json").read_text())
    assert card["world"] == "second" and set(asked["levels"]) <= set(card["levels"]["measured"])
    page = (home / "second/README.md").read_text()
    assert "make backbone PROFILE=evidence" in page and "motion lines" not in page
    verdicts = page.count("| not met |\n") + page.count("| met |\n") - 1  # that of the heading
    assert verdicts == len(asked["levels"])

    path = repository / "experiments/profiles/evidence.yaml"
    profile = yaml.safe_load(path.read_text())
    profile["synthetic"]["hmdb51"]["test"] = 24
    path.write_text(yaml.safe_dump(profile))
    stage(monkeypatch, prepare, "evidence", "hmdb51")
    made = manifest.read(Path("data/evidence/hmdb51"))
    assert made.labels == SECOND.labels["hmdb51"] and len(set(made.table["class_id"])) == 24
    assert Path(profiles.read("evidence").backbone["pretrained"]).is_file()


def test_without_its_backbone_one_line_says_what_makes_it(repository):
    with pytest.raises(
        UserError, match=r"standard.yaml: .*B-16.safetensors .*`make backbone PROFILE=standard`"
    ):
        pipelines.write(profiles.read("standard"))
    assert not Path("pipelines/standard").exists()


def test_a_profile_says_which_backbone_is_trained(repository):
    names = ("embedded", "smoke", "standard", "evidence")
    worlds = {name: backbone._world(profiles.read(name)) for name in names}
    assert worlds == dict(zip(names, ("small", "small", "standard", "second"), strict=True))
    with pytest.raises(UserError, match=r"paper.yaml: backbone: nothing to train"):
        backbone._world(profiles.read("paper"))


def test_its_pipeline_has_its_seeds_and_its_backbone(repository):
    Path("experiments/backbone/standin-ViT-B-16.safetensors").touch()
    own = Path("pipelines/standard")
    pipelines.write(profiles.read("standard"))
    assert yaml.safe_load((own / "params.yaml").read_text()) == {
        "profile": "standard",
        "seeds": [0, 1, 2, 3, 4],
    }
    content = yaml.safe_load((own / "rows.yaml").read_text())
    assert content["backbone"] == "experiments/backbone/standin-ViT-B-16"
    assert content["rows"] == list(experiment.rows())
    assert (own / "dvc.yaml").resolve() == (repository / "dvc.yaml").resolve()
    profile = profiles.read("standard")
    assert profiles.seeds(profile) == (0, 1, 2, 3, 4) and profiles.seeds(profiles.read("paper")) == (0,)
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("profile: embedded", "profile: standard"))
    assert profiles.seeds(profile) == (0,), "params.yaml's count for the profile that it names"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    (
        (
            "world: standard, train",
            "world: standart, train",
            r"k400.world: .*'standart' \(did you mean standard",
        ),
        (
            "world: standard, train: 6000",
            "train: 6000",
            r"standard.yaml: synthetic: all .* of one world, got",
        ),
        ("world: standard, train", "word: standard, train", r"synthetic.k400.word: expected videos"),
        ("[0, 1, 2, 3, 4]", "[0, 0]", r"standard.yaml: seeds: expected different whole numbers"),
    ),
)
def test_mistakes_in_the_profile(repository, old, new, message):
    path = repository / "experiments/profiles/standard.yaml"
    text = (ROOT / "experiments/profiles/standard.yaml").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        profiles.seeds(profiles.read("standard"))
