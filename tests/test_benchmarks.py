"""COST.md and the memory table follow from the committed results, and how benchmarks measure and record."""

import json
import subprocess
import sys

import pytest

import made_up_runs as made

sys.path.insert(0, str(made.ROOT / "benchmarks"))
import cost
import measure

from m2clip.errors import UserError


def test_the_page_of_costs_is_what_the_committed_results_give(tmp_path, monkeypatch):
    monkeypatch.chdir(made.ROOT)
    monkeypatch.setattr(cost, "OUTPUT", tmp_path / "COST.md")
    cost.main()
    assert (tmp_path / "COST.md").read_text() == (made.ROOT / "benchmarks/COST.md").read_text()


def test_gpu_seconds_and_decoding_cores_are_those_computed_by_hand(monkeypatch):
    line = {
        "row": "made up", "gmacs_a_video": 300.0, "gmacs_of_texts": 720.0, "batch": 72,
        "trained_parameters": 1_000_000, "epochs": 5.0, "steps": None,
    }  # fmt: skip
    gpu = cost.Gpu("made up", 100)
    # 310 GMACs are 620 GFLOP; 40 % of 100 TFLOP/s are 40,000 GFLOP/s
    assert cost.seconds_a_video(line, gpu) == pytest.approx(620 / 40_000)
    monkeypatch.setattr(cost, "A100", gpu)
    monkeypatch.setattr(cost, "decoded", lambda: 10.0)
    monkeypatch.setattr(cost, "counted", lambda row: {"made up": line}[row])
    sets = (cost.Dataset("a", 4000, 0.5, "made up", 9), cost.Dataset("b", 4000, 0.5, "made up"))
    monkeypatch.setattr(cost, "DATASETS", sets)
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in cost.by_size().splitlines()[2:]]
    one, eight, _, other, *_ = cells
    rate = 40_000 / 620
    assert [float(cell.replace(",", "")) for cell in one[2:8]] == pytest.approx(
        [4000 * 9 / rate / 3600, rate, rate / 10, 2.0, rate * 0.5, 0.0], rel=0.01
    )
    assert float(other[2]) == pytest.approx(4000 * 5 / rate / 3600, rel=0.01)
    step = 72 / (8 * rate)
    assert float(eight[7]) == pytest.approx(2 * 7 / 8 * 4 / step, rel=0.01)
    assert one[8] == "nothing"
    monkeypatch.setattr(cost, "decoded", lambda: 1.0)
    assert "decode 8.1 times as fast" in cost.by_size().splitlines()[2]


def test_a_recipe_without_epochs_is_as_long_as_its_steps_and_one_without_both_is_refused():
    line = {"row": "x", "epochs": None, "steps": 500, "batch": 256}
    assert cost.passes(line, 1000) == 128 and cost.passes(line | {"epochs": 3.0}, 1000) == 3
    with pytest.raises(UserError, match="row x: neither epochs nor steps"):
        cost.passes(line | {"steps": None}, 1000)


def test_evl_and_vita_clip_take_the_steps_of_their_papers(monkeypatch):
    monkeypatch.chdir(made.ROOT)
    assert {row: cost.counted(row)["steps"] * cost.counted(row)["batch"] for row in ("evl", "vita-clip")} == {
        "evl": 50_000 * 256, "vita-clip": 30_000 * 256
    }  # fmt: skip
    evl = next(
        line for line in cost.by_method(cost.read("counts")["lines"]).splitlines() if "| evl |" in line
    )
    assert evl.split(" | ")[3] == "53.3"  # 12,800,000 of 240,000


def test_ssv2_is_counted_with_its_own_labels_and_batch():
    line = cost.counted("ssv2")
    assert (line["dataset"], line["classes"], line["batch"], line["epochs"]) == ("ssv2", 174, 128, 50)
    assert {data.name: data.row for data in cost.DATASETS}["SSv2"] == "ssv2"


def test_the_page_says_what_copies_bring_and_that_other_work_ran(tmp_path, monkeypatch):
    results = {name: cost.read(name) for name in ("step", "scale", "inference", "decode", "counts")}
    monkeypatch.chdir(made.ROOT)
    monkeypatch.setattr(cost, "OUTPUT", tmp_path / "COST.md")
    monkeypatch.setattr(cost, "read", results.__getitem__)
    decode = results["decode"]
    decode["lines"] = [line for line in decode["lines"] if "decoder" in line]
    cost.main()
    assert "prepare.transcode" not in cost.OUTPUT.read_text()
    video = {"file": "video", "frames": "dense", "mb_a_video": 2.5, "videos_a_core_second": 0.5}
    decode["lines"] += [video | {"over_video": 1.0}, video | {"file": "copy", "over_video": 7.25}]
    decode |= {"large_size": "10 x 8", "large_gop": 250, "short_side": 4, "keyframes": 3}
    decode |= {"core_seconds_a_copy": 1.25}
    decode["machine"] = decode["machine"] | {"load_before": 2.04}
    results["step"]["machine"] = results["step"]["machine"] | {"load_before": 0.1}
    cost.main()
    page = cost.OUTPUT.read_text()
    assert "| video | dense | 2.50 | 0.50 | 1.00 |\n| copy | dense | 2.50 | 0.50 | 7.25 |\n" in page
    assert "videos of 10 x 8 pixels with a keyframe every\n250 frames" in page and "takes 1.2 seconds" in page
    assert "Other work ran on the machine when these began: decode (load 2.0)." in page


def test_the_estimated_memory_of_the_page_is_what_the_benchmark_wrote():
    lines = json.loads((made.ROOT / "benchmarks/results/memory.json").read_text())["lines"]
    found = {(line["row"], line["precision"], line["checkpointing"]): line["gb_a_video"] for line in lines}
    page = (made.ROOT / "docs/paper.md").read_text()
    names = {
        "8 frames": "main", "8 frames, adapters at both sites": "site-both", "16 frames": "frames-16",
        "32 frames": "frames-32",
    }  # fmt: skip
    for name, row in names.items():
        assert f"| {name} | {found[row, 'bf16', False]:.2f} | {found[row, '32', False]:.2f} |" in page
    again = [found[row, "bf16", True] for row in ("main", "frames-32")]
    assert "keeps {:.2f} GB in bf16 and one of 32 frames {:.2f} GB".format(*again) in page


def test_parts_are_timed_in_turns_and_ratios_are_those_of_a_round(monkeypatch):
    asked, ticks = [], iter(range(100))
    monkeypatch.setattr(measure, "clock", lambda: next(ticks))
    found = measure.interleaved({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")}, 3)
    assert asked == ["a", "b"] * 3 and found == {"a": [1, 1, 1], "b": [1, 1, 1]}
    assert measure.ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == 3.0


def test_a_share_of_the_rate_of_a_product_is_that_of_the_same_round():
    # 10 rows are 23,592,960 multiply-adds: of so many, half the speed, a quarter and the same
    found = measure.beside_matmul(10 * 768 * 3072, [2.0, 8.0, 1.0], [1.0, 2.0, 1.0], 10)
    assert found == {"matmul_gmacs_a_second": pytest.approx(0.02359296), "share_of_matmul_rate": 0.5}


def test_lines_are_shown_in_columns_with_four_digits():
    lines = [{"part": "x", "share": 0.123456}, {"part": "whole", "rounds": 3}]
    assert measure.table(lines).splitlines() == [
        "part   share   rounds",
        "x      0.1235        ",
        "whole          3     ",
    ]


def test_results_say_which_script_made_them_and_whether_the_code_was_the_commit_s(tmp_path, monkeypatch):
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    script = tmp_path / "benchmarks/made_up.py"
    (tmp_path / "benchmarks/results").mkdir(parents=True)
    script.write_text("one\n")
    git("init", "--quiet")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "one")
    monkeypatch.setattr(measure, "ROOT", tmp_path)
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "benchmarks/results")
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setattr(measure.provenance, "commit", lambda: git("rev-parse", "HEAD"))

    def written() -> tuple[str, str, bool]:
        measure.write("made_up", [{"a": 1}], {})
        content = json.loads((tmp_path / "benchmarks/results/made_up.json").read_text())
        return content["commit"], content["script_hash"], content["differs_from_commit"]

    # git's blob hash of "one\n"; what benchmarks write themselves is no difference
    assert written() == (git("rev-parse", "HEAD"), "5626abf0f72e58d7a153368ba57db4c673c0e171", False)
    assert measure.commit() == git("rev-parse", "HEAD")[:12]
    (tmp_path / "src").mkdir()
    (tmp_path / "src/new.py").write_text("untracked\n")
    assert written()[2] and measure.commit() == git("rev-parse", "HEAD")[:12] + "+"
