"""What `repro` asks DVC for, all rows or some, and `make repro ROWS=...` of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import psutil
import pytest
import yaml

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.report import declared
from m2clip.runs import RunKey
from m2clip.stages import kept_lock, pipelines, repro

PIPELINE = "pipelines/paper/dvc.yaml"
COMPLEXITY = "pipelines/complexity/dvc.yaml"
SHEETS = [f"sheets@{dataset}" for dataset in profiles.DATASETS]
PICTURES = Path("reports/paper/pictures")


@pytest.fixture
def dvc(tmp_path, monkeypatch):
    """A call of `repro`: what it asks of DVC, which has run `done` and fails at stages with `fails`."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    (tmp_path / "dvc.yaml").write_text((made.ROOT / "dvc.yaml").read_text())
    monkeypatch.setenv("M2CLIP_LAUNCH", "torchrun")  # one after another
    Path(profiles.read("embedded").backbone["pretrained"]).touch()
    seen = SimpleNamespace(
        monkeypatch=monkeypatch, asked=[], status=0, done=set(), fails="nothing", resolves=lambda: None
    )

    def answer(command, **_):
        words = command[len(repro.DVC) :]
        if words[0] == "status":
            seen.status += 1
            assert words[-1] == COMPLEXITY and words[1] == "--json"
            start = f"{PIPELINE}:" if words[2] == PIPELINE else ""
            names = {
                f"{stage}@{row}-0" for row in experiment.rows() for stage in ("train", "evaluate")
            } - seen.done
            return CompletedProcess(command, 0, json.dumps({start + name: [] for name in names}), "")
        assert words[0] == "repro"
        seen.asked.append(words[1:])
        if words[-1].endswith("resolve"):
            seen.resolves()
        return CompletedProcess(command, int(seen.fails in words[-1]))

    def call(*arguments):
        seen.asked.clear()
        seen.status = 0
        monkeypatch.setattr("sys.argv", ["repro", *arguments])
        repro.main()
        return list(seen.asked)

    monkeypatch.setattr(repro.subprocess, "run", answer)
    seen.call = call
    return seen


def alone(*names, before=f"{PIPELINE}:", first=()):
    """The words after `dvc repro` that run stages and none before them."""
    return ["--single-item", *first, *(before + name for name in names)]


def of_row(row, **more):
    return alone(f"train@{row}-0", f"evaluate@{row}-0", **more)


def rendered(*names, **more):
    return alone(*SHEETS, *names, "report", first=["code", f"{COMPLEXITY}:complexity"], **more)


def test_these_rows_alone_are_run_and_then_what_renders(dvc):
    resolve, *trained, last = dvc.call("paper", "--rows", "clip", "main", "ssv2", "clip")
    assert resolve == [f"{PIPELINE}:resolve"]
    assert trained == [of_row("main"), of_row("clip"), of_row("ssv2")]
    assert last == rendered("pictures") and not PICTURES.exists()


def test_the_profile_of_params_has_the_roots_stages(dvc):
    expected = [["resolve"], of_row("te", before=""), rendered(before="")]
    assert dvc.call("--rows", "te") == dvc.call("embedded", "2", "--rows", "te") == expected


def test_pictures_are_drawn_where_main_is_trained_and_else_their_folder_is_there(dvc):
    assert dvc.call("paper", "--rows", "clip")[-1] == rendered()
    assert PICTURES.is_dir(), "report depends on it"
    (PICTURES / "kept.json").touch()
    dvc.done = {"evaluate@main-0"}
    assert dvc.call("paper", "--rows", "clip")[-1] == rendered()
    assert (PICTURES / "kept.json").exists()
    dvc.done = {"train@main-0", "evaluate@clip-0", "train@clip-0"}
    assert dvc.call("paper", "--rows", "clip")[-1] == rendered(), "main is no stage, so it is not out of date"
    pipelines.write(profiles.read("paper"), ["main"])
    assert dvc.call("paper", "--rows", "clip") == [[f"{PIPELINE}:resolve"], rendered("pictures")]


def test_all_rows_are_run_and_a_plain_repro_renders(dvc):
    _, *trained, last = dvc.call("paper", "1", "--tables", "all")
    assert trained[0] == of_row("main") and last == [PIPELINE]
    assert sorted(trained) == sorted(of_row(row) for row in pipelines.rows_of(profiles.read("paper")))


def test_after_main_rows_begin_with_those_that_took_longest(dvc):
    for row, training, evaluation in (("te", 10, 5), ("clip", 2, 20), ("td", 8, 6), ("main", 1, 1)):
        key = RunKey("paper", row, 0)
        for path, seconds in ((key.provenance, training), (key.evaluation_provenance, evaluation)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"seconds": seconds}))
    _, *trained, _ = dvc.call("paper", "1", "--rows", "ted", "td", "te", "main", "clip", "aim")
    assert trained == [of_row(row) for row in ("main", "clip", "te", "td", "ted", "aim")]


def test_without_a_word_the_papers_own_rows_are_run(dvc):
    """In the root's pipeline, which lists all: so none of the others may be run for the report."""
    _, *trained, last = dvc.call("embedded", "1")
    rows = declared.rows_of(["paper"], experiment.rows())
    assert (
        {"main", "te-ssv2", "st-adapter"} <= set(rows) and "aim" not in rows and "released-flip" not in rows
    )
    assert sorted(trained) == sorted(of_row(row, before="") for row in rows)
    assert last == rendered("pictures", before="")
    assert set(pipelines.listed("embedded")) == set(experiment.rows())


def test_tables_and_groups_of_tables_stand_for_their_rows(dvc):
    _, *trained, _ = dvc.call("paper", "1", "--tables", "methods")
    assert of_row("xclip") in trained and of_row("ted") not in trained
    _, *trained, _ = dvc.call("paper", "1", "--tables", "fig2b", "--rows", "clip")
    assert trained == [of_row(row) for row in ("clip", "st-adapter-text-ssv2", "ssv2")]
    with pytest.raises(UserError, match=r"tables.yaml: there is no table method \(did you mean methods\?"):
        dvc.call("paper", "--tables", "method")


def test_where_all_is_up_to_date_dvc_is_asked_once(dvc, capsys):
    dvc.done = {f"{stage}@{row}-0" for row in experiment.rows() for stage in ("train", "evaluate")}
    assert dvc.call("paper") == dvc.call("paper", "--rows", "clip") == []
    told = capsys.readouterr().out
    assert dvc.status == 1
    assert told.count("Data and pipelines are up to date.\n") == 2
    assert told.count("reports/paper/README.md") == 2 and told.count("\n  ") == 2 * 3
    assert "git add pipelines/paper && dvc exp run pipelines/paper/dvc.yaml --allow-missing -S " in told


def test_dvc_is_asked_again_where_configs_have_changed(dvc):
    dvc.done = {f"{stage}@{row}-0" for row in experiment.rows() for stage in ("train", "evaluate")} - {
        "train@te-0"
    }
    assert dvc.call("paper", "--tables", "all")[1:] == [of_row("te"), [PIPELINE]] and dvc.status == 1

    def resolved():
        config = RunKey("paper", "td", 0).train_config
        config.parent.mkdir(parents=True)
        config.touch()
        dvc.done -= {"train@td-0"}

    dvc.resolves = resolved
    assert sorted(dvc.call("paper")[1:-1]) == [of_row("td"), of_row("te")] and dvc.status == 2


def test_another_profiles_pipeline_has_the_rows_that_were_asked_for(dvc):
    """So that no `dvc exp run` on it trains others."""

    def listed():
        return yaml.safe_load(Path("pipelines/paper/rows.yaml").read_text())

    dvc.call("paper", "--rows", "clip")
    assert Path("pipelines/paper/dvc.yaml").resolve() == Path("dvc.yaml").resolve()
    assert yaml.safe_load(Path("pipelines/paper/params.yaml").read_text()) == {
        "profile": "paper",
        "seeds": [0],
    }
    assert listed() == {
        "root": "../..",
        "here": "pipelines/paper/",
        "backbone": "experiments/backbone/standin-ViT-S-16",
        "rows": ["clip"],
    }
    dvc.call("paper", "--rows", "te", "main")
    assert listed()["rows"] == ["main", "te", "clip"], "M2-CLIP's rows come first"
    made.edit("pipelines/paper/params.yaml", lambda content: content.update(seeds=[3, 4]))
    assert profiles.seeds(profiles.read("paper")) == (3, 4)
    dvc.call("paper", "--tables", "all")
    assert set(experiment.rows()) - set(listed()["rows"]) == {
        "released-flip",
        "released-scale",
        "released-text-lr",
    }


def test_a_list_with_a_row_that_is_gone_is_one_line_and_a_new_one_is_told(dvc, capsys):
    pipelines.write(profiles.read("embedded"))
    pipelines.check("embedded", [*experiment.rows(), "new"])
    assert capsys.readouterr().out == "rows.yaml: lacks new; `make repro` adds them and trains them\n"
    made.edit("rows.yaml", lambda content: content["rows"].append("gone"))
    with pytest.raises(UserError, match=r"^rows.yaml: lists gone, which is no row of embedded; `make repro`"):
        pipelines.check("embedded", experiment.rows())
    assert pipelines.listed("paper") is None
    pipelines.check("paper", experiment.rows())


def test_the_list_of_the_root_is_that_of_the_declared_rows(monkeypatch):
    monkeypatch.chdir(made.ROOT)
    assert pipelines.listed("embedded") == pipelines.rows_of(profiles.read("embedded")), "run `make repro`"


@pytest.mark.parametrize("damage", ("half", "conflict", "empty"))
def test_a_broken_lock_is_one_line_that_says_what_mends_it(tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    for command in (["git", "init", "-q"], [*repro.DVC, "init", "-q"]):
        subprocess.run(command, check=True)
    for name in ("dvc.yaml", "rows.yaml", "pipelines/complexity/dvc.yaml"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text((made.ROOT / name).read_text())
    lines = (made.ROOT / "dvc.lock").read_text().splitlines()
    middle = next(n for n in range(len(lines) // 2, len(lines)) if lines[n].lstrip().startswith("md5:"))
    text = {
        "half": "\n".join([*lines[:middle], lines[middle].partition("5")[0]]),  # cut within a key
        "conflict": "\n".join([*lines[:middle], "<<<<<<< HEAD", *lines[middle:]]),
        "empty": "stages",
    }
    Path("dvc.lock").write_text(text[damage])
    with pytest.raises(UserError, match=r"^dvc.lock: is broken .*; `git restore dvc.lock` mends it$"):
        repro._changed("embedded")


def test_a_lock_is_kept_where_it_is_whole_and_takes_the_place_of_a_broken_one(tmp_path, monkeypatch):
    """DVC writes it anew after each stage: a kill meanwhile would lose every row since the last commit."""
    monkeypatch.chdir(tmp_path)
    lock = Path("pipelines/paper/dvc.lock")
    lock.parent.mkdir(parents=True)
    kept_lock.keep(lock)
    assert kept_lock.remedy(lock) == f"git restore {lock}"
    whole = "schema: '2.0'\nstages:\n  a:\n    cmd: a\n  b:\n    cmd: b\n"
    lock.write_text(whole)
    kept_lock.keep(lock)
    for cut in ("", whole[:-1], whole[:-4], whole.partition("  b")[0], "stages: [", "a\n"):
        lock.write_text(cut)
        kept_lock.keep(lock)
    command = kept_lock.remedy(lock)
    assert command == f"cp .work/locks/pipelines-paper-dvc.lock {lock}"
    subprocess.run(command.split(), check=True)
    assert lock.read_text() == whole
    lock.write_text(whole + "  c:\n    cmd: c\n")
    kept_lock.keep(lock)
    subprocess.run(command.split(), check=True)
    assert "  c:" in lock.read_text()


def test_the_lock_is_kept_after_each_row(dvc):
    kept, first_kept, answer = [], threading.Event(), repro.subprocess.run

    def keep(lock):
        kept.append((lock, len(dvc.asked)))
        if len(kept) == 2:
            first_kept.set()

    def second_waits(command, **more):
        if f"{PIPELINE}:train@te-0" in command:
            assert first_kept.wait(60)
        return answer(command, **more)

    dvc.monkeypatch.setattr(repro.kept_lock, "keep", keep)
    dvc.monkeypatch.setattr(repro.subprocess, "run", second_waits)
    dvc.call("paper", "1", "--rows", "clip", "te")
    assert [lock for lock, _ in kept] == [Path("pipelines/paper/dvc.lock")] * 3
    assert [asked for _, asked in kept] == [0, 2, 3]


def test_a_row_that_fails_is_named_and_nothing_is_rendered(dvc):
    dvc.fails = "clip-0"
    with pytest.raises(UserError, match=r"1 of 2 rows failed: paper/clip/0 \(.work/logs/paper/clip-0.log\)"):
        dvc.call("paper", "--rows", "clip", "te")
    assert dvc.asked[1:] == [of_row("clip"), of_row("te")]
    dvc.fails = "report"
    with pytest.raises(SystemExit):
        dvc.call("paper", "--rows", "te")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal_no_further_row_begins(dvc, monkeypatch, number):
    begun = []

    def stopped(key, *_):
        begun.append(key.row)
        time.sleep(0.3)  # until the others wait for their turn
        if len(begun) == 1:
            os.kill(os.getpid(), number)
        time.sleep(0.3)
        return 1

    monkeypatch.setattr(repro, "_run", stopped)
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [])  # those of other tests
    handler = repro.end_all if number == signal.SIGTERM else signal.default_int_handler
    before = signal.signal(number, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            dvc.call("paper", "1", "--rows", "clip", "main", "te")
    finally:
        signal.signal(number, before)
    assert begun == ["main"]


def test_a_sigterm_ends_what_was_started():
    """A process below the one that gets the signal, and one below that."""
    program = (
        "import signal, subprocess, sys; from m2clip.stages import repro;"
        "signal.signal(signal.SIGTERM, repro.end_all);"
        "command = ['sh', '-c', 'sleep 60 & echo $!; wait'];"
        "shell = subprocess.Popen(command, stdout=subprocess.PIPE, text=True);"
        "print(shell.stdout.readline().strip(), flush=True); shell.wait()"
    )
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    top = subprocess.Popen([sys.executable, "-c", program], text=True, **both)
    below = psutil.Process(int(top.stdout.readline()))
    top.terminate()
    assert "KeyboardInterrupt" in top.communicate(timeout=30)[1]
    assert not psutil.wait_procs([below], 10)[1]


def test_mistakes_are_told_before_anything_is_run(dvc, capsys):
    with pytest.raises(
        UserError, match=r"^there is no row clp \(did you mean clip\?\); experiments/rows/ has all \d+$"
    ):
        dvc.call("paper", "--rows", "main", "clp")
    path = Path("experiments/profiles/paper.yaml")
    made.edit(path, lambda content: content["videos"].update(ssv2=None))
    with pytest.raises(UserError, match=r"paper.yaml: leaves ssv2 out, which row te-ssv2 is trained on$"):
        dvc.call("paper", "--rows", "te-ssv2")
    with pytest.raises(UserError, match=r"paper.yaml: makes row released-flip the same as `main`; run that$"):
        dvc.call("paper", "--rows", "released-flip")
    with pytest.raises(UserError, match=r"there is no profile papr \(did you mean paper\?\)"):
        dvc.call("papr", "--rows", "main")
    for jobs in ("clip", "0"):
        with pytest.raises(SystemExit):
            dvc.call("paper", jobs)
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.endswith(f"argument JOBS: '{jobs}' is not a whole number from 1; rows go after --rows")
    assert dvc.asked == []


def test_make_hands_profile_and_rows_on():
    def commands(*settings):
        told = subprocess.run(
            ["make", "-n", "repro", *settings], cwd=made.ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        return [line.split() for line in told if "m2clip.stages" in line]

    driver = ["PYTHONPATH=src", "python", "-m", "m2clip.stages.repro"]
    first, readme = commands("PROFILE=paper", "ROWS=clip main")
    assert first == [*driver, "paper", "--rows", "clip", "main"] and readme[-1] == "m2clip.stages.readme"
    assert commands("ROWS=te")[0] == [*driver, "--rows", "te"]
    assert commands("PROFILE=paper")[0] == [*driver, "paper"]
