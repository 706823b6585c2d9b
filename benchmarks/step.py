"""A training step at full size by part, beside the plain path and the machine's own matmul rate.

    python benchmarks/step.py [ROW] [--batch 2] [--classes 400] [--rounds 3]

The plain path is the same row with all shortcuts off (`M2CLIP_PLAIN=1`): it reads all texts anew at every
step, at CLIP's 77 tokens, through all layers, and attention is nn.MultiheadAttention's. `share of matmul
rate` is a step's counted multiply-adds over its seconds, over what one large product reaches in that round.
"""

from statistics import median

import measure

from m2clip import shortcuts
from m2clip.config import Run
from m2clip.models.method import Method
from m2clip.training.optim import make_optimizer

WARM = 3  # steps of each path before any is timed: the first ones also wait for memory from the system
PARTS = ("transfer", "video", "text", "heads", "backward", "optimiser")


class Step:
    """The parts of a step of one batch, each of which can be timed; later ones use what earlier ones left."""

    def __init__(self, model: Method, config: Run, batch: int) -> None:
        self.model, self.optimizer = model, make_optimizer(model, config.train)
        self.host = measure.videos(batch, config.data.frames, "cpu")
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

    def heads(self) -> None:
        """All losses."""
        self.loss = self.model.total(self.model.losses(self.seen, self.read, self.about))

    def backward(self) -> None:
        """Gradients."""
        self.loss.backward()

    def optimiser(self) -> None:
        """Update."""
        self.optimizer.step()

    def whole(self) -> None:
        """All that computes."""
        for part in (self.video, self.text, self.heads, self.backward):
            part()


class PlainStep(Step):
    """The same with all shortcuts off."""

    def video(self) -> None:
        """Image tower with the library's attention."""
        with shortcuts.all_off():
            super().video()

    def text(self) -> None:
        """Text tower without anything kept, of texts in full."""
        with shortcuts.all_off():
            super().text()

    def heads(self) -> None:
        """All losses."""
        with shortcuts.all_off():
            super().heads()


def main() -> None:
    """Measure and write."""
    given = measure.arguments(row="main", batch=2, classes=400, rounds=3)
    labels = measure.classes(given.classes)
    with measure.full_size(given.row, labels) as (model, config):
        step = Step(model, config, given.batch)
        rows = given.batch * config.data.frames * measure.TOKENS
        step.transfer()
        step.text()  # fills what is kept
        macs = measure.counted(step.whole)
        step.optimiser()
        peak = measure.peak_memory()
    with shortcuts.all_off(), measure.full_size(given.row, labels) as (model, _):
        other = PlainStep(model, config, given.batch)
    for one in (step, other):
        for _ in range(WARM):
            for name in PARTS:
                getattr(one, name)()
    product = measure.matmul(rows, str(model.device))
    parts = {"matmul": product} | {name: getattr(step, name) for name in PARTS}
    parts |= {f"plain {name}": getattr(other, name) for name in PARTS}
    found = measure.interleaved(parts, given.rounds)
    whole, plain = (
        [sum(each) for each in zip(*(found[before + name] for name in PARTS), strict=True)]
        for before in ("", "plain ")
    )
    lines = [
        {"part": name, "seconds": median(found[name]), "share": measure.ratio(found[name], whole)}
        for name in (*PARTS, "plain video", "plain text", "plain backward")
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
        "peak_memory_gb": peak,
    }  # fmt: skip
    measure.write("step", lines, about)


if __name__ == "__main__":
    main()
