"""How long the rest of many runs takes, from how long each took when it was last run."""

from collections.abc import Mapping
from statistics import fmean

from m2clip.runs import RunKey


def time_left(
    recorded: Mapping[RunKey, float], measured: Mapping[RunKey, float], jobs: int, elapsed: float
) -> float:
    """Seconds until all runs are done, 0 or more.

    It is pace x sum of recorded seconds / jobs - elapsed, where pace is measured / recorded seconds over the
    runs that are done.

    Args:
        recorded: of every run the seconds it took when it was last run; 0 where that is not known, which
            counts as the mean of the others.
        measured: of the runs that are done, the seconds that they took now; while there are none, or none
            that did not fail, the recorded seconds are believed.
        jobs: runs at a time, no more than there are runs.
        elapsed: seconds since the first began.
    """
    known = [seconds for seconds in recorded.values() if seconds] or [1.0]
    expected = {key: seconds or fmean(known) for key, seconds in recorded.items()}
    pace = sum(measured.values()) / sum(expected[key] for key in measured) if measured else 1.0
    return max(0.0, pace * sum(expected.values()) / jobs - elapsed)
