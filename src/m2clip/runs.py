"""Where the files of a run live, and how they are read: a missing file is None, never a guess.

Paths are relative to the repository's root, where every stage runs. Nothing here imports torch or MLflow.
"""

import csv
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m2clip.errors import UserError
from m2clip.files import read_json, read_yaml
from m2clip.names import check_name
from m2clip.parsing import plain

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path("experiments/runs")
RESOLVED = Path("experiments/resolved")


@dataclass(frozen=True, order=True)
class RunKey:
    """One row trained and evaluated with one seed, under a profile."""

    profile: str
    row: str
    seed: int

    def __str__(self) -> str:
        """The key in one word, as MLflow's tag `run_key` has it."""
        return f"{self.profile}/{self.row}/{self.seed}"

    @property
    def folder(self) -> Path:
        """What this run wrote that is small and in git."""
        return ROOT / self.profile / self.row / str(self.seed)

    @property
    def training(self) -> Path:
        """The folder of what training wrote, in git."""
        return self.folder / "training"

    @property
    def evaluation(self) -> Path:
        """The folder of what evaluation wrote, in git."""
        return self.folder / "evaluation"

    @property
    def store(self) -> Path:
        """What this run wrote that DVC holds."""
        return Path("data") / self.profile / "runs" / self.row / str(self.seed)

    @property
    def train_config(self) -> Path:
        """Resolved config that training reads."""
        return RESOLVED / self.profile / f"{self.row}.train.yaml"

    @property
    def evaluate_config(self) -> Path:
        """Resolved config that evaluation reads."""
        return RESOLVED / self.profile / f"{self.row}.evaluate.yaml"

    @property
    def history(self) -> Path:
        """Learning curves: step, epoch, lr, loss, one loss per head, gradient_norm."""
        return self.training / "history.csv"

    @property
    def provenance(self) -> Path:
        """Commit, command, machine, versions and times of the training."""
        return self.training / "provenance.json"

    @property
    def weights(self) -> Path:
        """What was trained; not in git."""
        return self.store / "weights.safetensors"

    @property
    def metrics(self) -> Path:
        """Every number that evaluation gave."""
        return self.evaluation / "metrics.json"

    @property
    def confusion(self) -> Path:
        """Confusion matrix of the supervised test set."""
        return self.evaluation / "confusion.csv"

    @property
    def evaluation_provenance(self) -> Path:
        """Commit, command, machine, versions and times of the evaluation."""
        return self.evaluation / "provenance.json"

    @property
    def outcomes(self) -> Path:
        """Of each test set, which videos each head got right and which split has which video."""
        return self.evaluation / "outcomes.json"

    @property
    def label_features(self) -> Path:
        """Text features of the labels after training, (C, E)."""
        return self.evaluation / "label_features.npy"

    @property
    def predictions(self) -> Path:
        """Scores per video; not in git."""
        return self.store / "predictions.parquet"


@dataclass(frozen=True)
class LogLine:
    """One line of history.csv: the numbers by column, without the cells that are empty."""

    step: int
    values: dict[str, float]


def of_arguments() -> RunKey:
    """The run that a stage is asked for: PROFILE ROW SEED."""
    if len(sys.argv) != 4 or not sys.argv[3].isdecimal() or int(sys.argv[3][:20]) >= 2**32:
        raise UserError(
            f"expected PROFILE ROW SEED, such as embedded main 0, got {' '.join(sys.argv[1:]) or 'nothing'}"
        )
    profile, row, seed = sys.argv[1:]
    return RunKey(check_name(profile, "PROFILE"), check_name(row, "ROW"), int(seed))


def declared(profile: str, rows: Iterable[str], seeds: Iterable[int]) -> list[RunKey]:
    """The runs that rows and seeds ask for, whether or not their files exist."""
    seeds = list(seeds)
    return [RunKey(profile, row, seed) for row in rows for seed in seeds]


def found(profile: str | None = None) -> list[RunKey]:
    """The runs whose folders exist, of one profile or of all; also of rows that are no longer declared."""
    folders = ROOT.glob(f"{profile or '*'}/*/*")
    return sorted(
        RunKey(folder.parts[-3], folder.parts[-2], int(folder.name))
        for folder in folders
        if folder.is_dir() and folder.name.isdecimal()
    )


def read_config(path: Path) -> dict[str, Any] | None:
    """A resolved config, nested as it was written."""
    return read_yaml(path) if path.exists() else None


def read_metrics(key: RunKey) -> dict[str, Any] | None:
    """metrics.json, nested: `supervised` and `zero_shot`."""
    return _json(key.metrics)


def read_outcomes(key: RunKey) -> dict[str, Any] | None:
    """outcomes.json: of each test set, which videos were right and which split has which."""
    return _json(key.outcomes)


def read_provenance(key: RunKey) -> dict[str, Any] | None:
    """provenance.json: where the run's files come from."""
    return _json(key.provenance)


def read_evaluation(key: RunKey) -> dict[str, Any] | None:
    """The provenance.json of the evaluation: where the run's numbers come from."""
    return _json(key.evaluation_provenance)


def read_history(key: RunKey) -> list[LogLine] | None:
    """history.csv, one line per log step."""
    if not key.history.exists():
        return None
    lines = []
    with key.history.open(encoding="utf-8", newline="") as file:
        for number, cells in enumerate(csv.DictReader(file), start=2):
            try:
                values = {name: float(cell) for name, cell in cells.items() if cell and name != "step"}
                lines.append(LogLine(int(cells["step"]), values))
            except (KeyError, TypeError, ValueError):
                raise UserError(f"{key.history}: line {number} is not a step and its numbers") from None
    return lines


def read_confusion(key: RunKey) -> "pd.DataFrame | None":
    """confusion.csv as it was written."""
    import pandas as pd

    return pd.read_csv(key.confusion) if key.confusion.exists() else None


def read_predictions(key: RunKey) -> "pd.DataFrame | None":
    """predictions.parquet as it was written."""
    import pandas as pd

    return pd.read_parquet(key.predictions) if key.predictions.exists() else None


def _json(path: Path) -> Any:
    if not path.exists():
        return None
    return read_json(path)


def flatten(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Nested metrics as `supervised/top1`, `zero_shot/ucf101/top1`; numbers only."""
    numbers = (int, float)
    return {
        "/".join(path): float(value)
        for path, value in _leaves(metrics)
        if isinstance(value, numbers) and not isinstance(value, bool)
    }


def parameters(config: Any) -> dict[str, str]:
    """A config as flat texts under dotted keys: `adapters.text.layers`, as a user types them after -S."""
    return {
        ".".join(path).removeprefix("options."): value if isinstance(value, str) else json.dumps(value)
        for path, value in _leaves(without_code(_canonical(config)))
    }


def digest(config: Any) -> str:
    """Twelve letters that name a config, the same for a dataclass and for the YAML written from it.

    The code's digest (`inputs.code`) is left out: the same config under other code has the same name.
    """
    content = _canonical(config)
    content = without_code(content) if isinstance(content, dict) else content
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def without_code(content: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config without the digest of the code, which changes more often than what the run is."""
    inputs = content.get("inputs")
    kept = {name: value for name, value in (inputs or {}).items() if name != "code"}
    return {**content, "inputs": kept} if inputs else dict(content)


def _canonical(value: Any) -> Any:
    """Plain values in which 1 and 1.0, a tuple and a list, are the same."""
    if is_dataclass(value):
        return _canonical(plain(value))
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value


def _leaves(nested: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value
