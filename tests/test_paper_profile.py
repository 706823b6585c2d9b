"""The profile `paper` as a researcher runs it: official annotations, real files, CLIP weights from a file."""

import json
import math

import pytest
import yaml

import official_files
from conftest import TINY, save_clip
from test_pipeline import Copy

KEPT = ("main", "clip", "ssv2")  # the last is on a dataset that is left out
QUICK = {"epochs": 2, "batch": 3, "accumulate": 1, "warmup_epochs": 0.5, "workers": 0, "precision": 32}
QUICK |= {"log_every": 1}


pytestmark = pytest.mark.slow  # two runs of the whole pipeline under DVC


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy with tiny K400, UCF101 and HMDB51 outside of it, no SSv2, and a tiny CLIP as backbone."""
    folder = tmp_path_factory.mktemp("paper")
    copy = Copy(folder, KEPT)
    sets = folder / "videos"
    official_files.kinetics(sets / "k400")
    official_files.cut(next((sets / "k400" / "train").rglob("*.mp4")))
    official_files.ucf101(sets / "ucf101")
    official_files.hmdb51(sets / "hmdb51")
    (copy.folder / ".env").write_text(
        "".join(f"M2CLIP_{name.upper()}={sets / name}\n" for name in ("k400", "ucf101", "hmdb51"))
    )
    backbone = save_clip(folder, "tiny-clip", TINY)
    path = copy.folder / "experiments/profiles/paper.yaml"
    profile = yaml.safe_load(path.read_text())
    profile["backbone"] = {key: getattr(backbone, key) for key in ("name", "config", "pretrained")}
    profile["train"] |= QUICK
    profile["evaluate"] |= {"batch": 24}
    profile["data"] |= {"frames": 4}
    profile["videos"]["ssv2"] = None
    profile["prepare"] = {"max_invalid": 0.2}
    path.write_text(yaml.safe_dump(profile, sort_keys=False))
    tables = yaml.safe_load((copy.folder / "experiments/tables.yaml").read_text())
    tables["tables"]["main"]["rows"] = list(reversed(KEPT))
    (copy.folder / "experiments/tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False))
    claims = copy.folder / "experiments/claims.yaml"
    claims.write_text(yaml.safe_dump({"claims": {}}))
    copy.commit()
    copy.environment["PYTHONPATH"] = "src"  # the copy's code, as `make repro` runs it
    copy.some = copy.run("python", "-m", "m2clip.stages.repro", "paper", "2", "--rows", "clip")
    copy.some_report = (copy.folder / "reports/paper/README.md").read_text()
    copy.rest = copy.run("python", "-m", "m2clip.stages.repro", "paper", "2")
    return copy


def run_file(repository, row, name):
    return json.loads((repository.folder / f"experiments/runs/paper/{row}/0/evaluation/{name}").read_text())


def test_every_view_of_the_paper_and_every_zero_shot_protocol_is_measured(repository):
    metrics = run_file(repository, "main", "metrics.json")
    told = metrics["supervised"]
    assert (told["split"], told["videos"], told["crops"], told["clips"]) == ("validation", 6, 4, 3)
    for name, videos in (("ucf101", 9), ("hmdb51", 12)):
        found = metrics["zero_shot"][name]
        assert set(found["splits"]) == {"test1", "test2", "test3"}
        assert {"full", "half", "no_text_adapter"} <= set(found)
        assert found["videos"] == videos
    assert "vc" not in run_file(repository, "clip", "metrics.json")["supervised"]["top1_by_head"]


def test_a_broken_video_is_told_and_not_trained_on(repository):
    folder = repository.folder / "data/paper/k400"
    assert len((folder / "invalid.csv").read_text().splitlines()) == 2
    # 5 of 6 training videos, two epochs of three at a time
    config = yaml.safe_load((repository.folder / "experiments/resolved/paper/main.train.yaml").read_text())
    assert config["train"]["steps"] == math.ceil(2 * 5 / 3)
    assert config["train"]["lr"] == pytest.approx(1e-3 * 3 / 256)


def test_results_have_a_lock_of_their_own_and_no_path_of_the_machine(repository):
    lock = (repository.folder / "pipelines/paper/dvc.lock").read_text()
    assert "main-0" in lock and not (repository.folder / "dvc.lock").read_text().count("runs/paper")
    videos = str(repository.folder.parent / "videos")
    tracked = [*(repository.folder / "data/paper").rglob("*.*"), *repository.folder.glob("reports/paper/*.*")]
    assert len(tracked) > 8
    for path in tracked:
        assert videos.encode() not in path.read_bytes(), path
    text = repository.run("dvc", "repro", "pipelines/paper/dvc.yaml")
    assert not repository.ran(text)


def test_the_report_calls_nothing_a_stand_in(repository):
    page = (repository.folder / "reports/paper/README.md").read_text()
    assert "synth-" not in page.lower()
    assert "2 of 3 runs" in page, "the third is declared, and its dataset left out"


def test_some_rows_are_run_and_reported_alone_and_the_rest_later(repository):
    ran = {name.rpartition(":")[2] for name in repository.ran(repository.some)}
    assert {"prepare@k400", "resolve", "complexity", "sheets@hmdb51", "report"} <= ran
    assert "1 of 1 rows: paper/clip/0 done" in repository.some and "pictures" not in ran
    page = repository.some_report
    assert "1 of 3 runs" in page and "paper/main/0" in page.partition("Not run yet")[2].partition("\n")[0]
    assert "No run has been drawn yet." in page
    assert "1 of 1 rows: paper/main/0 done" in repository.rest, "clip is not run again"


def test_main_is_called_the_papers_model(repository):
    """Its recipe in epochs is one in steps when it has been resolved."""
    reports = repository.folder / "reports/paper"
    assert "| M2-CLIP | K400 |" in (reports / "README.md").read_text()
    assert "is not the paper's" not in (reports / "audit.md").read_text()
    (picture,) = (reports / "pictures").glob("*.json")
    assert "M2-CLIP on K400, validation split" in picture.read_text()


def test_a_variable_that_is_not_set_is_named(repository):
    (repository.folder / ".env").rename(repository.folder / ".env.kept")
    text = repository.run("python", "-m", "m2clip.stages.prepare", "paper", "ucf101", ok=False)
    (repository.folder / ".env.kept").rename(repository.folder / ".env")
    assert "M2CLIP_UCF101 is not set" in text and "Traceback" not in text


def test_a_mended_video_is_found_by_the_command_that_the_guide_names(repository):
    """Videos are no deps, so only force sees one."""
    invalid = repository.folder / "data/paper/k400/invalid.csv"
    broken = invalid.read_text().splitlines()[1].partition(",")[0]
    official_files.write(repository.folder.parent / "videos/k400" / broken)
    command = ("dvc", "repro", "pipelines/paper/dvc.yaml:prepare@k400")
    assert not repository.ran(repository.run(*command))
    pipeline = "pipelines/paper/dvc.yaml"
    assert repository.ran(repository.run(*command, "-f")) == {f"{pipeline}:code", f"{pipeline}:prepare@k400"}
    assert len(invalid.read_text().splitlines()) == 1
