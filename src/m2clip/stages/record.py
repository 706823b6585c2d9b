"""`record ROW...`: record a change of the code that alters no result, without training every row again.

A row is stale as soon as code that it runs through has changed, or its config has a new key. Where such a
change was meant to leave all numbers as they are, run some rows again and name them here:

    dvc repro --single-item train@main-0 evaluate@main-0
    PYTHONPATH=src python -m m2clip.stages.record main

Their curves, scores, metrics and label features have to be those of the last commit, byte for byte. Then the
other rows get the new digest of their config, in provenance.json and in dvc.lock, where their config differs
from the committed one in nothing but the code's digest and keys that have the value of their default. A row
that differs in more stays stale.
"""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from m2clip import profiles, runs
from m2clip.config import Run
from m2clip.errors import UserError, guarded
from m2clip.files import read_json, read_yaml
from m2clip.options import class_of
from m2clip.parsing import plain
from m2clip.runs import RunKey
from m2clip.stages import pipelines

Nested = dict[str, Any]


def main() -> None:
    """Compare the rows that are named with the last commit, and record the others."""
    base = profiles.read()
    named, seeds = sys.argv[1:], profiles.seeds(base)
    if not named:
        raise UserError("record: name the rows that have been run again, such as: record main")
    lock_file = pipelines.folder(base.name) / "dvc.lock"
    lock, before = read_yaml(lock_file), _committed_yaml(lock_file)
    for key in runs.declared(base.name, named, seeds):
        _compare(key, lock, before)
    kept, left = [], []
    for key in runs.declared(base.name, pipelines.rows_of(base), seeds):
        if key.row not in named and key.provenance.exists() and _record(key, lock, before):
            kept.append(key)
        elif key.row not in named:
            left.append(key)
    lock_file.write_text(dumped(lock), encoding="utf-8")
    print(f"{', '.join(named)}: as committed. Recorded: {len(kept)} runs.")
    if left:
        print(f"To be run: {' '.join(key.row for key in left)}")


def _compare(key: RunKey, lock: Nested, before: Nested) -> None:
    """Raise a UserError unless the run is of the present config and gave what is committed."""
    content = read_yaml(key.train_config)
    if read_json(key.provenance).get("config_sha") != runs.digest(content):
        raise UserError(f"{key.provenance}: is of another config; run `dvc repro` for the row first")
    for path in (key.history, key.metrics, key.outcomes, key.confusion, key.label_features):
        committed = _committed(path)
        if (path.read_bytes() if path.exists() else None) != committed:
            raise UserError(f"{path}: differs from the committed one; nothing is recorded")
    scores = [_out(part, f"evaluate@{key.row}-{key.seed}", key.predictions) for part in (lock, before)]
    if scores[0] is None or scores[0] != scores[1]:
        raise UserError(f"{key.predictions}: has other scores than the committed run; nothing is recorded")


def _record(key: RunKey, lock: Nested, before: Nested) -> bool:
    """Give a run the digests of its present config, where that is the committed one in all that decides."""
    old, new = _committed_yaml(key.train_config), read_yaml(key.train_config)
    evaluated = _committed_yaml(key.evaluate_config), read_yaml(key.evaluate_config)
    told = _committed(key.provenance)
    train, evaluate = (f"{stage}@{key.row}-{key.seed}" for stage in ("train", "evaluate"))
    if not (old and evaluated[0] and told) or json.loads(told).get("config_sha") != runs.digest(old):
        return False
    defaults = plain(Run(method=new["method"], options=class_of(new["method"])()))
    if list(_changes(old, new, defaults)) or list(_changes(*evaluated, defaults["evaluate"])):
        return False
    for stage in (train, evaluate):
        lock["stages"][stage] = before["stages"][stage]
    content = json.loads(told) | {"config_sha": runs.digest(new)}
    key.provenance.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    _enter(lock["stages"][train]["deps"], key.train_config)
    _enter(lock["stages"][train]["outs"], key.training)
    _enter(lock["stages"][evaluate]["deps"], key.evaluate_config)
    return True


def _changes(old: Nested, new: Nested, defaults: Any, path: str = "") -> Iterator[str]:
    """Key paths that differ, but for the code's digest and for new keys at their default."""
    for name in old.keys() | new.keys():
        at, default = f"{path}{name}", defaults.get(name) if isinstance(defaults, dict) else None
        if at == "inputs.code":
            continue
        if name in old and name in new and isinstance(old[name], dict) and isinstance(new[name], dict):
            yield from _changes(old[name], new[name], default, f"{at}.")
        elif name not in old and isinstance(defaults, dict) and name in defaults:
            if runs.digest({"": new[name]}) != runs.digest({"": default}):
                yield at
        elif old.get(name) != new.get(name) or name not in new:
            yield at


def _enter(entries: list[Nested], path: Path) -> None:
    """Write size and digest of a file or folder into a list of dvc.lock."""
    for entry in entries:
        if entry["path"] == str(path):
            entry.update(_digest(path))
            return
    raise UserError(f"dvc.lock: has no entry for {path}")


def _digest(path: Path) -> Nested:
    """A file's or a folder's digest as DVC takes it: a folder's is that of the list of its files."""
    if path.is_file():
        content = path.read_bytes()
        return {"md5": hashlib.md5(content).hexdigest(), "size": len(content)}
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [{"md5": _digest(file)["md5"], "relpath": file.relative_to(path).as_posix()} for file in files]
    text = json.dumps(listed, sort_keys=True)
    size = sum(file.stat().st_size for file in files)
    return {"md5": hashlib.md5(text.encode()).hexdigest() + ".dir", "size": size, "nfiles": len(files)}


def dumped(lock: Nested) -> str:
    """A lock's text as DVC writes it."""
    writer, text = YAML(), io.StringIO()
    writer.default_flow_style = False
    writer.dump(lock, text)
    return text.getvalue()


def _out(lock: Nested, stage: str, path: Path) -> str | None:
    """The digest of an output in a lock."""
    outs = lock["stages"].get(stage, {}).get("outs", [])
    return next((out["md5"] for out in outs if out["path"] == str(path)), None)


def _committed(path: Path) -> bytes | None:
    """A file as the last commit has it; None where it does not."""
    shown = subprocess.run(["git", "show", f"HEAD:{path.as_posix()}"], capture_output=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def _committed_yaml(path: Path) -> Nested:
    return yaml.load(_committed(path) or b"{}", Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


if __name__ == "__main__":
    guarded(main)
