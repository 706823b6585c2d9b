"""The graph that DVC sees, and the whole pipeline on the smoke profile as a user runs it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from m2clip.stages import smoke

ROOT = Path(__file__).parents[1]
STAGES = ("prepare", "sheets", "resolve", "train", "evaluate", "complexity", "pictures", "report")
BIN = Path(sys.executable).parent


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
    }


class Copy:
    """A copy of the repository's files, as a user has them after cloning and choosing the smoke profile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repo"
        self.environment = environment(folder)
        smoke.copy(ROOT, self.folder)
        self.run("git", "init", "-q", "-b", "main")
        self.commit()

    def run(self, *command: str, ok: bool = True) -> str:
        """Both outputs of a command, which must succeed unless `ok` is false, when it must not."""
        result = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env=self.environment
        )
        text = result.stdout + result.stderr
        assert (result.returncode == 0) == ok, f"{' '.join(command)}: {result.returncode}\n{text[-3000:]}"
        return text

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

    def file(self, module: str) -> str:
        """The file of a module of ours."""
        path = Path("src", *module.split("."))
        return (path / "__init__.py" if (self.folder / path).is_dir() else path.with_suffix(".py")).as_posix()

    def metrics(self, row: str) -> dict:
        return json.loads((self.folder / f"experiments/runs/smoke/{row}/0/metrics.json").read_text())


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Copy:
    """A copy in which `dvc repro` has run once on the smoke profile."""
    copy = Copy(tmp_path_factory.mktemp("pipeline"))
    copy.first = copy.run("dvc", "repro")
    copy.commit()
    return copy


def stage_files(stage: str) -> set[str]:
    """Files of ours that a stage lists as deps."""
    listed = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]
    return {dep for dep in listed.get("do", listed)["deps"] if dep.startswith("src/") and dep.endswith(".py")}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_files_that_a_real_run_loads(reproduced, stage):
    definition = yaml.safe_load((reproduced.folder / "dvc.yaml").read_text())["stages"][stage]
    command = definition.get("do", definition)["cmd"]
    for name, value in {
        "profile": "smoke",
        "seeds[0]": "0",
        "item.row": "main",
        "item.seed": "0",
        "item": "hmdb51",
    }.items():
        command = command.replace(f"${{{name}}}", value)
    reproduced.environment["PYTHONPROFILEIMPORTTIME"] = "1"  # every import of every process, told on stderr
    text = reproduced.run(*command.split())
    reproduced.environment.pop("PYTHONPROFILEIMPORTTIME")
    reproduced.run("git", "checkout", "-q", "--", ".")  # provenance.json has another time now
    told = [line for line in text.splitlines() if line.startswith("import time:")]
    modules = {line.rpartition("|")[2].strip() for line in told}
    files = {reproduced.file(module) for module in modules if module.split(".")[0] == "m2clip"}
    files = {name for name in files if (ROOT / name).read_text().strip()} | {f"src/m2clip/stages/{stage}.py"}
    # The method's file is loaded by name; its digest is in the config that resolve writes for the row.
    methods = {name for name in files if name.startswith("src/m2clip/methods/")}
    assert stage_files(stage) == files - methods
    if methods and stage != "complexity":
        assert methods == {"src/m2clip/methods/m2clip.py"}
        resolved = reproduced.folder / "experiments/resolved/smoke/main.train.yaml"
        pinned = yaml.safe_load(resolved.read_text())
        digest = hashlib.sha256((reproduced.folder / methods.pop()).read_bytes()).hexdigest()
        assert pinned["inputs"]["method"] == digest


def test_resolve_and_report_load_no_torch():
    for stage in ("resolve", "report", "sheets", "prepare"):
        program = f"import sys, m2clip.stages.{stage}; sys.exit('torch' in sys.modules)"
        subprocess.run(
            [sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
        )


def test_graph_has_every_row_and_no_cycle():
    for command in (["stage", "list", "--all", "--name-only"], ["dag"]):  # only dag sees a cycle
        result = subprocess.run(
            [BIN / "dvc", *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        rows = yaml.safe_load((ROOT / "experiments/rows.yaml").read_text())["rows"]
        wanted = {f"{stage}@{row}-0" for stage in ("train", "evaluate") for row in rows}
        assert all(name in result.stdout for name in wanted)


def test_first_run_runs_all_and_second_nothing(reproduced):
    listed = set(reproduced.run("dvc", "stage", "list", "--name-only").split())
    assert reproduced.ran(reproduced.first) == listed
    assert not reproduced.ran(reproduced.run("dvc", "repro"))


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
    for name in ("metrics.json", "outcomes.json", "confusion.csv", "history.csv", "label_features.npy"):
        path = f"experiments/runs/smoke/main/0/{name}"
        assert (other / path).read_bytes() == (reproduced.folder / path).read_bytes(), name


def test_everything_scored_is_what_the_manifest_has(reproduced):
    numbers = reproduced.metrics("main")
    assert numbers["supervised"]["videos"] == 36
    assert numbers["zero_shot"]["ucf101"]["videos"] == 20
    assert len(numbers["zero_shot"]["ucf101"]["splits"]) == 3


def test_flag_retrains_main_alone_and_the_table_says_so(reproduced):
    text = reproduced.run("dvc", "exp", "run", "-S", "decoder.heads=[contrastive,cmc]")
    ran = reproduced.ran(text)
    assert {stage for stage in ran if stage.startswith(("train@", "evaluate@"))} == {
        "train@main-0",
        "evaluate@main-0",
    }
    assert not any(stage.startswith("prepare") for stage in ran)
    assert "heads" in (reproduced.folder / "reports/smoke/tables/main.md").read_text()
    assert set(reproduced.metrics("main")["supervised"]["top1_by_head"]) == {"eq11"}
    reproduced.run("git", "checkout", "-q", "--", ".")
    reproduced.run("dvc", "checkout", "-q")


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
def test_bad_flag_is_one_line_before_any_training(reproduced, flag, named):
    key, _, value = flag.partition("=")
    program = (
        "import sys, yaml; d = p = yaml.safe_load(open('params.yaml'))\n"
        "*path, last = sys.argv[1].split('.')\n"
        "for k in path: d = d[k]\n"
        "d[last] = yaml.safe_load(sys.argv[2]); yaml.safe_dump(p, open('params.yaml', 'w'))"
    )
    before = sorted((reproduced.folder / "experiments/resolved/smoke").iterdir())
    reproduced.run(sys.executable, "-c", program, key, value)
    reproduced.environment["PYTHONPATH"] = "src"
    profile = yaml.safe_load((reproduced.folder / "params.yaml").read_text())["profile"]
    text = reproduced.run(sys.executable, "-m", "m2clip.stages.resolve", profile, ok=False)
    reproduced.environment.pop("PYTHONPATH")
    reproduced.run("git", "checkout", "-q", "--", "params.yaml")
    assert len(text.strip().splitlines()) == 1
    assert text.startswith("error: ")
    assert named in text
    assert sorted((reproduced.folder / "experiments/resolved/smoke").iterdir()) == before


def test_edited_row_trains_that_row_alone_also_side_by_side(reproduced):
    reproduced.edit(
        "experiments/rows.yaml", "  ssv2:\n", "  ssv2:\n    adapters:\n      visual:\n        site: mlp\n"
    )
    reproduced.environment["PYTHONPATH"] = "src"
    text = reproduced.run(sys.executable, "-m", "m2clip.stages.side_by_side", "smoke", "2")
    reproduced.environment.pop("PYTHONPATH")
    assert "1 of 1 rows: smoke/ssv2/0 done" in text
    assert "2 of" not in text
    assert reproduced.ran(text) >= {"complexity", "report"} and "train" not in reproduced.ran(text)
    left = reproduced.ran(reproduced.run("dvc", "repro"))
    reproduced.run("git", "checkout", "-q", "--", "experiments/rows.yaml")
    assert left == set()


def test_stage_in_two_processes_gives_the_same_curve(reproduced):
    run = reproduced.folder / "experiments/runs/smoke/main/0"
    before = (run / "history.csv").read_text()
    reproduced.environment["M2CLIP_LAUNCH"] = "torchrun --standalone --nproc-per-node 2"
    text = reproduced.run("dvc", "repro", "--force", "--single-item", "train@main-0")
    reproduced.environment.pop("M2CLIP_LAUNCH")
    after, told = (run / "history.csv").read_text(), json.loads((run / "provenance.json").read_text())
    reproduced.run("git", "checkout", "-q", "--", ".")
    reproduced.run("dvc", "checkout", "-q")
    assert "Warning" not in text and (told["processes"], told["precision"]) == (2, 32)
    lines = [[float(cell) for cell in line.split(",")] for line in before.splitlines()[1:]]
    others = [[float(cell) for cell in line.split(",")] for line in after.splitlines()[1:]]
    assert all(one == pytest.approx(two, rel=1e-4) for one, two in zip(lines, others, strict=True))


def test_missing_manifest_is_one_line(reproduced):
    manifest = reproduced.folder / "data/smoke/k400/manifest.parquet"
    kept = manifest.read_bytes()
    manifest.unlink()
    reproduced.environment["PYTHONPATH"] = "src"
    profile = yaml.safe_load((reproduced.folder / "params.yaml").read_text())["profile"]
    text = reproduced.run(sys.executable, "-m", "m2clip.stages.resolve", profile, ok=False)
    reproduced.environment.pop("PYTHONPATH")
    manifest.write_bytes(kept)
    assert "manifest.parquet" in text
    assert "Traceback" not in text


def test_temporary_and_queued_experiments_land_in_the_same_store(reproduced):
    reproduced.run(
        "dvc", "exp", "run", "--temp", "-S", "adapters.visual.temporal_difference=false", "-n", "no-td"
    )
    reproduced.run("dvc", "exp", "run", "--queue", "-S", "adapters.text.layers=0", "-n", "no-text")
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
