"""Labels of a zero-shot set that a training set has too, which are therefore not unseen."""

from collections.abc import Collection, Sequence

from m2clip.report import facts
from m2clip.report.results import Results
from m2clip.report.row import Row

HOW = (
    "Labels of the zero-shot sets that a training set has too, in whatever way they are written. Another "
    "form of a word is not found, so there may be more."
)


def counts(dataset: str, trained_on: Collection[str], results: Results) -> dict[str, int] | None:
    """How many labels of a set each training set has too, by training set; None where no sheet tells."""
    lines = facts.read_overlap(results.profile.name, dataset)
    if lines is None or facts.classes(results.sheets.get(dataset)) is None:
        return None
    return {
        other: len({line["label"] for line in lines if line["training_set"] == other}) for other in trained_on
    }


def told(dataset: str, trained_on: Collection[str], results: Results) -> str:
    """`Of the 101 labels of UCF101, 12 are among those of K400, 0 of SSv2`; nothing where no sheet tells."""
    found = counts(dataset, trained_on, results)
    if not found:
        return ""
    name, labels = results.names.dataset, facts.classes(results.sheets.get(dataset))
    (first, count), *others = found.items()
    rest = "".join(f", {number} of {name(other)}" for other, number in others)
    text = f"Of the {labels} labels of {name(dataset)}, {count} are among those of {name(first)}{rest}"
    return f"{text}; {verbs}" if (verbs := _verbs(dataset, results)) else text


def _verbs(dataset: str, results: Results) -> str:
    """`3 of its 5 verbs, those of 12 labels, are trained on`; nothing of a set without verbs."""
    lines = facts.read_classes(results.profile.name, dataset)
    if not lines:
        return ""
    trained = [line for line in lines if line["verb_trained"] == "yes"]
    verbs, all_verbs = (len({line["verb"] for line in some}) for some in (trained, lines))
    labels = len({line["label"] for line in trained})
    return f"{verbs} of its {all_verbs} verbs, those of {labels} labels, are trained on"


def all_told(datasets: Sequence[str], rows: Sequence[Row], results: Results) -> dict[str, str]:
    """Of each zero-shot set of the rows, against every set that they are trained on."""
    used = {name for row in rows if row.config for name in row.config.evaluate.zero_shot}
    trained_on = {row.dataset for row in rows if row.trained}
    own = [dataset for dataset in datasets if dataset in trained_on]
    found = {name: told(name, own, results) for name in datasets if name in used}
    return {name: text for name, text in found.items() if text}
