"""What a training step costs against frames, classes, batch and depth, at full size.

    python benchmarks/scale.py [--rounds 1]

One thing at a time from 8 frames, 400 classes, a batch of 1 and the row `main`. Each line has the counted
multiply-adds of the same step and the seconds that a large product would need for them: where `over matmul`
stays the same, cost is what is counted, which is what COST.md builds on.
"""

import argparse
from statistics import median

import measure
import torch
from torch.utils.flop_counter import FlopCounterMode

from m2clip.models.method import Method
from m2clip.training.step import single_shard

BASE = {"row": "main", "frames": 8, "classes": 400, "batch": 1}
POINTS = (
    {},
    {"batch": 2},
    {"frames": 16},
    {"frames": 32},
    {"classes": 10},
    {"classes": 4000},
    {"row": "front"},
    {"row": "st-adapter"},
)


def step(model: Method, videos: torch.Tensor) -> None:
    """Forward and backward of a batch."""
    about = single_shard(torch.arange(len(videos), device=model.device) % model.classes)
    model.total(model(videos, about)).backward()


def measured(point: dict[str, object], rounds: int) -> measure.Line:
    """One line: the point, its multiply-adds, seconds, and seconds over those of a product."""
    with measure.full_size(str(point["row"]), measure.classes(point["classes"]), point["frames"]) as (
        model,
        _,
    ):
        videos = torch.randn(point["batch"], point["frames"], 3, 224, 224, device=model.device)
        with FlopCounterMode(display=False) as first:
            began = measure.clock()
            step(model, videos)
            filling = measure.clock() - began
        with FlopCounterMode(display=False) as counter:
            step(model, videos)
        macs = counter.get_total_flops() // 2
        rows = 8 * 197
        product = measure.matmul(rows, str(model.device))
        product()
        found = measure.interleaved({"matmul": product, "step": lambda: step(model, videos)}, rounds)
    rate = [measure.matmul_macs(rows) / each for each in found["matmul"]]
    return {
        **point,
        "gmacs": macs / 1e9,
        "gmacs_first_step": first.get_total_flops() / 2e9,
        "seconds": median(found["step"]),
        "first_step_seconds": filling,
        "over_matmul": median(s * r / macs for s, r in zip(found["step"], rate, strict=True)),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    lines = []
    for change in POINTS:
        lines.append(measured(BASE | change, rounds))
        print(lines[-1], flush=True)
    measure.write("scale", lines, {"rounds": rounds, "peak_memory_gb": measure.peak_memory()})


if __name__ == "__main__":
    main()
