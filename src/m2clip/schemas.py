"""JSON schemas of params.yaml, of row files and of profiles, by which an editor completes and checks them.

They are made of the classes of settings. `m2clip schema` writes them to experiments/schemas/; the first
line of each YAML file names its own for yaml-language-server.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from m2clip import options
from m2clip.config import Backbone, Data, Evaluate, Run, Train
from m2clip.experiment import Entry
from m2clip.profiles import DATASETS, SPLITS, WORLDS, Prepare, Videos

FOLDER = Path("experiments/schemas")
SECTIONS = {"data": Data, "backbone": Backbone, "train": Train, "evaluate": Evaluate}
Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Each schema by the name of its file."""
    every, own = _differences(options.known()), _differences([Run.method])
    seeds = {"type": "array", "items": {"type": "integer", "minimum": 0}}
    names = {"type": "array", "items": {"type": "string"}}
    on_one = {"differences": _object(every), "recipe": _object(every | _each(DATASETS, "differences"))}
    recipes = {"type": "object", "additionalProperties": _ref("recipe")}
    entry = _of(Entry)["properties"] | {"recipes": recipes} | every | _each(DATASETS, "differences")
    counts = {split: {"type": "integer", "minimum": 1} for split in SPLITS} | {"world": {"enum": WORLDS}}
    sections = _each(SECTIONS)
    profile = sections | {
        "methods": _object(_each(options.known(), "differences")),
        "datasets": _object(dict.fromkeys(DATASETS, _object(sections))),
        "synthetic": _object(dict.fromkeys(DATASETS, _or_null(_object(counts)))),
        "videos": _object(dict.fromkeys(DATASETS, _or_null(_of(Videos)))),
        "prepare": _of(Prepare),
        "seeds": seeds,
    }
    return {
        "params.json": _file(
            _object({"profile": {"type": "string"}, "seeds": seeds, "tables": names, **own})
        ),
        "rows.json": _file(
            {"type": "object", "additionalProperties": _ref("entry")}, on_one | {"entry": _object(entry)}
        ),
        "profile.json": _file(_object(profile), on_one),
    }


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas, a definition a line; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(text(schema), encoding="utf-8")
    return [folder / name for name in schemas()]


def text(schema: Schema) -> str:
    """A schema as its file holds it."""
    parts = [f"{json.dumps(name)}: {json.dumps(part)}" for name, part in schema.pop("$defs").items()]
    head = json.dumps(schema)[:-1]
    return f'{head}, "$defs": {{\n' + ",\n".join(parts) + "\n}}\n"


def _file(schema: Schema, more: Schema | None = None) -> Schema:
    """A whole schema with the definitions that it may refer to."""
    parts = {name: _of(kind) for name, kind in SECTIONS.items()} | (more or {})
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema, "$defs": parts}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _each(names: Iterable[str], part: str = "") -> Schema:
    """Properties of these names, each as the part says, or as the part of its own name."""
    return {name: _ref(part or name) for name in names}


def _differences(methods: list[str]) -> Schema:
    """The keys of a run: sections, and options of any of these methods, below `options` or beside them."""
    found: dict[str, list[Schema]] = {}
    for method in methods:
        for name, schema in _of(options.class_of(method)).get("properties", {}).items():
            if schema not in found.setdefault(name, []):
                found[name].append(schema)
    own = {name: kinds[0] if len(kinds) == 1 else {"anyOf": kinds} for name, kinds in found.items()}
    method_of = {"enum": [*options.known(), None]}
    return {"method": method_of, **_each(SECTIONS), "options": _object(own), **own}


def _of(kind: type[Any]) -> Schema:
    """The schema of a class of settings, its parts in place, where null keeps the value from below."""
    schema = TypeAdapter(kind).json_schema()
    parts = schema.pop("$defs", {})

    def whole(node: Any, name: str = "") -> Any:
        if isinstance(node, list):
            return [whole(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            node = parts[node["$ref"].rpartition("/")[2]]
        found = {key: whole(value) for key, value in node.items() if key not in ("title", "default")}
        if "properties" in found:
            found["properties"] = {key: _or_null(value) for key, value in found["properties"].items()}
            found.pop("required", None)
        return found

    return dict(whole(schema))


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return schema if {"type": "null"} in schema.get("anyOf", []) else {"anyOf": [schema, {"type": "null"}]}
