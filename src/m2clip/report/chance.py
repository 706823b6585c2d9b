"""What guessing gives, and which trained rows are so near to it that they have not learned their labels."""

from m2clip.report.facts import Line
from m2clip.report.numbers import MARGIN, NEAR_CHANCE
from m2clip.report.row import Nested, Row, get_path, is_number

MARK = NEAR_CHANCE
__all__ = ["MARGIN", "MARK", "classes", "near", "percent", "told"]


def classes(facts: Line | None) -> int | None:
    """How many labels a dataset has, by its data sheet."""
    labels = (facts or {}).get("labels") or ""
    return int(labels) if labels.isdigit() and int(labels) else None


def percent(facts: Line | None) -> float | None:
    """Top-1 of a guess among the labels of a dataset."""
    count = classes(facts)
    return 100 / count if count else None


def near(row: Row, facts: Line | None) -> bool:
    """Whether a trained row is within MARGIN points of chance on its own set; not so what is not known.

    Args:
        row: as run here; one that trains nothing is never meant.
        facts: the data sheet of its dataset.
    """
    top1, chance = row.number("supervised", "top1"), percent(facts)
    return row.trained and top1 is not None and chance is not None and top1.value <= chance + MARGIN


def told(metrics: Nested | None, facts: Line | None) -> str:
    """`has not learned: ...` of one run of a trained row that is so near to chance; else nothing."""
    top1, chance = get_path(metrics, "supervised", "top1"), percent(facts)
    if not is_number(top1) or chance is None or top1 > chance + MARGIN:
        return ""
    return f"has not learned: top-1 is {top1:.1f} %, {chance:.1f} % of {classes(facts)} classes is chance"
