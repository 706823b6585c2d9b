"""A training step at full size by part, beside the plain path and the machine's own matmul rate.

    python benchmarks/step.py [ROW] [--batch 4] [--rounds 2]

The plain path reads all class texts anew at every step, at CLIP's 77 tokens, through all layers. `share of
matmul rate` is a step's counted multiply-adds over its seconds, over what one large product reaches in the
same round.
"""

import argparse
from statistics import median

import measure
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from m2clip.models.method import Labels, Method
from m2clip.training.optim import make_optimizer
from m2clip.training.step import single_shard

CONTEXT = 77


def plain_labels(model: Method) -> Labels:
    """Class features as a plain training loop computes them."""
    (prompts,) = model.prompts
    ids = F.pad(prompts.ids, (0, CONTEXT - prompts.ids.shape[1])).to(model.device)
    return Labels(model.text.encode(model.text.embed(ids), ids))


class Step:
    """The parts of a step of one batch, each of which can be timed; later ones use what earlier ones left."""

    def __init__(self, model: Method, frames: int, batch: int) -> None:
        self.model = model
        self.host = torch.randn(batch, frames, 3, 224, 224)
        self.about = single_shard(torch.arange(batch, device=model.device) % model.classes)

    def transfer(self) -> None:
        """Videos to the device."""
        self.videos = self.host.to(self.model.device)

    def video(self) -> None:
        """Image tower with its adapters."""
        self.seen = self.model.video(self.videos)

    def text(self) -> None:
        """Text tower; what lies below the first adapter was kept at the first step."""
        self.read = self.model.labels(self.model.prompts)

    def plain_text(self) -> None:
        """Text tower without anything kept."""
        self.read = plain_labels(self.model)

    def heads(self) -> None:
        """All losses."""
        self.loss = self.model.total(self.model.losses(self.seen, self.read, self.about))

    def backward(self) -> None:
        """Gradients."""
        self.loss.backward()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("row", nargs="?", default="main")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--classes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with measure.full_size(given.row, measure.classes(given.classes)) as (model, config):
        step = Step(model, config.data.frames, given.batch)
        optimizer = make_optimizer(model, config.train)
        rows = given.batch * config.data.frames * 197
        product = measure.matmul(rows, str(model.device))
        step.transfer()
        step.text()  # fills what is kept
        with FlopCounterMode(display=False) as counter:
            for part in (step.video, step.text, step.heads, step.backward):
                part()
        macs = counter.get_total_flops() // 2
        parts = {
            "matmul": product,
            "transfer": step.transfer,
            "video": step.video,
            "text": step.text,
            "heads": step.heads,
            "backward": step.backward,
            "optimiser": optimizer.step,
            "plain video": step.video,
            "plain text": step.plain_text,
            "plain heads": step.heads,
            "plain backward": step.backward,
        }
        found = measure.interleaved(parts, given.rounds)
    ours = ("transfer", "video", "text", "heads", "backward", "optimiser")
    whole = [sum(each) for each in zip(*(found[name] for name in ours), strict=True)]
    shared = ("transfer", "plain video", "plain text", "plain heads", "plain backward", "optimiser")
    plain = [sum(each) for each in zip(*(found[name] for name in shared), strict=True)]
    rate = [measure.matmul_macs(rows) / each for each in found["matmul"]]
    lines = [
        {"part": name, "seconds": median(found[name]), "share": measure.ratio(found[name], whole)}
        for name in (*ours, "plain text", "plain backward")
    ]
    lines += [
        {"part": "whole step", "seconds": median(whole), "share": 1.0},
        {"part": "plain step", "seconds": median(plain), "share": measure.ratio(plain, whole)},
    ]
    about = {
        "row": given.row, "batch": given.batch, "frames": config.data.frames, "classes": given.classes,
        "rounds": given.rounds, "gmacs_a_step": macs / 1e9,
        "matmul_gmacs_a_second": median(rate) / 1e9,
        "share_of_matmul_rate": median(macs / each / peak for each, peak in zip(whole, rate, strict=True)),
        "plain_over_ours": measure.ratio(plain, whole),
        "videos_a_second": given.batch / median(whole),
        "peak_memory_gb": measure.peak_memory(),
    }  # fmt: skip
    measure.write("step", lines, about)


if __name__ == "__main__":
    main()
