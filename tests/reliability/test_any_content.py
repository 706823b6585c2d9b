"""Whatever a file holds: it is read right, or refused in one line; never a trace, never a long wait."""

import copy
import math
from pathlib import Path

import pytest
import safetensors.torch
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.config import Run
from m2clip.data import annotations, containers, labels, manifest
from m2clip.data.video import VideoError, check_file
from m2clip.errors import UserError
from m2clip.files import read_json, read_mapping, read_yaml
from m2clip.models.weights_io import load_weights
from m2clip.parsing import build
from m2clip.report import audit, claims, declared

FEW_OR_MANY = [25, pytest.param(500, marks=pytest.mark.slow)]
LEAVES = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20)
VALUES = some.recursive(
    LEAVES,
    lambda inside: (
        some.lists(inside, max_size=3) | some.dictionaries(some.text(max_size=8), inside, max_size=3)
    ),
)
WORDS = [
    "a: 1",
    "- b",
    "{",
    "}",
    "[",
    "]",
    "!!python/name:os.system",
    "&x",
    "*x",
    "\t",
    '"',
    "'",
    "? ",
    "|",
    "%YAML",
]
TEXTS = some.lists(some.sampled_from(WORDS) | some.text(max_size=10)).map("\n".join)
BYTES = some.binary(max_size=400) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))


def try_all(count, values, check):
    """Call `check` with so many values, the same ones every time."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def every(value):
        check(value)

    every()


def one_line(read, *given):
    """The outcome of a reader: what it read, or None where it refused."""
    try:
        return read(*given)
    except (UserError, VideoError) as error:
        message = str(error)
        assert "\n" not in message and message.isprintable() and len(message) < 1000, message


@pytest.fixture
def tried(record_property, count):
    """How many contents a test tries, for the page."""
    record_property("tries", count)
    return count


@pytest.mark.parametrize("count", FEW_OR_MANY)
@pytest.mark.parametrize(
    "read", [read_yaml, read_json, read_mapping, labels.read_labels, labels.read_class_ids]
)
def test_any_bytes_as_a_small_file(tmp_path, tried, read):
    def check(content):
        (tmp_path / "file").write_bytes(content)
        one_line(read, tmp_path / "file")

    try_all(tried, BYTES, check)


def places(content, path=()):
    """The key paths of everything in a YAML file; of a list its first two entries."""
    if path:
        yield path
    inside = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content[:2] if isinstance(content, list) else [])
    )
    for key, value in inside:
        yield from places(value, (*path, key))


DECLARATIONS = (
    "params.yaml",
    "experiments/profiles/embedded.yaml",
    "experiments/tables.yaml",
    "experiments/claims.yaml",
    "experiments/audit.yaml",
    "experiments/rows/m2clip.yaml",
)
ODD = [
    None,
    7,
    -1,
    True,
    1.5,
    math.nan,
    10**30,
    "x",
    "",
    "../x",
    "a b",
    "\x1b[31m",
    "a\nb",
    [],
    {},
    [[]],
    [{}],
    ["x", "x"],
]


def everything():
    """What `resolve` and the report check of rows, profile, tables, claims and audit."""
    base = profiles.read()
    profiles.seeds(base)
    rows = experiment.rows()
    for row in [row for row in rows if row in ("main", "te", "ssv2", "released")]:
        experiment.resolve(row, base)
    declared.read(profiles.params().get("tables"), rows)
    claims.read(rows), claims.rule(), audit.read()


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", DECLARATIONS)
def test_any_value_in_place_of_one_that_is_declared(tmp_path, monkeypatch, tried, file):
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    everything()
    content = read_mapping(Path(file))

    def check(change):
        place, value = change
        spoilt = copy.deepcopy(content)
        inside = spoilt
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = value
        Path(file).write_text(yaml.safe_dump(spoilt, sort_keys=False))
        one_line(everything)

    try_all(tried, some.tuples(some.sampled_from(list(places(content))), some.sampled_from(ODD)), check)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_config_of_a_run(tried):
    keys = some.sampled_from(
        ["data", "train", "backbone", "evaluate", "options", "method", "adapters", "decoder"]
    )
    inner = some.sampled_from(
        ["frames", "lr", "steps", "batch", "name", "heads", "text", "visual", "crops", "scale"]
    )
    configs = some.dictionaries(keys, VALUES | some.dictionaries(inner, VALUES, max_size=3), max_size=4)
    try_all(tried, configs, lambda config: one_line(build, Run, config))


LINES = {
    "plain": ("annotations.csv", "path,label,split\n"),
    "list": ("train.txt", "a.mp4 x\n"),
    "kinetics": ("train.csv", "label,youtube_id,time_start,time_end,split,is_cc\n"),
    "ssv2": ("something-something-v2-train.json", ""),
    "ucf101": ("trainlist01.txt", ""),
}


@pytest.mark.parametrize("count", FEW_OR_MANY)
@pytest.mark.parametrize("name", LINES)
def test_any_annotations(tmp_path, tried, name):
    file, head = LINES[name]
    cells = some.text(alphabet="ab/.\\\"',\n\r\t \x00\u2028\ud800", max_size=12)
    rows = some.lists(some.lists(cells, max_size=6).map(",".join), max_size=4).map("\n".join)
    contents = BYTES | rows.map(lambda text: (head + text).encode("utf-8", "surrogatepass"))

    def check(content):
        (tmp_path / file).write_bytes(content)
        found = one_line(annotations.read, name, tmp_path)
        for record in found.records if found else ():
            assert found.labels[record.class_id] == record.label and ".." not in Path(record.path).parts

    try_all(tried, contents, check)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_beginning_of_a_video(tmp_path, tried):
    """What reads headers by itself, before a decoder is asked."""
    heads = [
        b"\x1a\x45\xdf\xa3",
        b"RIFF",
        b"\0\0\0\x20ftypisom",
        b"\0\0\0\1moov\xff\xff\xff\xff\xff\xff\xff\xff",
        b"",
    ]
    contents = some.tuples(some.sampled_from(heads), some.binary(max_size=200)).map(b"".join)

    def check(content):
        (tmp_path / "a.mp4").write_bytes(content)
        one_line(check_file, tmp_path / "a.mp4")
        assert containers.missing_bytes(tmp_path / "a.mp4") is None or content

    try_all(tried, contents, check)


def spoil(content, changes, end):
    """Bytes of a file changed, and its end cut off."""
    content = bytearray(content)
    for place, value in changes:
        content[place % len(content)] = value
    return bytes(content[: len(content) - end % len(content)])


SPOILT = some.tuples(
    some.lists(some.tuples(some.integers(0, 1 << 20), some.integers(0, 255)), max_size=8),
    some.just(0) | some.integers(0, 1 << 20),
)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_damage_of_a_file_of_weights(tmp_path, tried):
    about = '{"config": {"inputs": {"backbone": "ab"}}, "labels": ["a", "b"], "seed": 0, "differences": []}'
    safetensors.torch.save_file({"a": torch.ones(9)}, tmp_path / "whole", metadata={"m2clip": about})
    whole = (tmp_path / "whole").read_bytes()

    def check(how):
        (tmp_path / "weights.safetensors").write_bytes(spoil(whole, *how))
        found = one_line(load_weights, tmp_path / "weights.safetensors")
        assert found is None or torch.isfinite(found.tensors.popitem()[1]).all()

    assert load_weights(tmp_path / "whole")
    try_all(tried, SPOILT, check)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_damage_of_a_manifest(tmp_path, tried):
    table = {name: ["1"] if kind == "str" else [0] for name, kind in manifest.TYPES.items()} | {
        "label": ["a"]
    }
    manifest.pd.DataFrame(table).astype(manifest.TYPES).to_parquet(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "videos.txt").write_text("videos\n")
    (tmp_path / "labels.json").write_text(labels.class_ids_json(["a"]))

    def check(how):
        (tmp_path / "manifest.parquet").write_bytes(spoil(whole, *how))
        one_line(manifest.read, tmp_path)

    try_all(tried, SPOILT, check)
