"""The JSON schemas are those of the classes, and the YAML files that name them keep to them."""

import json
import subprocess
import sys

import pytest

import made_up_runs as made
from m2clip import schemas
from m2clip.files import read_yaml

FILES = {"params.json": ["params.yaml"], "rows.json": [], "profile.json": []}
for _name, _folder in (("rows.json", "rows"), ("profile.json", "profiles")):
    FILES[_name] = [
        str(path.relative_to(made.ROOT))
        for path in sorted((made.ROOT / "experiments" / _folder).glob("*.yaml"))
    ]


def test_the_committed_schemas_are_those_of_the_classes():
    """In a process of its own: another test adds the example method of the docs to this one."""
    program = (
        "import json; from m2clip import schemas;"
        "print(json.dumps({name: schemas.text(one) for name, one in schemas.schemas().items()}))"
    )
    wanted = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = json.loads(wanted.stdout)
    assert set(found) == {path.name for path in (made.ROOT / schemas.FOLDER).iterdir()}
    for name, schema in found.items():
        text = (made.ROOT / schemas.FOLDER / name).read_text(encoding="utf-8")
        assert text == schema, "run `m2clip schema`"
        assert json.loads(text)["$defs"]


@pytest.mark.parametrize(
    ("schema", "file"), [(name, file) for name, files in FILES.items() for file in files]
)
def test_each_file_names_its_schema_and_keeps_to_it(schema, file):
    path = made.ROOT / file
    head = path.read_text(encoding="utf-8").splitlines()[0]
    there = head.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / there).resolve() == made.ROOT / schemas.FOLDER / schema
    told = json.loads((path.parent / there).read_text(encoding="utf-8"))
    assert fits(read_yaml(path), told, told["$defs"]), file


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ("params.json", {"train": {"lr": "1e-3"}}),
        ("params.json", {"decodr": {}}),
        ("params.json", {"decoder": {"head": ["vc"]}}),
        ("rows.json", {"te": {"on": ["k600"]}}),
        ("rows.json", {"te": {"ssv2": {"data": {"frames": 0}}}}),
        ("rows.json", {"te": {"recipes": {"embedded": {"train": {"stps": 1}}}}}),
        ("profile.json", {"train": {"precision": 16}}),
        ("profile.json", {"prepare": {"max_invalid": 5}}),
    ],
)
def test_mistakes_do_not_fit(schema, content):
    told = schemas.schemas()[schema]
    assert not fits(content, told, told["$defs"])


TYPES = {"object": dict, "array": list | tuple, "string": str, "boolean": bool, "null": type(None)}


def fits(value, schema, parts):
    """Whether a value keeps to a schema: the words of JSON Schema that ours use."""
    if "$ref" in schema:
        return fits(value, parts[schema["$ref"].rpartition("/")[2]], parts)
    if "anyOf" in schema:
        return any(fits(value, option, parts) for option in schema["anyOf"])
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        return False
    kind = schema.get("type")
    if kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else int | float):
            return False
        least, above = schema.get("minimum", value), schema.get("exclusiveMinimum", value - 1)
        most, below = schema.get("maximum", value), schema.get("exclusiveMaximum", value + 1)
        return least <= value <= most and above < value < below
    if kind and not isinstance(value, TYPES[kind]):
        return False
    if kind == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
        return len(items) == len(value) and all(map(fits, value, items, [parts] * len(value)))
    if kind == "object":
        known, more = schema.get("properties", {}), schema.get("additionalProperties", {})
        more = {} if more is True else more
        return all(
            fits(item, known[key], parts) if key in known else more is not False and fits(item, more, parts)
            for key, item in value.items()
        )
    return True
