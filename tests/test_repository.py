"""What the repository says of itself: results are fresh, pages are filled, `main` is the paper's."""

import ast
import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from m2clip import experiment, options, profiles
from m2clip.config import Run
from m2clip.report import declared, methods_page
from m2clip.stages import record
from m2clip.stages.readme import BLOCK, filled

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


PIPELINES = [
    "dvc.yaml",
    *(f"pipelines/{path.parent.name}/dvc.yaml" for path in ROOT.glob("pipelines/*/rows.yaml")),
]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_committed_results_are_those_of_the_committed_code(pipeline):
    result = subprocess.run(
        [Path(sys.executable).parent / "dvc", "repro", "--allow-missing", "--dry", pipeline],
        capture_output=True, text=True, check=False, env=os.environ | {"DVC_NO_ANALYTICS": "1"},
    )  # fmt: skip
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert "Running stage" not in said, said
    assert "didn't change, skipping" in said or "up to date" in said


def test_the_tables_in_the_readme_are_the_rendered_ones():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert filled(text, ROOT) == text, "run `python -m m2clip.stages.readme`"


def test_main_is_the_papers_model_as_it_stands():
    config = experiment.resolve(experiment.MAIN)
    assert config.options == Run().options
    assert config.method == "m2clip"
    assert config.data.dataset == "k400"


def test_every_profile_resolves_every_row():
    for profile in ("smoke", "embedded", "evidence", "standard", "paper"):
        for row in experiment.rows():
            experiment.resolve(row, profiles.read(profile))


def test_every_dependency_is_pinned_and_has_a_reason():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert not line or line.startswith("#") or re.fullmatch(r"\S+==\S+( *;[^#]*)? +# .+", line), line


def test_every_table_is_rendered_and_every_row_is_shown():
    tables = yaml.safe_load((ROOT / "experiments/tables.yaml").read_text())["tables"]
    assert profiles.params()["tables"] == list(tables)
    assert set(declared.shown(declared.read(list(tables), experiment.rows()))) == set(experiment.rows())


def test_the_page_of_methods_is_that_of_the_committed_docstrings_and_counts():
    """In a process of its own: another test adds the example method of the docs to this one."""
    committed = methods_page.PAGE.read_text(encoding="utf-8")
    program = "from m2clip.report import methods_page; print(methods_page.page(), end='')"
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert committed == made.stdout, "run `python -m m2clip.stages.readme`"
    for name in (path.stem for path in (ROOT / "src/m2clip/methods").glob("[a-z]*.py")):
        assert f"(../src/m2clip/methods/{name}.py)" in committed
        assert options.class_of(name)().no_zero_shot in committed


@pytest.mark.parametrize(
    ("flag", "diff"),
    [
        ("adapters.text.layers=4", ["-    layers: 1 ", "+    layers: 4 "]),
        (
            "adapters.visual.temporal_difference=false",
            ["-    temporal_difference: t", "+    temporal_difference: f"],
        ),
        ("decoder.heads=[contrastive,cmc]", ["-  - cmlm", "-  - vc"]),
        ("data.frames=16", ["-  frames:", "+  frames: 16"]),
        ("data.prompt='a photo of {}'", ["-  prompt: ", "+  prompt: a photo of {}"]),
        ("seeds=[0,1]", ["+- 1"]),
        ("profile=paper", ["-profile: embedded ", "+profile: paper "]),
    ],
)
def test_a_flag_changes_its_own_lines_of_params_alone(tmp_path, flag, diff):
    """params.yaml has the form that DVC writes, so that `git diff` shows the change and nothing else."""
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    shutil.copy("params.yaml", path)
    apply_overrides(path, [flag])
    lines = list(
        difflib.unified_diff(Path("params.yaml").read_text().split("\n"), path.read_text().split("\n"))
    )
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert len(changed) == len(diff), changed
    assert all(line.startswith(start) for line, start in zip(changed, diff, strict=True)), changed


def test_no_code_but_its_own_files_names_a_method():
    """But for CLIP itself and for M2-CLIP, the default, whose keys stand in params.yaml."""
    own = {ROOT / "src/m2clip/methods", ROOT / "src/m2clip/options"}
    methods = {path.stem for path in (ROOT / "src/m2clip/methods").glob("[a-z]*.py")} - {"clip", "m2clip"}
    rows = {name for name in experiment.rows() if experiment.row_of(name).file.stem in methods}
    assert len(methods) > 20 and len(rows) > 30
    for path in (ROOT / "src/m2clip").rglob("*.py"):
        if own & set(path.parents):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            named = {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
            if isinstance(node, ast.Import | ast.ImportFrom):
                words = f"{getattr(node, 'module', '')}." + ".".join(alias.name for alias in node.names)
                named = set(words.split(".")) if "m2clip" in words else set()
            assert not named & (methods | rows), f"{path}:{node.lineno}"


def test_a_recorded_lock_is_written_as_dvc_writes_it():
    text = (ROOT / "dvc.lock").read_text()
    assert record.dumped(yaml.safe_load(text)) == text
