"""`m2clip doctor`: what it finds, and that what is broken is one line that says what mends it."""

import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

import made_up_runs as made
from m2clip import experiment
from m2clip.commands import doctor


@pytest.fixture
def told(typed, tmp_path, monkeypatch):
    """What doctor prints in a repository of made-up declarations: exit code, {check: (state, text)}."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("M2CLIP_K400", raising=False)
    monkeypatch.setattr(doctor, "_device", lambda base: doctor.Finding("not asked"))  # torch takes seconds
    made.declare(tmp_path)
    (tmp_path / ".git").mkdir()
    for name in ("requirements.txt", "dvc.lock"):
        shutil.copy(made.ROOT / name, name)
    Path("experiments/backbone/standin-ViT-S-16.safetensors").touch()

    def call(*arguments):
        code, out, err = typed("doctor", *arguments)
        assert err == []
        lines = [line.split(maxsplit=2) for line in out.splitlines()]
        return code, {name: (state, text) for state, name, text in lines}

    return call


def test_a_whole_checkout_is_well(told):
    code, found = told()
    assert code == 0 and {state for state, _ in found.values()} == {"ok"}, found
    assert found["configs"][1].startswith(f"{len(experiment.rows())} rows") and found["k400"][1].endswith(
        "makes its videos"
    )
    assert "h264, vp9, mpeg4" in found["codecs"][1] and found["locks"][1] == "dvc.lock"
    readme = (made.ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\nok    packages  {found['packages'][1]}\n" in readme


def test_what_is_broken_is_named_with_what_mends_it(told, monkeypatch):
    text = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(text[: len(text) // 2].rpartition("md5:")[0] + "md")
    Path("requirements.txt").write_text("pytest==0.0.1  # not this\nno-such-thing==1.0  # at all\n")
    Path("mlflow.db").write_text(
        "no database, but long enough to be looked at as one by sqlite, which refuses it"
    )
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(9e9, 8e9, 1e9))
    code, found = told()
    assert code == 1
    for name, said in {
        "locks": "dvc.lock is broken (a kill, a full disk?); `git restore dvc.lock` mends it",
        "packages": "no no-such-thing; `make setup` after `rm .venv/.ready` installs them",
        "MLflow": "file is not a database",
        "disk": "1.0 GB free at",
    }.items():
        assert found[name][0] == "BAD" and said in found[name][1], found[name]
    assert "for ==0.0.1, " in found["packages"][1]
    made.edit("params.yaml", lambda content: content["adapters"]["text"].update(layers=99))
    assert "adapters.text.layers: 99" in told()[1]["configs"][1]


def test_a_real_dataset_is_looked_for_where_the_environment_says(told, tmp_path, monkeypatch):
    code, found = told("--profile", "paper")
    assert code == 1 and found["k400"][0] == "BAD" and found["k400"][1].startswith("M2CLIP_K400 is not set")
    monkeypatch.setenv("M2CLIP_K400", str(tmp_path / "none"))
    said = f"M2CLIP_K400: there is no folder {tmp_path / 'none'}"
    assert told("--profile", "paper")[1]["k400"] == ("BAD", said)
    monkeypatch.setenv("M2CLIP_K400", str(tmp_path))
    made.edit("experiments/profiles/paper.yaml", lambda content: content["videos"].update(ssv2=None))
    found = told("--profile", "paper")[1]
    assert found["k400"] == ("ok", f"M2CLIP_K400: {tmp_path}") and found["ssv2"][0] == "note"
    assert found["backbone"] == ("note", "ViT-B-16: open_clip gets openai at first use")
    made.edit("experiments/profiles/paper.yaml", lambda content: content["prepare"].update(transcode={}))
    assert told("--profile", "paper")[1]["k400"][1].startswith("prepare.transcode: M2CLIP_K400_COPIES is not")
    (tmp_path.parent / "copies").mkdir()
    monkeypatch.setenv("M2CLIP_K400_COPIES", str(tmp_path.parent / "copies"))
    said = f"M2CLIP_K400: {tmp_path}, copies: {tmp_path.parent / 'copies'}"
    assert told("--profile", "paper")[1]["k400"] == ("ok", said)


def test_a_broken_library_is_a_finding_and_the_rest_goes_on(told, monkeypatch):
    def broken(base):
        raise ImportError("libcuda.so.1: cannot open\nshared object file")

    monkeypatch.setattr(doctor, "_device", broken)
    code, found = told()
    assert code == 1 and found["disk"][0] == "ok"
    said = "ImportError: libcuda.so.1: cannot open shared object file; `make setup`"
    assert found["device"][1].startswith(said)


def test_outside_of_a_repository_the_machine_alone_is_checked(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "_device", lambda base: doctor.Finding("not asked"))
    code, out, _ = typed("doctor")
    assert code == 0 and out.splitlines()[-1].startswith("no params.yaml here") and "locks  " not in out


def test_make_takes_uv_where_there_is_one_and_pip_where_it_fails(tmp_path):
    def setup(path):
        command = ["make", "--dry-run", "--always-make", "setup"]
        told = subprocess.run(
            command, cwd=made.ROOT, env={"PATH": path}, capture_output=True, text=True, check=True
        ).stdout
        return [line for line in told.splitlines() if "requirements.lock" in line]

    checked = "--require-hashes -r requirements.lock"
    pip = f".venv/bin/python -m pip install --quiet --disable-pip-version-check {checked}"
    assert setup("/usr/bin:/bin") == [pip]
    (tmp_path / "uv").write_text("")
    (tmp_path / "uv").chmod(0o755)
    uv = f"uv pip install --quiet --python .venv/bin/python {checked}"
    assert setup(f"{tmp_path}:/usr/bin:/bin") == [f"{uv} || {pip}"]


def test_make_alone_lists_every_target():
    told = subprocess.run(
        ["make", "--no-print-directory"], cwd=made.ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = {line.split()[0] for line in told.splitlines()[1:]}
    text = (made.ROOT / "Makefile").read_text()
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:"))
    assert listed == set(phony.split()[1:]) and {"repro", "test", "doctor"} <= listed
