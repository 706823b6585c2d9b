"""The learning rates of the methods' rows are those that the recorded tries choose."""

import sys

import pytest

import made_up_runs as made
from m2clip import experiment, profiles

sys.path.insert(0, str(made.ROOT / "benchmarks"))
import sweep  # a script beside the package


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(made.ROOT)


def test_every_rate_is_tried_once_in_turn_and_the_best_wins_the_lower_one_of_equals():
    done: list[sweep.Try] = []
    factors = sweep.spec()["factors"]
    for factor in factors:
        assert sweep.next_rate(0.01, done) == pytest.approx(0.01 * factor)
        done.append(sweep.Try(0.01 * factor, 50.0))
    assert sweep.next_rate(0.01, done) is None
    assert sweep.best(done).lr == pytest.approx(0.01 * min(factors))
    done[1] = sweep.Try(done[1].lr, 50.1)
    assert sweep.best(done) == done[1]


def test_each_swept_row_trains_at_the_rate_that_the_records_choose():
    base = profiles.read(sweep.spec()["profile"])
    ssv2 = base.datasets["ssv2"]["train"]["lr"] / base.train["lr"]
    assert set(sweep.rows()) <= set(experiment.rows())
    for row in sweep.rows():
        rate = sweep.chosen(row)
        assert rate, f"{row}: tries are missing; run `python benchmarks/sweep.py {row}`"
        assert experiment.resolve(row, base).train.lr == rate, row
        if f"{row}-ssv2" in experiment.rows():
            assert experiment.resolve(f"{row}-ssv2", base).train.lr == pytest.approx(rate * ssv2), row


def test_every_trained_method_is_swept_or_was_tuned_before():
    """The rows that experiments/sweep.yaml says were tuned before are those of two methods."""
    base = profiles.read(sweep.spec()["profile"])
    first = {experiment.row_of(row).file.stem: row for row in reversed(experiment.first_rows("k400"))}
    trained = {method for method, row in first.items() if experiment.resolve(row, base).train.steps}
    swept = {experiment.row_of(row).file.stem for row in sweep.rows()}
    assert trained - swept == {"m2clip", "st_adapter"}
