"""Published zero-shot numbers by protocol: the same model by another protocol has another number."""

from m2clip.report import grid, published
from m2clip.report.grid import Column, Grid

NAME = "zero_shot_protocols"
NUMBERS = {
    "ucf101": "UCF101, splits, %", "hmdb51": "HMDB51, splits, %", "ucf101_full": "UCF101, all videos, %",
    "hmdb51_full": "HMDB51, all videos, %", "k600": "K600, %",
}  # fmt: skip
WORDS = {
    "measured_by": "Measured by", "prompt": "Prompt", "names": "Names of labels",
    "weights_averaged": "Weights averaged", "splits": "Test splits", "views": "Views", "source": "Source",
}  # fmt: skip
NOTE = (
    "Published by others, on the real datasets, by models of ViT-B/16 trained on K400 or, frozen CLIP, on no "
    "video; nothing here is measured by this repository. What a source does not say is left empty; "
    "experiments/published/README.md says which methods stand here. The same frozen CLIP has two numbers."
)


def table() -> Grid:
    """Every line of experiments/published/zero_shot_protocols.csv."""
    columns = [Column("method", "Published method", text=True)]
    columns += [Column(key, header, endings=("", "_std")) for key, header in NUMBERS.items()]
    columns += [Column(key, header, text=True) for key, header in WORDS.items()]
    lines = (
        (line.text("method"), *map(line.number, NUMBERS), *map(line.text, WORDS))
        for line in published.read(NAME).lines
    )
    return grid.plain("protocols", "Published zero-shot numbers by protocol", columns, lines, [NOTE])
