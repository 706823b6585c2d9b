"""`record [--profile NAME] [--seed N] [--since COMMIT] ROW...`: accept changed code, training few rows.

A row is stale as soon as code that it runs through has changed, or its config has a new key. Where such a
change was meant to leave all numbers as they are, run some rows again and name them here:

    dvc repro --single-item train@main-0 evaluate@main-0
    PYTHONPATH=src python -m m2clip.stages.record main

Their curves, scores, metrics and label features have to be those of the last commit, or of the one that is
named, byte for byte. Then the other rows get the new digest of their config, in provenance.json and in
dvc.lock, where their config differs from that commit's in nothing but the code's digest and keys that have
the value of their default. A row that differs in more stays stale.
"""

import argparse
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from m2clip import paths, profiles, runs
from m2clip.config import Run
from m2clip.errors import UserError, guarded
from m2clip.files import read_yaml
from m2clip.options import class_of
from m2clip.parsing import plain
from m2clip.report import history
from m2clip.runs import RunKey
from m2clip.stages import pipelines

Nested = dict[str, Any]


def main() -> None:
    """Compare the rows that are named with the commit, and record the others."""
    parser = argparse.ArgumentParser(prog="record", description="Record a change that alters no result.")
    parser.add_argument("rows", metavar="ROW", nargs="+", help="that have been run again")
    parser.add_argument(
        "--since", metavar="COMMIT", default="HEAD", help="with the results before; default: HEAD"
    )
    parser.add_argument("--profile", metavar="NAME", help="default: the one that params.yaml names")
    parser.add_argument("--seed", metavar="N", type=int, help="with which they have been; default: all seeds")
    arguments = parser.parse_args()
    base = profiles.read(arguments.profile)
    named, seeds, since = arguments.rows, profiles.seeds(base), Commit(arguments.since)
    lock_file = pipelines.folder(base.name) / "dvc.lock"
    lock, before = read_yaml(lock_file), since.mapping(lock_file)
    again = runs.declared(base.name, named, seeds if arguments.seed is None else (arguments.seed,))
    for key in again:
        _compare(key, lock, before, since)
    kept, left = [], []
    for key in runs.declared(base.name, pipelines.rows_of(base), seeds):
        if key in again:
            continue
        if key.provenance.exists() and _record(key, lock, before, since):
            kept.append(key)
        elif _locked(key, lock) and not _is_present(key):
            left.append(key)
    with paths.written_anew(lock_file) as part:
        part.write_text(dumped(lock), encoding="utf-8")
    print(f"{', '.join(str(key) for key in again)}: as in {since.name}. Recorded: {len(kept)} runs.")
    if left:
        print(f"To be run: {' '.join(str(key) for key in left)}")


@dataclass(frozen=True)
class Commit:
    """A commit, by name, and the files in it."""

    name: str

    def content(self, path: Path) -> bytes | None:
        """A file; None where the commit does not have it."""
        return history.content(self.name, path)

    def mapping(self, path: Path) -> Nested:
        """A YAML file; empty where the commit does not have it."""
        return yaml.load(self.content(path) or b"{}", Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _sha(provenance: bytes) -> str | None:
    """The digest of the config that a run was made with, from the content of its provenance.json."""
    return json.loads(provenance).get("config_sha")


def _present_sha(key: RunKey) -> str:
    return runs.digest(read_yaml(key.train_config))


def _is_present(key: RunKey) -> bool:
    """Whether there is a run of the present config."""
    return key.provenance.exists() and _sha(key.provenance.read_bytes()) == _present_sha(key)


def _locked(key: RunKey, lock: Nested) -> bool:
    """Whether dvc.lock has the run, that is, whether it was ever made in this pipeline."""
    return f"train@{key.row}-{key.seed}" in lock["stages"]


def _compare(key: RunKey, lock: Nested, before: Nested, since: Commit) -> None:
    """Raise a UserError unless the run was made with the present config and equals the committed one."""
    if not _is_present(key):
        raise UserError(f"{key.provenance}: is of another config; run `dvc repro` for the row first")
    for path in (key.history, key.metrics, key.outcomes, key.confusion, key.label_features):
        committed = since.content(path)
        if (path.read_bytes() if path.exists() else None) != committed:
            raise UserError(f"{path}: differs from the committed one; nothing is recorded")
    scores = [_out(part, f"evaluate@{key.row}-{key.seed}", key.predictions) for part in (lock, before)]
    if scores[0] is None or scores[0] != scores[1]:
        raise UserError(f"{key.predictions}: has other scores than the committed run; nothing is recorded")


def _record(key: RunKey, lock: Nested, before: Nested, since: Commit) -> bool:
    """Give a run the digests of its present config, if it equals the committed one but for the code's digest.

    Returns whether it does.
    """
    old, new = since.mapping(key.train_config), read_yaml(key.train_config)
    evaluated = since.mapping(key.evaluate_config), read_yaml(key.evaluate_config)
    told = since.content(key.provenance)
    train, evaluate = (f"{stage}@{key.row}-{key.seed}" for stage in ("train", "evaluate"))
    if not (old and evaluated[0] and told) or _sha(told) != runs.digest(old):
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


if __name__ == "__main__":
    guarded(main)
