"""Zero-shot on a set's splits: Eq. 11 against labels that were never trained on."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m2clip.evaluation.recognition import Scores, top


def by_split(scores: Scores, class_ids: NDArray[np.int64], splits: pd.Series) -> dict[str, Any]:
    """Top-1 and top-5 of each split, their mean and sample standard deviation over splits, and of all videos.

    Args:
        scores: (N, C).
        class_ids: (N,).
        splits: names of the splits that each video belongs to, joined by a space; those that begin with
            "test" count.
    """
    names = sorted({name for joined in splits for name in joined.split() if name.startswith("test")})
    inside = {
        name: splits.map(lambda joined, name=name: name in joined.split()).to_numpy(bool) for name in names
    }
    parts = {
        name: {
            "top1": top(scores[mask], class_ids[mask], 1),
            "top5": top(scores[mask], class_ids[mask], 5),
            "videos": int(mask.sum()),
        }
        for name, mask in inside.items()
    }
    top1 = [part["top1"] for part in parts.values()]
    return {
        "top1": float(np.mean(top1)),
        "top1_std": float(np.std(top1, ddof=1)) if len(top1) > 1 else None,
        "top5": float(np.mean([part["top5"] for part in parts.values()])),
        "videos": len(class_ids),
        "full": {"top1": top(scores, class_ids, 1), "top5": top(scores, class_ids, 5)},
        "splits": parts,
    }
