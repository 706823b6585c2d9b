"""Whatever a file holds: within 5 seconds a result or one line, and never a trace.

Whether a result is right is asked where a test says so; test_bad_files.py and others ask it of files by name.
"""

import copy
import math
import time
from pathlib import Path

import pytest
import torch
import whole_files
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.config import Run
from m2clip.data import containers, labels
from m2clip.data.video import VideoError, check_file
from m2clip.errors import UserError
from m2clip.files import read_json, read_mapping, read_yaml
from m2clip.parsing import build
from m2clip.report import audit, claims, declared

SECONDS = 5.0  # what takes longer is a failure; milliseconds are usual
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


@pytest.fixture
def try_all(record_property, count):
    """Call `check` with `count` values, the same ones every time, and tell the page how many differ.

    `check` tries each value `times` times.
    """

    def go(values, check, times=1):
        tried = []

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(values)
        def every(value):
            tried.append(repr(value))
            check(value)

        try:
            every()
        finally:
            record_property("inputs", len(set(tried)))
            record_property("tries", len(tried) * times)

    return go


def one_line(read, *given):
    """What a reader read, whatever that is, or None where it refused in one line; both soon."""
    began = time.monotonic()
    try:
        return read(*given)
    except (UserError, VideoError) as error:
        message = str(error)
        assert "\n" not in message and message.isprintable() and len(message) < 1000, message
    finally:
        seconds = time.monotonic() - began
        assert seconds < SECONDS, f"{seconds:.1f} seconds"


def test_a_long_wait_a_long_line_and_a_trace_are_noticed(monkeypatch):
    """The control: what every test of this file asserts can fail."""
    monkeypatch.setattr(f"{__name__}.SECONDS", 0.01)
    with pytest.raises(AssertionError, match="seconds"):
        one_line(time.sleep, 0.02)
    for error, noticed in ((UserError("a" * 2000), AssertionError), (ValueError("a"), ValueError)):

        def read(error=error):
            raise error

        with pytest.raises(noticed):
            one_line(read)


READERS = (read_yaml, read_json, read_mapping, labels.read_labels, labels.read_class_ids)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_bytes_as_a_small_file(tmp_path, try_all):
    """Each is given to every reader of small files."""

    def check(content):
        (tmp_path / "file").write_bytes(content)
        for read in READERS:
            one_line(read, tmp_path / "file")

    try_all(BYTES, check, len(READERS))


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
def test_any_value_in_place_of_one_that_is_declared(tmp_path, monkeypatch, try_all, file):
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

    try_all(some.tuples(some.sampled_from(list(places(content))), some.sampled_from(ODD)), check)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_config_of_a_run(try_all):
    keys = some.sampled_from(
        ["data", "train", "backbone", "evaluate", "options", "method", "adapters", "decoder"]
    )
    inner = some.sampled_from(
        ["frames", "lr", "steps", "batch", "name", "heads", "text", "visual", "crops", "scale"]
    )
    configs = some.dictionaries(keys, VALUES | some.dictionaries(inner, VALUES, max_size=3), max_size=4)
    try_all(configs, lambda config: one_line(build, Run, config))


CELLS = some.text(alphabet="ab/.\\\"',\n\r\t \x00\u2028\ud800", max_size=12)
ROWS = some.lists(some.lists(CELLS, max_size=6).map(",".join), max_size=4).map("\n".join)


@pytest.mark.parametrize("count", FEW_OR_MANY)
@pytest.mark.parametrize("kind", whole_files.LISTS)
def test_any_annotations(tmp_path, try_all, kind):
    """One of the files is replaced, or what it says is gone on with; the others are whole."""
    names = whole_files.write(kind, tmp_path)
    assert whole_files.read(kind, tmp_path).records
    whole = {name: (tmp_path / name).read_bytes() for name in names}
    more = ROWS.map(lambda text: text.encode("utf-8", "surrogatepass"))

    def check(change):
        name, content, after = change
        for each in names:
            (tmp_path / each).write_bytes(whole[each])
        (tmp_path / name).write_bytes(whole[name] * after + content)
        one_line(whole_files.read, kind, tmp_path)

    try_all(some.tuples(some.sampled_from(names), BYTES | more, some.booleans()), check)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_beginning_of_a_video(tmp_path, try_all):
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
        one_line(containers.missing_bytes, tmp_path / "a.mp4")

    try_all(contents, check)


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
def test_any_damage_of_a_file_of_weights(tmp_path, try_all):
    """What is read is then what the file holds, and finite: other finite values are not noticed."""
    (name,) = whole_files.write("checkpoint", tmp_path)
    whole, numbers = (tmp_path / name).read_bytes(), whole_files.NUMBERS

    def check(how):
        content = spoil(whole, *how)
        (tmp_path / name).write_bytes(content)
        found = one_line(whole_files.read, "checkpoint", tmp_path)
        if found:
            (tensor,) = found.tensors.values()
            assert torch.isfinite(tensor).all()
            assert bytes(tensor.flatten().view(torch.uint8).tolist()) == content[-numbers * 4 :]

    (read,) = whole_files.read("checkpoint", tmp_path).tensors.values()
    assert torch.equal(read, torch.arange(1.0, numbers + 1))
    try_all(SPOILT, check)


@pytest.mark.parametrize("count", FEW_OR_MANY)
def test_any_damage_of_a_manifest(tmp_path, try_all):
    name, _ = whole_files.write("manifest", tmp_path)
    whole = (tmp_path / name).read_bytes()
    assert whole_files.read("manifest", tmp_path).labels == ("a",)

    def check(how):
        (tmp_path / name).write_bytes(spoil(whole, *how))
        one_line(whole_files.read, "manifest", tmp_path)

    try_all(SPOILT, check)
