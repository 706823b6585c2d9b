"""What things are called wherever a number is shown: datasets and heads."""

from collections.abc import Collection
from dataclasses import dataclass

METHOD = "M2-CLIP"
HEADS = {"contrastive": "contrastive", "cmc": "CMC", "cmlm": "CMLM", "vc": "VC"}
DATASETS = {"k400": "K400", "ssv2": "SSv2", "ucf101": "UCF101", "hmdb51": "HMDB51"}


@dataclass(frozen=True)
class Names:
    """Datasets by name; those that the profile generates are called synthetic."""

    synthetic: Collection[str] = ()

    def dataset(self, name: str | None) -> str:
        """`Synth-K400` where it is generated, else `K400`; empty for a row without a dataset."""
        if name is None:
            return ""
        shown = DATASETS.get(name, name)
        return f"Synth-{shown}" if name in self.synthetic else shown
