"""The time that `make repro` says is left."""

import pytest

from m2clip.runs import RunKey
from m2clip.stages.time_left import time_left

LONG, SHORT, OTHER, NEW = (RunKey("fake", row, 0) for row in ("long", "short", "other", "new"))
RECORDED = {LONG: 400.0, SHORT: 100.0, OTHER: 100.0}


def test_the_longest_run_that_ends_first_does_not_stand_for_the_others():
    assert time_left(RECORDED, {LONG: 800.0}, 1, 800.0) == pytest.approx(400), (
        "the others take 200, half as fast"
    )


def test_runs_at_a_time_share_what_is_left():
    recorded = {RunKey("fake", "row", seed): 60.0 for seed in range(4)}
    first = RunKey("fake", "row", 0)
    assert time_left(recorded, {first: 60.0}, 2, 60.0) == pytest.approx(60)


def test_a_run_without_a_record_counts_as_the_mean_of_the_others():
    assert time_left(RECORDED | {NEW: 0.0}, {SHORT: 100.0}, 1, 100.0) == pytest.approx(400 + 100 + 200)
    assert time_left({NEW: 0.0, OTHER: 0.0}, {NEW: 30.0}, 1, 30.0) == pytest.approx(30), "none has a record"


def test_before_a_run_is_done_its_record_is_believed_and_no_time_is_negative():
    assert time_left(RECORDED, {}, 2, 100.0) == pytest.approx(200)
    assert time_left(RECORDED, {LONG: 400.0}, 1, 5000.0) == 0.0
