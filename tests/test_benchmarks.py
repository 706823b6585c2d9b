"""What the benchmarks' pages say follows from their committed results."""

import json
import sys

import pytest

import made_up_runs as made

sys.path.insert(0, str(made.ROOT / "benchmarks"))
import cost
import measure


def test_the_page_of_costs_is_what_the_committed_results_give(tmp_path, monkeypatch):
    monkeypatch.chdir(made.ROOT)
    monkeypatch.setattr(cost, "OUTPUT", tmp_path / "COST.md")
    cost.main()
    assert (tmp_path / "COST.md").read_text() == (made.ROOT / "benchmarks/COST.md").read_text()


def test_gpu_seconds_and_decoding_cores_are_those_computed_by_hand(monkeypatch):
    line = {"gmacs_a_video": 300.0, "gmacs_of_texts": 720.0, "batch": 72, "trained_parameters": 1_000_000}
    gpu = cost.Gpu("made up", 100)
    # 310 GMACs are 620 GFLOP; 40 % of 100 TFLOP/s are 40,000 GFLOP/s
    assert cost.seconds_a_video(line, gpu) == pytest.approx(620 / 40_000)
    monkeypatch.setattr(cost, "A100", gpu)
    monkeypatch.setattr(cost, "decoded", lambda decoder: 10.0)
    monkeypatch.setattr(cost, "DATASETS", (cost.Dataset("made up", 4000, 0.5, 9),))
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in cost.by_size(line)[2:-1]]
    one, eight, _ = cells
    rate = 40_000 / 620
    assert [float(cell.replace(",", "")) for cell in one[2:8]] == pytest.approx(
        [4000 * 9 / rate / 3600, rate, rate / 10, 2.0, rate * 0.5, 0.0], rel=0.01
    )
    step = 72 / (8 * rate)
    assert float(eight[7]) == pytest.approx(2 * 7 / 8 * 4 / step, rel=0.01)
    assert one[8] == "nothing" and "decode" not in one[8]
    monkeypatch.setattr(cost, "decoded", lambda decoder: 1.0)
    assert "decode 8.1 times as fast" in cost.by_size(line)[2]


def test_parts_are_timed_in_turns_and_ratios_are_those_of_a_round(monkeypatch):
    asked, ticks = [], iter(range(100))
    monkeypatch.setattr(measure, "clock", lambda: next(ticks))
    found = measure.interleaved({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")}, 3)
    assert asked == ["a", "b"] * 3 and found == {"a": [1, 1, 1], "b": [1, 1, 1]}
    assert measure.ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == 3.0
    assert "share" in measure.table([{"part": "x", "share": 0.123456}]).splitlines()[0]
    assert json.loads((made.ROOT / "benchmarks/results/step.json").read_text())["commit"]
