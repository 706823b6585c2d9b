"""A reference sheet of the world: once it looks different, a backbone trained before no longer fits."""

import numpy as np
from numpy.typing import NDArray

from m2clip.synthetic.sets import draw
from m2clip.synthetic.stills import still
from m2clip.synthetic.worlds import SMALL, World

COLUMNS = 10


def reference_sheet(world: World = SMALL) -> NDArray[np.uint8]:
    """Twenty stills, then five moments of two videos of each dataset: `(6 × S, 10 × S, 3)`."""
    tiles = [still(index, "sheet", world)[0] for index in range(2 * COLUMNS)]
    for dataset in world.labels:
        for index in range(2):
            frames = draw(dataset, "sheet", index, world).frames
            moments = np.linspace(0, len(frames) - 1, COLUMNS // 2).round().astype(int)
            margin = (frames.shape[2] - world.height) // 2
            tiles += list(frames[moments, :, margin : margin + world.height])
    rows = [np.concatenate(tiles[at : at + COLUMNS], axis=1) for at in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)
