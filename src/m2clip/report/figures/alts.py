"""What a figure shows, in a sentence or two made from its data: the text that stands in for the picture."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from m2clip.report import correlation
from m2clip.report.figures import bars, published_scatter, reversed_pairs, scatter
from m2clip.report.figures import head_curves as heads
from m2clip.report.figures import old_gains as gains
from m2clip.report.figures.old_curves import history
from m2clip.report.figures.old_steps import steps as found_steps
from m2clip.report.figures.text_layers import UNSEEN, point
from m2clip.report.names import DATASETS, HEADS
from m2clip.report.results import Row
from m2clip.report.tables.columns import Context, title


def scattered(rows: Sequence[Row], context: Context) -> str:
    """Figure 1: both coordinates of every circle."""
    rows = [row for row in rows if row.dataset == rows[0].dataset]
    told = [
        f"{one.label} {one.x:.1f} % supervised and {one.y:.1f} % zero-shot on {context.names.dataset(name)}"
        for name in scatter.SETS
        for one in scatter.points(rows, name, context)
    ]
    return f"Zero-shot against supervised top-1: {'; '.join(told)}."


def published_scattered(rows: Sequence[Row], context: Context) -> str:
    """Figure 1 of the paper's tables."""
    told = [
        f"{one.method} {one.supervised:.1f} % on K400, zero-shot "
        + " and ".join(f"{number:.1f} % on {DATASETS[name]}" for name, number in one.zero_shot.items())
        + f", {one.millions:g} M parameters"
        for one in published_scatter.points()
    ]
    return f"Published zero-shot against supervised top-1: {'; '.join(told)}."


def barred(rows: Sequence[Row], context: Context) -> str:
    """Figure 2a: every bar."""
    told = []
    for label in dict.fromkeys(row.label for row in rows):
        for dataset, unseen in bars.GROUPS:
            one = bars.bar(rows, label, dataset, unseen)
            value = one if isinstance(one, str) else f"{one.height:.1f} %"
            kind = "zero-shot" if unseen else "supervised"
            told.append(f"{label}, {kind} {context.names.dataset(dataset)}: {value}")
    return f"Top-1: {'; '.join(told)}."


def mapped(rows: Sequence[Row], context: Context) -> str:
    """Figure 2b: the mean of each map and its most alike pair."""
    found, told = correlation.compare(rows), []
    for row in rows if found else ():
        one, mean = (found.maps.get(row.name), found.mean(row)) if found else (None, None)
        if found is None or one is None or mean is None:
            told.append(f"{row.label}: no run yet")
            continue
        _, first, second = max((one[at], *at) for at in combinations(range(len(one)), 2))
        told.append(
            f"{row.label}: {mean:.3f} on average off the diagonal, highest {one[first, second]:.2f} between "
            f"{found.labels[first]} and {found.labels[second]}"
        )
    return f"Correlation of label features. {'; '.join(told)}."


def stepped(rows: Sequence[Row], context: Context) -> str:
    """Figures 4a, 4c: the paper's steps, then ours."""
    found = found_steps(rows, context)
    groups = {"Published on K400": found.published} | {
        f"Measured on {context.names.dataset(name)}": part for name, part in found.measured.items()
    }
    told = [
        f"{name}: {', '.join(f'{label} {step.points:+.1f}' for label, step in part.items())}"
        for name, part in groups.items()
        if part
    ]
    return f"Steps in top-1 from the reference, in points. {'. '.join(told)}."


def layered(rows: Sequence[Row], context: Context) -> str:
    """Figure 4b: both panels."""
    own = next((row.dataset for row in rows if row.dataset), "k400")
    told = []
    for dataset in (own, UNSEEN):
        there = sorted(found for row in rows if row.dataset == own and (found := point(row, dataset)))
        values = ", ".join(f"{value:.1f} % with {count}" for count, value, _ in there) or "no run yet"
        told.append(f"{context.names.dataset(dataset)}: {values}")
    return f"Top-1 by the number of text adapters. {'. '.join(told)}."


def curved(rows: Sequence[Row], context: Context) -> str:
    """Learning curves by row: where each head's loss ends."""
    told = []
    for row in rows:
        lines = history(row) if row.trained else None
        if lines is not None:
            tail = lines.tail(max(1, len(lines) // 10))
            ends = [f"{HEADS[head]} {tail[head].mean():.2f}" for head in HEADS if head in lines]
            told.append(f"{title(row, context)}: {', '.join(ends)}")
    return f"Mean loss of each head over the last tenth of training. {'; '.join(told)}."


def headed(rows: Sequence[Row], context: Context) -> str:
    """Learning curves by head: where each row's ends."""
    own = next((row.dataset for row in rows if row.trained), None)
    labels = {row.name: row.label for row in rows}
    there = heads.curves([row for row in rows if row.trained and row.dataset == own])
    told = [
        f"{HEADS[head]}: {', '.join(f'{labels[name]} {ys[-1]:.2f}' for name, (_, ys) in lines.items())}"
        for head, lines in there.items()
        if lines
    ]
    return f"Loss at the end of training by head. {'; '.join(told)}."


def confused(matrix: pd.DataFrame) -> str:
    """How much is right, and what is most often taken for what."""
    values = matrix.to_numpy(float)
    share = 100 * values.trace() / max(1.0, values.sum())
    text = f"Confusion matrix of {len(matrix)} labels: {share:.1f} % of the videos are on the diagonal."
    wrong = values - np.diag(values.diagonal())
    if wrong.max() > 0:
        true, taken = (matrix.index[at] for at in divmod(int(wrong.argmax()), len(wrong)))
        text += f" Most frequent mistake: {true} taken for {taken}, {wrong.max():g} videos."
    return text


def gained(found: Sequence[gains.Gain], title: str) -> str:
    """How many labels gain, and the ends."""
    up, down = (sum(sign * one.points > 0 for one in found) for sign in (1, -1))
    best, worst = found[0], found[-1]
    return (
        f"{title}: {up} of {len(found)} labels are recognised more often than by CLIP, {down} less often. "
        f"Largest gain {best.label}, {best.clip:.0f} to {best.row:.0f} %; "
        f"smallest {worst.label}, {worst.clip:.0f} to {worst.row:.0f} %."
    )


def turned(rows: Sequence[Row], context: Context) -> str:
    """Time-reversed pairs: the shares of each row."""
    told = [
        f"{label} {part.right:.0f} % right, {part.reverse:.0f} % taken for the reverse"
        for label, part in reversed_pairs.by_row(rows).items()
    ]
    return f"Labels that are each other's reverse in time: {'; '.join(told)}."
