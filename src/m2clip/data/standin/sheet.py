"""A reference sheet of the world: once it looks different, a backbone trained before no longer fits."""

import numpy as np
from numpy.typing import NDArray

from m2clip.data.standin.plans import LABELS
from m2clip.data.standin.sets import draw
from m2clip.data.standin.stills import SIZE, still

COLUMNS = 10


def reference_sheet() -> NDArray[np.uint8]:
    """Twenty stills, then five moments of two videos of each dataset: `(6 × 64, 10 × 64, 3)`."""
    tiles = [still(index, "sheet")[0] for index in range(2 * COLUMNS)]
    for dataset in LABELS:
        for index in range(2):
            frames = draw(dataset, "sheet", index).frames
            moments = np.linspace(0, len(frames) - 1, COLUMNS // 2).round().astype(int)
            margin = (frames.shape[2] - SIZE) // 2
            tiles += list(frames[moments, :, margin : margin + SIZE])
    rows = [np.concatenate(tiles[at : at + COLUMNS], axis=1) for at in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)
