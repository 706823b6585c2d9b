"""What of the code decides a result, read from the source: edits, and whom they reach. Nothing is run."""

import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml

import m2clip
from m2clip import closure
from m2clip.errors import UserError
from m2clip.stages.code import STAGES

ROOT = Path(__file__).parents[1]
METHODS = sorted(path.stem for path in (ROOT / "src/m2clip/methods").glob("[a-z]*.py"))
ROWS = {f"{stage} {method}" for stage in ("train", "evaluate") for method in METHODS}


@pytest.fixture(scope="module")
def ours():
    """The digests of our package as it is."""
    return digests(Path(m2clip.__file__).parent)


@pytest.fixture
def package(tmp_path):
    """A copy of our package."""
    return shutil.copytree(Path(m2clip.__file__).parent, tmp_path / "m2clip")


@pytest.fixture
def changed(package, ours):
    """A function: the stages and rows that run again after an edit of a file of the copy."""
    known = [ours]

    def edit(name, text="\nEDITED = 1\n"):
        path = package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + text)
        before, after = known[-1], digests(package)
        known.append(after)
        return {one for one in before if before[one] != after[one]}

    return edit


def digests(package):
    """The code of every row's stages, and that of the others; what one has read, the next reads no more."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_file", "_imports"):
            patch.setattr(closure, name, cache(getattr(closure, name)))
        found = {row: closure.of_row(*row.split(), package) for row in ROWS}
        return found | {stage: closure.of_stage(stage, package) for stage in STAGES}


def test_a_template_renders_and_trains_nothing(changed):
    assert changed("report/templates/made_up.md.j2") == {"report"}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_its_rows_alone(method, changed):
    again = changed(f"methods/{method}.py")
    assert again & ROWS == {f"train {method}", f"evaluate {method}"}
    assert again - ROWS == {"resolve", "complexity", "pictures"}


@pytest.mark.parametrize("name", ("models/clip.py", "config.py", "backbones.py", "data/video.py", "seeds.py"))
def test_the_core_trains_all(name, changed):
    assert changed(name) >= ROWS | {"resolve"}


def test_every_module_that_loads_others_by_name_is_known():
    package = Path(m2clip.__file__).parent
    texts = {path.relative_to(package.parent): path.read_text() for path in package.rglob("*.py")}
    loaders = {path for path, text in texts.items() if "import_module(" in text or "__import__(" in text}
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in loaders}
    # `m2clip` itself loads what other programs ask it for; in here all is imported from where it is defined.
    # `warm` loads the modules of stages, which it then runs: what those depend on does not change by that.
    assert names == {*closure.BY_NAME, "m2clip", "m2clip.stages.warm"}
    asked = {name for text in texts.values() for name in closure._asked(text, "m2clip")}
    assert "m2clip.errors" in asked and not asked & {f"m2clip.{name}" for name in m2clip.__all__}


def test_a_figure_renders(changed):
    assert "report" in changed("stages/report.py", "\nimport m2clip.report.figures.all_figures\n")
    assert changed("report/figures/made_up.py") == {"report"}


def test_what_follows_runs_decides_nothing_about_them(changed):
    assert changed("tracking/live.py") == changed("tracking/store.py") == set()
    assert changed("commands/export.py") == changed("cli.py") == set()
    assert not changed("stages/report.py") & ROWS
    assert not changed("report/numbers.py") & ROWS


def test_training_alone_and_evaluation_alone(changed):
    trained = {row for row in ROWS if row.startswith("train")}
    assert changed("training/loop.py") == trained | {"resolve"}
    assert changed("stages/evaluate.py") == ROWS - trained | {"resolve"}
    assert changed("synthetic/plans.py") == {"prepare"}


def test_comments_docstrings_and_blank_lines_decide_nothing(package, changed):
    path = package / "models/clip.py"
    assert changed("models/clip.py", "\n\n# A comment.\n") == set()
    before, text = digests(package), path.read_text()
    _, _, rest = text.partition('"""\n')
    path.write_text(
        '"""Another\n\ndocstring, with a # in it."""\n' + rest.replace("\n    def ", "\n\n    def ")
    )
    assert text != path.read_text() and digests(package) == before
    path.write_text(text + '\nTOLD = """A text\n# and no comment."""\n')
    told = digests(package)
    path.write_text(text + '\nTOLD = """A text\n# and no remark."""\n')
    assert before != told != digests(package)


def test_imports_of_every_kind_are_followed(tmp_path):
    files = {
        "__init__.py": "",
        "start.py": "import m2clip.whole.deep\nfrom . import beside\ndef f():\n  from m2clip.lazy import x\n",
        "beside.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import m2clip.typed\n"
        "else:\n    import m2clip.real\n",
        "lazy.py": "try:\n    from .whole import member as named\nexcept ImportError:\n    named = None\n",
        "real.py": "import m2clip.start\nimport numpy\n",
        "typed.py": "",
        "unused.py": "import m2clip.start\n",
        "whole/__init__.py": "from .. import apart\n",
        "whole/deep.py": "",
        "whole/member.py": "",
        "apart/__init__.py": "",
        "apart/only.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = closure.closure(["m2clip.start"], tmp_path, apart=("m2clip.apart",))
    names = ("", ".start", ".beside", ".lazy", ".real", ".whole", ".whole.deep", ".whole.member")
    assert found == {f"m2clip{name}" for name in names}
    assert "m2clip.apart" in closure.closure(["m2clip.start"], tmp_path, apart=())
    with pytest.raises(UserError, match=r"there is no module m2clip.nope"):
        closure.closure(["m2clip.nope"], tmp_path)


def test_code_that_changed_since_the_row_was_resolved_is_one_line():
    closure.check(closure.of_row("train", "clip"), "train", "clip")
    for pinned in ("0" * 64, None, closure.of_row("train", "m2clip")):
        with pytest.raises(
            UserError, match=r"^src/m2clip: the code of `train` has changed since .* run dvc repro$"
        ):
            closure.check(pinned, "train", "clip")


def test_every_stage_depends_on_its_code_and_a_rows_stages_on_their_config():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    stages |= yaml.safe_load((ROOT / "pipelines/complexity/dvc.yaml").read_text())["stages"]
    assert set(stages) == {"code", "train", "evaluate", *STAGES}
    for stage in STAGES:
        assert f"data/${{profile}}/code/{stage}.txt" in stages[stage].get("do", stages[stage])["deps"]
    config = "experiments/resolved/${profile}/${item.row}"
    assert stages["train"]["deps"] == [f"{config}.train.yaml"]
    weights = "data/${profile}/runs/${item.row}/${item.seed}/weights.safetensors"
    assert stages["evaluate"]["deps"] == [weights, f"{config}.evaluate.yaml"]
    assert stages["code"]["deps"] == ["src/m2clip"]
