"""The learning rates of rows are those that the recorded tries of a profile's search choose."""

import sys

import pytest

import made_up_runs as made
from m2clip import experiment, profiles, runs

sys.path.insert(0, str(made.ROOT / "benchmarks"))
import sweep  # a script beside the package

SEARCHES = tuple(path.stem for path in sorted((made.ROOT / sweep.SPECS).glob("*.yaml")))


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(made.ROOT)


def test_every_rate_is_tried_once_in_turn_and_the_best_wins_the_lower_one_of_equals():
    search = sweep.Sweep("embedded", {"k400": 250}, (1.0, 0.5, 3.0), {"row": 0.01})
    done: list[sweep.Try] = []
    for factor in search.factors:
        assert search.next_rate("row", done) == pytest.approx(0.01 * factor)
        done.append(sweep.Try(0.01 * factor, 50.0))
    assert search.next_rate("row", done) is None
    assert sweep.best(done).lr == pytest.approx(0.005)
    done[2] = sweep.Try(done[2].lr, 50.1)
    assert sweep.best(done) == done[2]


@pytest.mark.parametrize("profile", SEARCHES)
def test_each_swept_row_trains_at_the_rate_that_the_records_choose(profile):
    """Until its search is finished, a row has the profile's rate, and no run."""
    search = sweep.read(profile)
    assert set(search.first) <= set(experiment.rows())
    common = {"k400": search.base.train["lr"], "ssv2": search.base.datasets["ssv2"]["train"]["lr"]}
    ssv2 = common["ssv2"] / common["k400"]
    for row in search.first:
        rate = search.chosen(row)
        if rate is None and profile != "embedded":
            assert search.config(row).train.lr == common[search.config(row).data.dataset], row
            assert not (runs.ROOT / profile / row).exists(), row
            continue
        assert rate, f"{row}: tries are missing; run `python benchmarks/sweep.py {profile} {row}`"
        assert search.config(row).train.lr == rate, row
        twin = f"{row}-ssv2"
        if twin in experiment.rows() and twin not in search.first:
            assert search.config(twin).train.lr == pytest.approx(rate * ssv2), row


def test_every_trained_method_is_swept_or_was_tuned_before():
    """The rows that experiments/sweeps/embedded.yaml says were tuned before are those of two methods."""
    base = profiles.read("embedded")
    first = {experiment.row_of(row).file.stem: row for row in reversed(experiment.first_rows("k400"))}
    trained = {method for method, row in first.items() if experiment.resolve(row, base).train.steps}
    swept = {experiment.row_of(row).file.stem for row in sweep.read("embedded").first}
    assert trained - swept == {"m2clip", "st_adapter"}


def test_evidence_tries_every_trained_method_on_each_set_that_it_has_a_row_on():
    base = profiles.read("evidence")
    swept = set(sweep.read("evidence").first)
    for dataset in ("k400", "ssv2"):
        for row in experiment.first_rows(dataset):
            assert row in swept or not experiment.resolve(row, base).train.steps, row
