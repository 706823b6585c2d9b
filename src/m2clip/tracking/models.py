"""A run's weights as an MLflow model: it fills the column Models, can be registered and served.

The model is a folder with what was trained and, up to `BACKBONE_MB`, the file of its backbone; `served` opens
it. Nothing in it is pickled. Where the weights are not on this machine there is no model.
"""

import hashlib
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from m2clip import runs
from m2clip.paths import root
from m2clip.tracking.content import Result
from m2clip.tracking.store import HIDDEN, Store

BACKBONE_MB = 100  # of a larger backbone the model keeps the path alone
WEIGHTS = "weights.safetensors"
MODEL = f"{HIDDEN}model"  # digest of the weights that the run's model holds


def log(store: Store, run: Any, result: Result) -> bool:
    """Make the model of a run's weights, unless it is there; whether one was made."""
    weights = result.key.weights
    if not weights.is_file():
        return False
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    if run.data.tags.get(MODEL) == digest:
        return False
    from mlflow.entities import LoggedModelOutput

    shown = {k: result.tags[k] for k in ("row", "seed", "dataset", "config_sha") if k in result.tags}
    model = store.client.create_logged_model(
        store.experiment, name(result), run.info.run_id, shown, result.params, model_type="m2clip"
    )
    with tempfile.TemporaryDirectory() as folder:
        _save(Path(folder) / "model", weights, result, model.model_id)
        store.client.log_model_artifacts(model.model_id, str(Path(folder) / "model"))
    store.client.finalize_logged_model(model.model_id, "READY")
    store.client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, 0)])
    store.write(run, tags={MODEL: digest})
    return True


def name(result: Result) -> str:
    """MLflow takes no slash, colon, dot, per cent or quotation mark in the name of a model."""
    return f"{result.key.row}-{result.key.seed}"


def _save(folder: Path, weights: Path, result: Result, model_id: str) -> None:
    """Write a pyfunc model whose loader is `served`."""
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    data = folder.parent / "data"
    data.mkdir()
    shutil.copyfile(weights, data / WEIGHTS)
    backbone = (runs.read_config(result.key.train_config) or {}).get("backbone", {})
    for part in ("pretrained", "config"):
        file = Path(backbone.get(part) or "")
        if file.is_file() and file.stat().st_size <= BACKBONE_MB * 2**20:
            shutil.copyfile(file, data / file.name)
    answer = [ColSpec(DataType.string, column) for column in ("video", "label")]
    answer += [ColSpec(DataType.double, "probability"), ColSpec(DataType.string, "error")]
    asked = [ParamSpec("top", DataType.long, 5), ParamSpec("labels", DataType.string, [], (-1,))]
    video = [ColSpec(DataType.string, "video")]
    signature = ModelSignature(Schema(video), Schema(answer), ParamSchema(asked))
    requirements = root() / "requirements.txt"
    warnings.filterwarnings(
        "ignore", ".*An input example was not provided", UserWarning
    )  # it would be a video
    mlflow.pyfunc.save_model(
        folder,
        loader_module="m2clip.tracking.served",
        data_path=str(data),
        code_paths=[str(Path(runs.__file__).parent)],
        mlflow_model=Model(model_id=model_id),
        signature=signature,
        pip_requirements=str(requirements) if requirements.exists() else [],
    )
