"""A cache of the complexity counts on disk, so that a change of one row counts that row alone."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version

from m2clip import closure, paths
from m2clip.config import Run
from m2clip.evaluation.complexity import Complexity, complexity

PACKAGES = ("torch", "open_clip_torch")


def kept_complexity(config: Run, labels: Sequence[str], frames: Sequence[int]) -> list[Complexity]:
    """What `complexity` gives, from `.work/complexity` where nothing that decides it has changed.

    That is the config, the labels, the frames, the code of the method and of counting, and the packages.
    """
    code = closure.of_row("complexity", config.method)
    decides = [code, repr(config), list(labels), list(frames), *(version(name) for name in PACKAGES)]
    name = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:24]
    path = paths.root() / ".work" / "complexity" / f"{name}.json"
    if path.is_file():
        return [Complexity(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
    counted = complexity(config, tuple(labels), frames)
    with paths.written_anew(path) as part:
        part.write_text(json.dumps([asdict(one) for one in counted]), encoding="utf-8")
    return counted
