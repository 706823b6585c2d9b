"""Files that a person writes, wrong in every way that was found: one line with the file, no trace."""

import json
import os
from pathlib import Path

import pytest

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.files import read_json, read_mapping, read_text, read_yaml

DEEP, HUGE = "[" * 200 + "]" * 200, "9" * 5000
M2CLIP, PROFILE, PARAMS, AUDIT = (
    "experiments/rows/m2clip.yaml",
    "experiments/profiles/embedded.yaml",
    "params.yaml",
    "experiments/audit.yaml",
)
FILES = {  # what is wrong with a file: its bytes, and what is said
    "bytes that are no UTF-8": (b"a: \xff\xfe", "byte 3 is no UTF-8"),
    "a key twice": (b"a: 1\nb: 2\na: 3\n", "the key 'a' comes twice"),
    "a key twice, deep": (b"a: {b: {c: 1, c: 2}}", "the key 'c' comes twice"),
    "too deep": (DEEP.encode(), "more than 64 levels"),
    "recursive": (b"a: &x [*x]", "the alias *x is not read"),
    "an alias": (b"a: &x 1\nb: *x\n", "the alias *x is not read"),
    "a whole number of 5,000 digits": (f"a: {HUGE}".encode(), "not valid YAML"),
    "a Python object": (b"a: !!python/object/apply:os.system [id]", "not valid YAML"),
    "no keys": (b"- 1\n", "expected keys and values"),
    "nothing": (b"", "expected keys and values, got nothing"),
    "a control character": (b"a: \x07", "not valid YAML"),
    "too large": (b"#" * (4 * 1024 * 1024 + 1), "are too many"),
}
ROWS = {  # a wrong declaration: the file, how it is changed, and what is said
    "a path as a name": (M2CLIP, lambda c: c.update({"../x": {}}), "'../x' is no name"),
    "a space in a name": (M2CLIP, lambda c: c.update({"a b": {}}), "'a b' is no name"),
    "a line break in a name": (M2CLIP, lambda c: c.update({"a\nb": {}}), r"'a\\nb' is no name"),
    "an escape in a name": (M2CLIP, lambda c: c.update({"\x1b[31m": {}}), r"'\\x1b\[31m' is no name"),
    "a command in a name": (M2CLIP, lambda c: c.update({"$(id)": {}}), r"'\$\(id\)' is no name"),
    "an unknown dataset": (M2CLIP, lambda c: c["te"].update(on=["k600"]), "m2clip.yaml: te: on"),
    "a dataset twice": (M2CLIP, lambda c: c["te"].update(on=["k400", "k400"]), "te: on: expected different"),
    "a dataset it is not on": (M2CLIP, lambda c: c["cmc"].update(ssv2={}), "cmc: ssv2: it is not on ssv2"),
    "a dataset by hand": (M2CLIP, lambda c: c["te"].update(data={"dataset": "ssv2"}), "`on` says"),
    "an id twice": (M2CLIP, lambda c: c.update({"te-ssv2": {}}), "there is a row te-ssv2 already"),
    "an unknown key": (M2CLIP, lambda c: c["te"].update(lable="x"), "m2clip.yaml: te: unknown key lable"),
    "an unknown key of a recipe": (
        M2CLIP,
        lambda c: c["te"]["recipes"]["embedded"].update(trian={}),
        "te: recipes.embedded: unknown key trian",
    ),
    "an entry that is a text": (M2CLIP, lambda c: c.update(te="x"), "te: expected keys and values, got 'x'"),
    "no main": (M2CLIP, lambda c: c.pop("main"), "expected an entry `main`"),
    "another method's key": (
        "experiments/rows/clip.yaml",
        lambda c: c["clip"].update(decoder={"heads": ["vc"]}),
        "clip: unknown key decoder",
    ),
    "switches of the wrong type": (AUDIT, lambda c: c.update(switches="x"), "switches: expected a list"),
    "a switch without a key": (AUDIT, lambda c: c["switches"][0].pop("key"), "switches.0.key: is missing"),
    "trained videos to test on": (
        PARAMS,
        lambda c: c["evaluate"].update(split="train"),
        "evaluate.split: expected one of test, validation, got 'train'",
    ),
    "a billion clips": (
        PARAMS,
        lambda c: c["evaluate"].update(clips=10**9),
        "evaluate.clips: .* at most 100",
    ),
    "a policy that cannot be": (
        PARAMS,
        lambda c: c["data"].update(randaugment="rand-m99-n1"),
        "data.randaugment: .*rand-m99-n1",
    ),
    "a number of a policy twice": (
        PARAMS,
        lambda c: c["data"].update(randaugment="rand-m7-m8"),
        "data.randaugment: .*rand-m7-m8",
    ),
    "videos not to a number": (
        PROFILE,
        lambda c: c["prepare"].update(max_invalid=float("nan")),
        "prepare.max_invalid",
    ),
    "too few invalid videos": (PROFILE, lambda c: c["prepare"].update(max_invalid=-1.0), "must be 0 or more"),
    "too many invalid videos": (PROFILE, lambda c: c["prepare"].update(max_invalid=5.0), "must be at most 1"),
    "datasets of the wrong type": (PROFILE, lambda c: c.update(datasets=[1]), "embedded.yaml: datasets"),
    "a profile elsewhere": (
        PARAMS,
        lambda c: c.update(profile="../../../etc/passwd"),
        "params.yaml: profile: .* is no name",
    ),
    "a profile that is a number": (PARAMS, lambda c: c.update(profile=7), "profile: there is no profile 7"),
    "a seed below 0": (PARAMS, lambda c: c.update(seeds=[-1]), "params.yaml: seeds"),
    "a seed beyond all": (PARAMS, lambda c: c.update(seeds=[10**30]), "params.yaml: seeds"),
    "no seeds": (PARAMS, lambda c: c.pop("seeds"), "params.yaml: seeds"),
    "no profile": (PARAMS, lambda c: c.pop("profile"), "params.yaml: profile"),
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_a_wrong_file_is_one_line_with_its_name(tmp_path, content, said):
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_mapping(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and said in message
    assert message.isprintable() and len(message) < 400


@pytest.mark.parametrize(("file", "change", "said"), ROWS.values(), ids=ROWS)
def test_a_wrong_declaration_is_one_line_with_the_file(tmp_path, monkeypatch, file, change, said):
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    made.edit(file, change)
    with pytest.raises(UserError, match=said) as caught:
        everything()
    message = str(caught.value)
    assert message.isprintable() and len(message) < 700


def everything():
    """What `resolve` checks of the rows and the profile."""
    base = profiles.read()
    profiles.seeds(base)
    for row in experiment.rows():
        experiment.resolve(row, base)


def test_the_declarations_themselves_are_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    everything()


@pytest.mark.parametrize("read", [read_yaml, read_json, read_text])
def test_what_is_no_file_is_one_line(tmp_path, read):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("none", "no such file"), ("folder", "is a folder"), ("pipe", "no regular file")):
        with pytest.raises(UserError, match=f"{name}: .*{said}"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "not valid JSON"), (DEEP * 40, "JSON"), ('{"a": 1, "a": 2}', "'a' comes twice"), (HUGE, "JSON")],
)
def test_wrong_json_is_one_line(tmp_path, text, said):
    file = tmp_path / "mine.json"
    file.write_text("[" * 100_000 if text == DEEP * 40 else text)
    with pytest.raises(UserError, match=said):
        read_json(file)
    file.write_text(json.dumps({"a": [1, None]}))
    assert read_json(file) == {"a": [1, None]}


def test_yaml_is_read_as_dvc_reads_it(tmp_path):
    file = Path(tmp_path / "mine.yaml")
    file.write_text("on: [yes, off, true]\nday: 2026-13-45\nrate: 1.0e-3\n")
    assert read_yaml(file) == {"on": ["yes", "off", True], "day": "2026-13-45", "rate": 0.001}
    read_yaml(file)["on"].append("x")
    assert len(read_yaml(file)["on"]) == 3, "what a reader changes is its own"
