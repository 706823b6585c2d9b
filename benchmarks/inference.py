"""Inference at full size: reading labels, views of multi-view evaluation, zero-shot with other labels.

    python benchmarks/inference.py [ROW] [--views 2] [--classes 400] [--rounds 3]

`share of matmul rate` compares with one large product in the same round.
"""

from itertools import count
from statistics import median

import measure
import torch

from m2clip.evaluation.recognition import probabilities
from m2clip.models.prompts import make_prompts

UNSEEN = 101  # as many as UCF101 has


def main() -> None:
    """Measure and write."""
    given = measure.arguments(row="main", views=2, classes=400, rounds=3)
    from open_clip import get_tokenizer

    with torch.no_grad(), measure.full_size(given.row, measure.classes(given.classes)) as (model, config):
        model.eval()
        frames = config.data.frames
        views = measure.videos(given.views, frames, "cpu")[None]
        tokenizer, numbers = get_tokenizer(config.backbone.name), count(given.classes, UNSEEN)

        def read() -> None:
            """Other labels each time, since texts that were read are kept."""
            labels = measure.classes(UNSEEN, next(numbers))
            model.labels([make_prompts(labels, "a video of {}", tokenizer)], own=False)

        labels = model.labels(model.prompts)
        macs = measure.forward_macs(model, views[0].to(model.device))
        rows = given.views * frames * measure.TOKENS
        found = measure.interleaved(
            {
                "matmul": measure.matmul(rows, str(model.device)),
                f"{given.views} views": lambda: probabilities(model, views, labels, batch=given.views),
                f"read {UNSEEN} unseen labels": read,
            },
            given.rounds,
        )
    lines = [{"part": name, "seconds": median(times)} for name, times in found.items()]
    scored = found[f"{given.views} views"]
    about = {
        "row": given.row, "views": given.views, "frames": frames, "classes": given.classes,
        "rounds": given.rounds,
        "views_a_second": given.views / median(scored),
        "gmacs_a_view": macs / given.views / 1e9,
        **measure.beside_matmul(macs, scored, found["matmul"], rows),
    }  # fmt: skip
    measure.write("inference", lines, about)


if __name__ == "__main__":
    main()
