"""Where a number of the paper may stand beside ours: on its sets, or on what stands in for them.

A dataset of one's own in the place of K400, or a choice of its labels, is another task.
"""

from collections.abc import Iterable
from dataclasses import replace

from m2clip import weights
from m2clip.config import Backbone
from m2clip.parsing import build
from m2clip.report.tables import published
from m2clip.report.tables.columns import Context
from m2clip.report.tables.declared import BY_VERB, Declared, Spec

PUBLISHED = ("published_top1", "published_step")


def beside_paper(asked: Declared, context: Context) -> Declared:
    """The same tables, without the paper's numbers where labels are not the published ones.

    With the difference from the paper's number where data and backbone are the paper's: on Synth-K400 such
    a difference would mean nothing, so there it is no column at all.
    """
    found = {name: _beside(_with_verbs(spec, context), context) for name, spec in asked.tables.items()}
    return replace(asked, tables={name: spec for name, spec in found.items() if spec.columns != ("label",)})


def _with_verbs(spec: Spec, context: Context) -> Spec:
    """Trained and untrained verbs are told apart of synthetic sets alone; elsewhere these are no columns."""
    real = tuple(f"{name}_" for name in ("ucf101", "hmdb51") if name not in context.names.synthetic)
    kept = [key for key in spec.columns if key not in BY_VERB or not key.startswith(real)]
    return replace(spec, columns=tuple(kept))


def _beside(spec: Spec, context: Context) -> Spec:
    if not spec.published:
        return spec
    unseen = [name for name in ("hmdb51", "ucf101") if name in spec.columns and context.is_papers(name)]
    supervised = "top1" in spec.columns
    trained_on = published.read(spec.published).datasets
    if not all(map(context.is_papers, trained_on)) or not (supervised or unseen):
        kept = tuple(key for key in spec.columns if key not in PUBLISHED)
        return replace(spec, published="", columns=kept)
    backbone = build(Backbone, context.profile.backbone)
    if context.profile.synthetic or not weights.of_paper(backbone, context.profile.name):
        return spec
    more = ["from_paper"] if supervised else [f"{name}_from_paper" for name in unseen]
    return replace(spec, columns=(*spec.columns, *(key for key in more if key not in spec.columns)))


def note(datasets: Iterable[str], context: Context) -> str:
    """Of which sets the paper's numbers are left out; nothing where they are of none."""
    others = [context.names.dataset(name) for name in datasets if not context.is_papers(name)]
    if not others:
        return ""
    return (
        f"The labels of {', '.join(others)} are not the published ones, or were not held to them when the "
        "set was prepared: no number of the paper is set beside what was measured there."
    )
