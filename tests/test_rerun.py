"""`m2clip compare`: the same bits, what rounding explains, and what it does not."""

import json
import subprocess

import numpy as np
import pytest
from scipy.stats import binom

import made_up_runs as made
from m2clip import provenance
from m2clip.report import rerun
from m2clip.runs import RunKey

ROWS = ("main", "clip", "te")
ME = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


@pytest.fixture
def compared(tmp_path, monkeypatch, typed):
    """Three committed runs; what `compare` prints, and its exit code."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    configs = made.resolve()
    for row in ROWS:
        made.run(row, configs[row])
        made.from_where(row, configs[row])
    for words in (["init", "-q"], ["add", "experiments"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *ME, *words], check=True)

    def call(*words):
        code, out, err = typed("compare", *words)
        assert err == []
        return code, out.splitlines()

    return call


def again(row, flips=(), dataset="k400", processor="another"):
    """The run as made once more, with these videos answered otherwise."""
    key = RunKey(made.PROFILE, row, 0)
    told = json.loads(key.provenance.read_text())
    told["machine"]["processor"] = processor
    key.provenance.write_text(json.dumps(told))
    kept = json.loads(key.outcomes.read_text())
    (head, *_) = kept[dataset]["hits"]
    bits = np.array(list(kept[dataset]["hits"][head]))
    bits[list(flips)] = np.where(bits[list(flips)] == "1", "0", "1")
    kept[dataset]["hits"][head] = "".join(bits)
    if len(flips):
        key.outcomes.write_text(json.dumps(kept))


def of(row, right, count):
    """Some videos that a run has right, or wrong."""
    kept = json.loads(RunKey(made.PROFILE, row, 0).outcomes.read_text())["k400"]["hits"]
    bits = next(iter(kept.values()))
    return [at for at, bit in enumerate(bits) if bit == str(int(right))][:count]


def test_the_same_bits_and_what_was_not_run_again(compared):
    again("main")
    code, out = compared()
    assert code == 0
    assert out == ["Runs against those of HEAD: 1 the same bits, 2 not run again."]


def test_flips_to_both_sides_are_what_another_processor_explains(compared):
    again("main", [*of("main", True, 4), *of("main", False, 4)])
    code, (told, summed) = compared()
    assert code == 0
    assert told == (
        "embedded/main/0: within what another processor explains, none, now another: "
        "k400 eq11 +0.0 (4 gained, 4 lost)"
    )
    assert summed == "Runs against those of HEAD: 1 within what another processor explains, 2 not run again."


@pytest.mark.parametrize("versions", (None, {"torch": "another"}))
def test_other_bits_on_the_same_processor_are_explained_by_other_packages_alone(compared, versions):
    key = RunKey(made.PROFILE, "main", 0)
    told = json.loads(key.provenance.read_text())
    told.pop("versions", None)
    again("main", [*of("main", True, 1), *of("main", False, 1)], processor=told["machine"]["processor"])
    key.provenance.write_text(json.dumps(told | {"seconds": 1, "versions": versions}))
    code, (said, _) = compared()
    assert code == (0 if versions else 1) and f"both on {told['machine']['processor']}" in said


@pytest.mark.parametrize(("then", "alike"), [("Cpu", True), ("Cpu (family 6, model 1)", False), ("C", False)])
def test_a_processor_is_told_by_its_model_where_both_runs_recorded_one(compared, then, alike):
    key = RunKey(made.PROFILE, "main", 0)
    told = json.loads(key.provenance.read_text())
    told["machine"]["processor"] = then
    key.provenance.write_text(json.dumps(told))
    subprocess.run(["git", *ME, "commit", "-qam", "y"], check=True)
    flips = [*of("main", True, 1), *of("main", False, 1)]
    again("main", flips, processor="Cpu (family 6, model 2)")
    assert compared()[0] == (1 if alike else 0)


def test_more_flips_to_one_side_than_chance_gives_are_different(compared):
    again("te", of("te", True, 20))
    code, (told, _) = compared("--points", "100")
    assert code == 1
    assert told.startswith("embedded/te/0: different") and "(0 gained, 20 lost)" in told
    (one,) = [one for one in rerun.compare([RunKey(made.PROFILE, "te", 0)], "HEAD", 100) if one.flips]
    (flips,) = [flips for flips in one.flips if flips.lost]
    assert flips.p == pytest.approx(2 * binom.cdf(0, 20, 0.5)) and flips.points == pytest.approx(-100 / 3)


def test_what_is_further_away_than_stated_is_different_though_few_videos_flip(compared):
    again("main", of("main", True, 2))
    assert compared()[0] == 1, "2 of 60 videos are 3.3 points"
    assert compared("--points", "4")[0] == 0


def test_p_is_corrected_for_all_that_was_compared(compared):
    """Six of six flips to one side are p = 0.03; among all sets and heads that is chance."""
    again("main", of("main", True, 6))
    found = rerun.compare([RunKey(made.PROFILE, "main", 0)], "HEAD", 100)[0]
    assert min(flips.p for flips in found.flips) == pytest.approx(2 / 64) and len(found.flips) > 1
    assert found.verdict == rerun.WITHIN


def test_other_curves_other_configs_other_videos_and_new_runs_are_told_apart(compared):
    again("te")
    key = RunKey(made.PROFILE, "te", 0)
    np.save(key.label_features, np.load(key.label_features) + 1)
    told, summed = compared()[1]
    assert told.endswith("no video is answered otherwise; other bytes in label_features.npy"), told
    assert summed.startswith("Runs against those of HEAD: 1 within")
    told = json.loads(key.provenance.read_text()) | {"config_sha": "another"}
    key.provenance.write_text(json.dumps(told))
    again("clip", [0])
    clip = RunKey(made.PROFILE, "clip", 0)
    kept = json.loads(clip.outcomes.read_text())
    kept["k400"]["splits"]["test"] = "0" * made.VIDEOS
    clip.outcomes.write_text(json.dumps(kept))
    made.run("main", made.resolve()["main"], 1)
    made.from_where("main", made.resolve()["main"], 1)
    code, out = compared()
    assert code == 1 and "other videos or heads were asked; other bytes in outcomes.json" in out[0]
    assert out[1] == (
        "Runs against those of HEAD: 1 different, 1 not run again, 1 not in the commit, 1 of another config."
    )


def test_without_git_nothing_is_in_the_commit(compared, tmp_path):
    (tmp_path / ".git").rename(tmp_path / "gone")
    code, out = compared()
    assert code == 0 and out == ["Runs against those of HEAD: 3 not in the commit."]


def test_a_processor_has_its_name_and_model(monkeypatch, tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text(
        "model name\t: Cpu X\ncpu family\t: 6\nmodel\t\t: 2\n\nmodel name\t: Cpu Y\nmodel\t\t: 3\n"
    )
    monkeypatch.setattr(provenance, "CPUINFO", info)
    assert provenance.processor() == "Cpu X (family 6, model 2)"
    info.write_text("model name\t: Cpu X\n")
    assert provenance.processor() == "Cpu X"
