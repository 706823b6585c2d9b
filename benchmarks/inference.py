"""Inference at full size: reading labels, views of multi-view evaluation, zero-shot with other labels.

    python benchmarks/inference.py [ROW] [--views 4] [--classes 400] [--rounds 2]

`share of matmul rate` compares with one large product in the same round. Memory is the process's
peak after videos of `--views` views and after one of twelve, which is scored `--views` views at a time.
"""

import argparse
from statistics import median

import measure
import torch

from m2clip.evaluation.recognition import probabilities
from m2clip.models.prompts import make_prompts


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("row", nargs="?", default="main")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--classes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    from open_clip import get_tokenizer

    with torch.no_grad(), measure.full_size(given.row, measure.classes(given.classes)) as (model, config):
        model.eval()
        frames = config.data.frames
        views = torch.randn(1, given.views, frames, 3, 224, 224)
        unseen = [make_prompts(measure.classes(101), "a video of {}", get_tokenizer(config.backbone.name))]
        labels = model.labels(model.prompts)
        macs = measure.forward_macs(model, views[0].to(model.device))
        rows = given.views * frames * 197
        found = measure.interleaved(
            {
                "matmul": measure.matmul(rows, str(model.device)),
                f"{given.views} views": lambda: probabilities(model, views, labels, batch=given.views),
                "read 101 unseen labels": lambda: model.labels(unseen, own=False),
            },
            given.rounds,
        )
        memory = {f"peak_memory_gb_{given.views}_views": measure.peak_memory()}
        twelve = torch.randn(1, 12, frames, 3, 224, 224)
        probabilities(model, twelve, labels, batch=given.views)
        memory["peak_memory_gb_12_views"] = measure.peak_memory()
    rate = [measure.matmul_macs(rows) / each for each in found["matmul"]]
    lines = [{"part": name, "seconds": median(times)} for name, times in found.items()]
    scored = found[f"{given.views} views"]
    about = {
        "row": given.row, "frames": frames, "classes": given.classes, "rounds": given.rounds,
        "views_a_second": given.views / median(scored),
        "gmacs_a_view": macs / given.views / 1e9,
        "matmul_gmacs_a_second": median(rate) / 1e9,
        "share_of_matmul_rate": median(macs / each / peak for each, peak in zip(scored, rate, strict=True)),
        **memory,
    }  # fmt: skip
    measure.write("inference", lines, about)


if __name__ == "__main__":
    main()
