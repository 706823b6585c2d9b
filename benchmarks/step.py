"""A training step at full size by part, beside the plain path and the machine's own matmul rate.

    python benchmarks/step.py [ROW] [--batch 2] [--classes 400] [--rounds 3]

The plain path reads all class texts anew at every step, at CLIP's 77 tokens, through all layers. `share of
matmul rate` is a step's counted multiply-adds over its seconds, over what one large product reaches in the
same round.
"""

from statistics import median

import measure
import torch.nn.functional as F

from m2clip.models.method import Labels, Method
from m2clip.training.optim import make_optimizer

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
        self.host = measure.videos(batch, frames, "cpu")
        self.about = measure.about(model, batch)

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

    def whole(self) -> None:
        """All that computes."""
        for part in (self.video, self.text, self.heads, self.backward):
            part()


def main() -> None:
    """Measure and write."""
    given = measure.arguments(row="main", batch=2, classes=400, rounds=3)
    with measure.full_size(given.row, measure.classes(given.classes)) as (model, config):
        step = Step(model, config.data.frames, given.batch)
        optimizer = make_optimizer(model, config.train)
        rows = given.batch * config.data.frames * measure.TOKENS
        product = measure.matmul(rows, str(model.device))
        step.transfer()
        step.text()  # fills what is kept
        macs = measure.counted(step.whole)
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
        **measure.beside_matmul(macs, whole, found["matmul"], rows),
        "plain_over_ours": measure.ratio(plain, whole),
        "videos_a_second": given.batch / median(whole),
        "peak_memory_gb": measure.peak_memory(),
    }  # fmt: skip
    measure.write("step", lines, about)


if __name__ == "__main__":
    main()
