"""Two pictures of what a model sees: its frames with the motion it finds, and its labels along the video."""

import io

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from m2clip.demo.viewer import Guesses, Sight
from m2clip.report.figures import contact_sheet, style, temporal_difference

DPI = 200
COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PINK)  # of as many labels as the chart shows
PANEL = 38 * style.MM  # height


def motion(sight: Sight) -> Image.Image:
    """The model's frames, and below them in grey with what the temporal difference adds to each patch.

    Where no adapter has a temporal difference, the frames alone.
    """
    kinds = [guesses for guesses in (sight.supervised, sight.zero_shot) if guesses]
    label = ", ".join(map(_said, kinds))
    with style.paper():
        if sight.motion is None:
            strip = contact_sheet.Strip(label, sight.frames)
            return _image(contact_sheet.draw([strip], "No adapter of this model has a temporal difference."))
        return _image(
            temporal_difference.draw([temporal_difference.MotionStrip(label, sight.frames, sight.motion)])
        )


def along(sight: Sight) -> Image.Image:
    """Probabilities of the likeliest labels in windows along the video, a panel for each kind of labels."""
    kinds = {"trained on": sight.supervised, "zero-shot": sight.zero_shot}
    panels = {name: guesses for name, guesses in kinds.items() if guesses}
    with style.paper():
        figure, axes = plt.subplots(
            len(panels), figsize=(style.PAGE, PANEL * len(panels)), squeeze=False, layout="constrained"
        )
        for ax, (name, guesses) in zip(axes[:, 0], panels.items(), strict=True):
            for index, colour in zip(guesses.best(len(COLOURS)), COLOURS, strict=False):
                label, probability = style.wrapped(guesses.labels[index], 30), guesses.windows[:, index]
                ax.plot(sight.middles, probability, "o-", color=colour, ms=3, label=label)
            ax.set(ylim=(-0.03, 1.03), ylabel=f"probability, {name}", yticks=np.linspace(0, 1, 5))
            ax.grid(axis="y")
            ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        axes[-1, 0].set_xlabel("frame in the middle of the window")
        return _image(figure)


def _said(guesses: Guesses) -> str:
    (best,) = guesses.best(1)
    return f"{guesses.labels[best]} {100 * guesses.whole[best]:.0f}\N{NO-BREAK SPACE}%"


def _image(figure: Figure) -> Image.Image:
    stream = io.BytesIO()
    figure.savefig(stream, dpi=DPI, format="png")
    return Image.open(stream).convert("RGB")
