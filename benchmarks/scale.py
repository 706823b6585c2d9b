"""What a training step costs against frames, classes, batch and row, at full size.

    python benchmarks/scale.py [--rounds 3]

One thing at a time from 8 frames, 400 classes, a batch of 1 and the row `main`. Each line has the counted
multiply-adds of the step, its seconds, and these over what one large product needs for as many: where
`over matmul` stays the same, cost is what is counted, which is what COST.md builds on. Texts that the harness
keeps from step to step are read before, and the counted step is not timed.
"""

from statistics import median

import measure
import torch

BASE = {"row": "main", "frames": measure.FRAMES, "classes": 400, "batch": 1}
POINTS = ({}, {"batch": 2}, {"frames": 32}, {"classes": 4000}, {"row": "st-adapter"})
ROWS = measure.FRAMES * measure.TOKENS  # of the product


def measured(point: measure.Line, rounds: int) -> measure.Line:
    """One line: the point, its multiply-adds, seconds, and seconds over those of a product."""
    labels = measure.classes(point["classes"])
    with measure.full_size(point["row"], labels, point["frames"]) as (model, config):
        batch = measure.videos(point["batch"], point["frames"], model.device)
        about = measure.about(model, point["batch"])
        if config.options.reads_text:
            with torch.no_grad():
                model.labels(model.prompts)
        macs = measure.counted(lambda: measure.step(model, batch, about))
        product = measure.matmul(ROWS, str(model.device))
        product()
        found = measure.interleaved(
            {"matmul": product, "step": lambda: measure.step(model, batch, about)}, rounds
        )
    beside = measure.beside_matmul(macs, found["step"], found["matmul"], ROWS)
    return {
        **point,
        "gmacs": macs / 1e9,
        "seconds": median(found["step"]),
        "over_matmul": 1 / beside["share_of_matmul_rate"],
    }


def main() -> None:
    """Measure and write."""
    rounds = measure.arguments(rounds=3).rounds
    lines = []
    for change in POINTS:
        lines.append(measured(BASE | change, rounds))
        print(lines[-1], flush=True)
    measure.write("scale", lines, {"rounds": rounds})


if __name__ == "__main__":
    main()
