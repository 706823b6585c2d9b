"""The graph that DVC sees, and the pipeline on the smoke profile as a user runs it: one run for all tests."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from m2clip import closure, experiment
from m2clip.errors import UserError
from m2clip.runs import RunKey
from m2clip.stages import evaluate, smoke, train

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
KEPT = ("main", "ssv2")
IMPORTED = "import time:"


def environment(scratch: Path) -> dict[str, str]:
    """What a user has, but for DVC's and MLflow's own folders, which stay inside of the scratch folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "PYTHONPATH"))}
    return kept | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": str(scratch / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(scratch / "config"),
        "DVC_NO_ANALYTICS": "1",
        "OMP_NUM_THREADS": "1",
        **{f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        # The same files are the same commit, which the report names.
        **{f"GIT_{who}_DATE": "2026-01-01T00:00:00+00:00" for who in ("AUTHOR", "COMMITTER")},
    }


class Copy:
    """A copy of the repository's files, as a user has them after cloning and choosing the smoke profile."""

    def __init__(self, folder: Path, kept: tuple[str, ...] = smoke.KEPT) -> None:
        self.folder = folder / "repo"
        self.environment = environment(folder)
        smoke.copy(ROOT, self.folder, kept)
        self.run("git", "init", "-q", "-b", "main")
        self.commit()

    def run(self, *command: str, ok: bool = True, **more: str) -> str:
        """Both outputs of a command, which must succeed unless `ok` is false, when it must not."""
        result = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env=self.environment | more
        )
        text = result.stdout + result.stderr
        assert (result.returncode == 0) == ok, f"{' '.join(command)}: {result.returncode}\n{text[-3000:]}"
        return text

    def stage(self, *words: str, ok: bool = True, **more: str) -> str:
        """What a module of stages/ says, run by hand."""
        module, *arguments = words
        command = (sys.executable, "-m", f"m2clip.stages.{module}", *arguments)
        return self.run(*command, ok=ok, PYTHONPATH="src", **more)

    def ran(self, text: str) -> set[str]:
        """Names of the stages that DVC ran."""
        return {line.split("'")[1] for line in text.splitlines() if line.startswith("Running stage '")}

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def commit(self) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "x", "--allow-empty")

    def back(self) -> None:
        """As it was committed."""
        self.run("git", "checkout", "-q", "--", ".")
        self.run("dvc", "checkout", "-q")

    def of(self, row: str) -> Path:
        """The folder of a row's run."""
        return self.folder / RunKey("smoke", row, 0).folder

    def metrics(self, row: str) -> dict:
        return json.loads((self.of(row) / "evaluation/metrics.json").read_text())


def trained(stages: set[str]) -> set[str]:
    """Those of some stages that make a row's results."""
    return {stage for stage in stages if stage.startswith(("train@", "evaluate@"))}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Copy:
    """A copy in which `make repro` has run once on the smoke profile."""
    copy = Copy(tmp_path_factory.mktemp("pipeline"), KEPT)
    copy.first = copy.stage("repro")
    copy.commit()
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("stage", ("train", "evaluate"))
def test_the_code_that_is_pinned_is_what_a_real_run_loads(reproduced, stage):
    package = reproduced.folder / "src/m2clip"
    text = reproduced.stage(stage, "smoke", "main", "0", PYTHONPROFILEIMPORTTIME="1")
    lines = text.splitlines()
    told = {line.rpartition("|")[2].strip() for line in lines if line.startswith(IMPORTED)}
    loaded = {name for name in told if name.split(".")[0] == "m2clip"} | {f"m2clip.stages.{stage}"}
    pinned = closure.closure([f"m2clip.stages.{stage}", "m2clip.methods.m2clip"], package, apart=())
    assert "m2clip.models.factory" in loaded and loaded <= pinned
    apart = {name for name in loaded if name.startswith(closure.APART)}
    assert apart and all(name.startswith("m2clip.tracking") for name in apart)
    config = yaml.safe_load((reproduced.folder / f"experiments/resolved/smoke/main.{stage}.yaml").read_text())
    assert config["inputs"]["code"] == closure.of_row(stage, "m2clip", package)
    reproduced.back()


def test_code_that_changes_after_resolve_is_one_line(reproduced):
    reproduced.edit("src/m2clip/seeds.py", "\n\n\n", "\n\nEDITED = 1\n\n")
    text = reproduced.run("dvc", "repro", "--force", "--single-item", "evaluate@main-0", ok=False)
    reproduced.back()
    assert "error: src/m2clip: the code of `evaluate` has changed since" in text and "Traceback" not in text


def test_resolve_and_report_load_no_torch():
    """One after another in one process: the first that loads it is named."""
    stages = ("code", "resolve", "repro", "prepare", "sheets", "report")
    program = f"""
import importlib, sys
for stage in {stages}:
    importlib.import_module("m2clip.stages." + stage)
    assert "torch" not in sys.modules, stage"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
    )


def test_graph_has_every_row_and_no_cycle():
    for command in (["stage", "list", "--all", "--name-only"], ["dag"]):  # only dag sees a cycle
        result = subprocess.run(
            [BIN / "dvc", *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        wanted = {f"{stage}@{row}-0" for stage in ("train", "evaluate") for row in experiment.rows()}
        assert all(name in result.stdout for name in wanted)


def test_the_first_run_makes_everything_and_a_second_finds_nothing_to_do(reproduced):
    for row in KEPT:
        assert f"rows: smoke/{row}/0 done" in reproduced.first
        assert {path.name for path in reproduced.of(row).iterdir()} == {"training", "evaluation"}
    assert "The report is reports/smoke/README.md" in reproduced.first
    assert (reproduced.folder / "reports/smoke/README.md").exists()
    assert not reproduced.ran(reproduced.run("dvc", "repro"))
    assert reproduced.stage("repro").startswith("Data and pipelines are up to date.\n")


@pytest.mark.slow
def test_another_clone_of_the_commit_gives_the_same_numbers_to_the_digit(reproduced, tmp_path):
    """In another folder, with nothing that DVC or we keep of the first: videos, training and scores anew."""
    other = tmp_path / "another" / "clone"
    reproduced.run("git", "clone", "-q", str(reproduced.folder), str(other))
    result = subprocess.run(
        [BIN / "dvc", "repro", "evaluate@main-0"],
        cwd=other, capture_output=True, text=True, check=False, env=environment(tmp_path),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert {"prepare@k400", "train@main-0", "evaluate@main-0"} <= reproduced.ran(result.stdout)
    here, there = reproduced.of("main"), other / RunKey("smoke", "main", 0).folder
    names = [path.relative_to(here) for path in here.glob("*/*") if path.name != "provenance.json"]
    assert len(names) == 5
    for name in names:
        assert (there / name).read_bytes() == (here / name).read_bytes(), name


def test_everything_scored_is_what_the_manifest_has(reproduced):
    numbers = reproduced.metrics("main")
    assert numbers["supervised"]["videos"] == 36
    assert numbers["zero_shot"]["ucf101"]["videos"] == 20
    assert len(numbers["zero_shot"]["ucf101"]["splits"]) == 3


@pytest.mark.slow
def test_a_flag_retrains_main_alone_and_the_table_says_so(reproduced):
    """As in a clone where only some rows were asked for: DVC's own flag leaves those that are not there."""
    store = reproduced.folder / RunKey("smoke", "ssv2", 0).store
    cache = reproduced.folder / ".dvc/cache/files/md5"
    digests = [hashlib.md5(path.read_bytes()).hexdigest() for path in store.iterdir()]
    cached = [cache / digest[:2] / digest[2:] for digest in digests]
    shutil.rmtree(store)
    away = [path.rename(path.with_suffix(".away")) for path in cached]
    try:
        text = reproduced.run("dvc", "exp", "run", "--allow-missing", "-S", "decoder.heads=[contrastive,cmc]")
        assert not store.exists() or not list(store.iterdir())
        assert trained(reproduced.ran(text)) == {"train@main-0", "evaluate@main-0"}
        assert not any(stage.startswith(("prepare", "code")) for stage in reproduced.ran(text))
        assert "heads" in (reproduced.folder / "reports/smoke/tables/main.md").read_text()
        assert set(reproduced.metrics("main")["supervised"]["top1_by_head"]) == {"eq11"}
    finally:
        for path, kept in zip(cached, away, strict=True):
            kept.rename(path)
        reproduced.back()


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("decoder.heads=contrastive", "decoder.heads"),
        ("decoder.heads=[contrastive,nope]", "nope"),
        ("adapters.visual.layers=[9]", "adapters.visual.layers"),
        ("adapters.text.layers=99", "adapters.text.layers"),
        ("train.lr=fast", "train.lr"),
        ("data.dataset=k4000", "k4000"),
        ("profile=big", "big"),
    ],
)
def test_bad_flag_is_one_line_before_any_training(reproduced, monkeypatch, flag, named):
    monkeypatch.chdir(reproduced.folder)
    path, before = Path("params.yaml"), Path("params.yaml").read_text()
    content = place = yaml.safe_load(before)
    *keys, last = flag.partition("=")[0].split(".")
    for key in keys:
        place = place[key]
    place[last] = yaml.safe_load(flag.partition("=")[2])
    path.write_text(yaml.safe_dump(content))
    try:
        with pytest.raises(UserError) as caught:
            experiment.resolve(experiment.MAIN)
    finally:
        path.write_text(before)
    assert named in str(caught.value) and "\n" not in str(caught.value)


def test_a_bad_flag_ends_resolve_with_one_line_and_the_configs_stay(reproduced):
    resolved = reproduced.folder / "experiments/resolved/smoke"
    before = {path: path.read_bytes() for path in resolved.iterdir()}
    reproduced.edit("params.yaml", "lr_batch: null", "lr_batch: fast")
    text = reproduced.run(sys.executable, "-m", "m2clip.stages.resolve", "smoke", ok=False, PYTHONPATH="src")
    reproduced.back()
    assert text.startswith("error: ") and len(text.strip().splitlines()) == 1 and "train.lr_batch" in text
    assert {path: path.read_bytes() for path in resolved.iterdir()} == before


ON_MLP = ("experiments/rows/m2clip.yaml", "ssv2:\n", "ssv2:\n  adapters:\n    visual:\n      site: mlp\n")


def test_an_edited_row_alone_is_out_of_date(reproduced):
    reproduced.edit(*ON_MLP)
    reproduced.run("dvc", "repro", "resolve")
    status = json.loads(reproduced.run("dvc", "status", "--json").splitlines()[0])
    reproduced.back()
    assert trained(set(status)) == {"train@ssv2-0"}, "its evaluation follows its weights"
    assert "report" in status


@pytest.mark.slow
def test_an_edited_row_is_trained_alone(reproduced):
    reproduced.edit(*ON_MLP)
    text = reproduced.stage("repro", "smoke", "2")
    left = reproduced.ran(reproduced.run("dvc", "repro"))
    reproduced.back()
    assert "1 of 1 rows: smoke/ssv2/0 done" in text and "of 2 rows" not in text
    assert reproduced.ran(text) >= {"report"} and "train" not in reproduced.ran(text)
    assert left == set()


@pytest.mark.slow
def test_a_change_that_alters_nothing_is_recorded_for_rows_that_were_not_run_again(reproduced):
    """The other row's weights are not on the machine, as in a clone."""
    dry = ("dvc", "repro", "--allow-missing", "--dry")
    reproduced.edit("src/m2clip/training/optim.py", "import math\n", "import math\n\nEDITED = 1\n")
    shutil.rmtree(reproduced.folder / RunKey("smoke", "ssv2", 0).store)
    reproduced.run("dvc", "repro", "--single-item", "code", "resolve")
    assert "train@ssv2-0:\n\tchanged deps" in reproduced.run("dvc", "status", "train@main-0", "train@ssv2-0")
    reproduced.run("dvc", "repro", "--single-item", "train@main-0", "evaluate@main-0")
    assert "Recorded: 1 runs." in reproduced.stage("record", "main")
    assert not {"train@main-0", "train@ssv2-0", "evaluate@ssv2-0"} & reproduced.ran(reproduced.run(*dry))
    metrics = reproduced.of("main") / "evaluation/metrics.json"
    metrics.write_text(metrics.read_text().replace("1", "2", 1))
    assert "differs from the committed one; nothing" in reproduced.stage("record", "main", ok=False)
    reproduced.back()


def test_a_stage_by_hand_writes_anew_and_leaves_dvcs_cache_alone(reproduced, monkeypatch):
    store = reproduced.folder / RunKey("smoke", "ssv2", 0).store
    linked = {path: path.stat() for path in store.iterdir()}
    assert {path.name for path in linked} == {"weights.safetensors", "predictions.parquet"}
    monkeypatch.chdir(reproduced.folder)
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["stage", "smoke", "ssv2", "0"])
    for stage in (train, evaluate):
        stage.main()
    for path, before in linked.items():
        assert path.stat().st_ino != before.st_ino, f"{path} was written through its link"
    run = reproduced.of("ssv2")
    assert {path.name for path in run.iterdir()} == {"training", "evaluation"}
    for part in ("training", "evaluation"):
        told = json.loads((run / part / "provenance.json").read_text())["decoder"]
        assert told == {"asked": "auto", "decord": version("decord"), "av": version("av")}
    reproduced.back()


@pytest.mark.slow
def test_stage_in_two_processes_gives_the_same_curve(reproduced):
    run = reproduced.of("main") / "training"
    before = (run / "history.csv").read_text()
    launch = "torchrun --standalone --nproc-per-node 2"
    text = reproduced.run("dvc", "repro", "--force", "--single-item", "train@main-0", M2CLIP_LAUNCH=launch)
    after, told = (run / "history.csv").read_text(), json.loads((run / "provenance.json").read_text())
    reproduced.back()
    assert "Warning" not in text and (told["processes"], told["precision"]) == (2, 32)
    lines = [[float(cell) for cell in line.split(",")] for line in before.splitlines()[1:]]
    others = [[float(cell) for cell in line.split(",")] for line in after.splitlines()[1:]]
    assert all(one == pytest.approx(two, rel=1e-4) for one, two in zip(lines, others, strict=True))


def test_missing_manifest_is_one_line(reproduced):
    manifest = reproduced.folder / "data/smoke/k400/manifest.parquet"
    kept = manifest.read_bytes()
    manifest.unlink()
    text = reproduced.run(sys.executable, "-m", "m2clip.stages.resolve", "smoke", ok=False, PYTHONPATH="src")
    manifest.write_bytes(kept)
    assert "manifest.parquet" in text
    assert "Traceback" not in text


@pytest.mark.slow
def test_temporary_and_queued_experiments_land_in_the_same_store(reproduced):
    text = reproduced.run(
        "dvc", "exp", "run", "--temp", "-S", "adapters.visual.temporal_difference=false", "-n", "no-td"
    )
    assert trained(reproduced.ran(text)) == {"train@main-0", "evaluate@main-0"}
    reproduced.run(
        "dvc", "exp", "run", "--queue", "--allow-missing", "-S", "adapters.text.layers=0", "-n", "no-text"
    )
    reproduced.run("dvc", "queue", "start", "-j", "1")
    for _ in range(60):
        status = reproduced.run("dvc", "queue", "status")
        if "Success" in status or "Failed" in status:
            break
        subprocess.run(["sleep", "2"], check=True)
    assert "Success" in status, status
    program = (
        "import mlflow; c = mlflow.MlflowClient('sqlite:///mlflow.db');"
        "e = c.get_experiment_by_name('m2clip-smoke');"
        "print({r.data.tags.get('dvc_exp') for r in c.search_runs([e.experiment_id])})"
    )
    names = reproduced.run(sys.executable, "-c", program)
    assert "no-td" in names
    assert "no-text" in names
