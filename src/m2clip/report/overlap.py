"""Labels of a zero-shot set that a training set has too, which are therefore not unseen."""

from collections.abc import Sequence

from m2clip.report import facts
from m2clip.report.results import Results
from m2clip.report.row import Row

HOW = (
    "Labels of the zero-shot sets that a training set has too, in whatever way they are written. Another "
    "form of a word is not found, so there may be more."
)


def told(dataset: str, trained_on: Sequence[str], results: Results) -> str:
    """`Of the 101 labels of UCF101, 12 are among those of K400, 0 of SSv2`; nothing where no sheet tells."""
    sheet = facts.sheet(results.profile.name, f"{dataset}_overlap")
    labels = facts.classes(results.sheets.get(dataset))
    if labels is None or not sheet.exists() or not trained_on:
        return ""
    shared = {(line["training_set"], line["label"]) for line in facts.lines(sheet)}
    name, counts = results.names.dataset, [sum(one == other for one, _ in shared) for other in trained_on]
    text = f"Of the {labels} labels of {name(dataset)}, {counts[0]} are among those of {name(trained_on[0])}"
    for other, count in zip(trained_on[1:], counts[1:], strict=True):
        text += f", {count} of {name(other)}"
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
