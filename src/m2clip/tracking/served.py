"""How MLflow opens a model that `models` made: `mlflow.pyfunc.load_model`, `mlflow models serve`.

    model.predict(pd.DataFrame({"video": ["a.mp4"]}), params={"top": 1, "labels": ["to run", "to swim"]})

Without `labels`, the labels that it was trained on.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from m2clip.api import answers
from m2clip.config import Backbone, Evaluate, Run
from m2clip.evaluation.trained import TrainedRun, open_trained
from m2clip.models.weights_io import load_weights
from m2clip.parsing import build
from m2clip.tracking.models import WEIGHTS


def _load_pyfunc(data_path: str) -> "Served":
    """MLflow's entry point."""
    folder = Path(data_path)
    content = load_weights(folder / WEIGHTS).about["config"]
    backbone = build(Run, {k: v for k, v in content.items() if k != "inputs"}, source=WEIGHTS).backbone
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Served(open_trained(folder / WEIGHTS, device, _inside(backbone, folder)))


def _inside(backbone: Backbone, folder: Path) -> Backbone:
    """The backbone with the paths of the files that the model has; another stays where it is said to be."""
    here: dict[str, Any] = {
        part: str(folder / Path(path).name)
        for part in ("pretrained", "config")
        if (path := getattr(backbone, part)) and (folder / Path(path).name).is_file()
    }
    return replace(backbone, **here)


class Served:
    """A trained run with MLflow's way to ask it."""

    def __init__(self, run: TrainedRun) -> None:
        self._run = run

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The likeliest labels of the videos in the column `video`, one line a label, the best first.

        A video that cannot be read gives one line with an error and no label.
        """
        asked = params or {}
        labels = tuple(asked.get("labels", ())) or None
        files = [Path(path) for path in model_input["video"]]
        found = answers(self._run, files, labels, int(asked.get("top", 5)), Evaluate())
        lines: list[tuple[str, str, float, str]] = []
        for file, answer in zip(files, found, strict=True):
            lines += [(str(file), each.label, each.probability, "") for each in answer.labels]
            if answer.error:
                lines.append((str(file), "", 0.0, answer.error))
        return pd.DataFrame(lines, columns=["video", "label", "probability", "error"])
