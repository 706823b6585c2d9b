"""Annotations of strangers: read right, or refused in one line that names the file."""

import json
import os
import shutil
from pathlib import Path

import pytest

import official_files as official
from m2clip.data import annotations, build_manifest, labels, manifest
from m2clip.errors import UserError

FORMATS = {
    "kinetics": (official.kinetics, "train.csv"),
    "ssv2": (official.ssv2, "something-something-v2-train.json"),
    "ucf101": (official.ucf101, "ucfTrainTestlist/trainlist01.txt"),
    "hmdb51": (official.hmdb51, "testTrainMulti_7030_splits/climb_test_split1.txt"),
    "list": (official.listed, "train.txt"),
}
KINETICS = "label,youtube_id,time_start,time_end,split,is_cc\n"
BREAKS = (
    "\n",
    "\r",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0c",
    "\x0b",
    "\x1c",
    "\x1e",
    "\x00",
    "\x1b[31m",
    "\ud800",
)


def touch(path, *more):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Every dataset once, without its videos: nothing here opens one."""
    folder, write = tmp_path_factory.mktemp("official"), official.write
    official.write = lambda path, *more, **options: (
        path.parent.mkdir(parents=True, exist_ok=True),
        path.touch(),
    )
    for name, (make, _) in FORMATS.items():
        make(folder / name)
    official.write = write
    return folder


@pytest.fixture
def copy(sources, tmp_path):
    return lambda name: Path(shutil.copytree(sources / name, tmp_path / name))


def refusal(name, folder):
    with pytest.raises(UserError) as caught:
        annotations.read(name, folder)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and str(folder) in message and len(message) < 700
    return message


def entries(*added, **changes):
    """SSv2's list with an entry changed."""
    plain = {"id": "100", "template": "Dropping [something]"}
    return json.dumps([plain | changes, *added])


DEEP = "[" * 100_000 + "]" * 100_000
CASES = {
    "kinetics: a header alone": ("kinetics", "*.csv", KINETICS, "no video with a label"),
    "kinetics: empty": ("kinetics", "train.csv", "", "row 1: no column youtube_id"),
    "kinetics: a huge field": (
        "kinetics",
        "train.csv",
        KINETICS + "x" * 200_000 + ",a,0,1,train,0\n",
        "valid CSV",
    ),
    "kinetics: NUL": (
        "kinetics",
        "train.csv",
        KINETICS + "cat,a\0b,0,1,train,0\n",
        "row 2: youtube_id .*U+0000",
    ),
    "kinetics: leaves": (
        "kinetics",
        "train.csv",
        KINETICS + "cat,../../etc/x,0,1,train,0\n",
        "row 2: ../../etc/x must be relative",
    ),
    "kinetics: a folder": (
        "kinetics",
        "train.csv",
        KINETICS + "cat,sub/x,0,1,train,0\n",
        "youtube_id 'sub/x' must be a file's name",
    ),
    "kinetics: digits": (
        "kinetics",
        "train.csv",
        KINETICS + f"cat,x,{'9' * 5000},1,train,0\n",
        "expected whole seconds",
    ),
    "ssv2: deep": ("ssv2", "*train.json", DEEP, "not valid JSON: nested too deeply"),
    "ssv2: a long number": ("ssv2", "*train.json", "9" * 5000, "not valid JSON"),
    "ssv2: empty list": ("ssv2", "*train.json", "[]", "no videos"),
    "ssv2: no labels": ("ssv2", "*labels.json", "{}", "no labels"),
    "ssv2: an id of 5,000 digits": (
        "ssv2",
        "*labels.json",
        json.dumps({"a": "9" * 5000}),
        "expected a class id",
    ),
    "ssv2: an id that is true": ("ssv2", "*labels.json", '{"a": true}', "expected a class id"),
    "ssv2: an id that is negative": ("ssv2", "*labels.json", '{"a": -1}', "expected a class id"),
    "ssv2: leaves": ("ssv2", "*train.json", entries(id="../../secret"), "../../secret must be relative"),
    "ssv2: absolute": ("ssv2", "*train.json", entries(id="/etc/passwd"), "/etc/passwd must be relative"),
    "ssv2: NUL": ("ssv2", "*train.json", entries(id="a\0"), "U+0000"),
    "ssv2: half a character": ("ssv2", "*train.json", entries(id="\ud800"), "half a character"),
    "ssv2: a label of half a character": (
        "ssv2",
        "*labels.json",
        json.dumps({"\ud800": 0}),
        "half a character",
    ),
    "ssv2: an entry of a megabyte": (
        "ssv2",
        "*train.json",
        json.dumps(["x" * 1_000_000]),
        "expected id and template",
    ),
    "ssv2: a template of a megabyte": (
        "ssv2",
        "*train.json",
        entries(template="x" * 1_000_000),
        "not in the list",
    ),
    "ucf101: empty lists": ("ucf101", "ucfTrainTestlist/t*list*.txt", "", "no videos"),
    "ucf101: leaves": (
        "ucf101",
        "ucfTrainTestlist/trainlist01.txt",
        "../x.avi 1\n",
        "../x.avi must be relative",
    ),
    "ucf101: NUL": ("ucf101", "ucfTrainTestlist/trainlist01.txt", "TaiChi/\0.avi 3\n", "U+0000"),
    "hmdb51: leaves": (
        "hmdb51",
        "*splits/climb_test_split1.txt",
        "../x.avi 1\n",
        "../x.avi must be relative",
    ),
    "hmdb51: empty": ("hmdb51", "*splits/climb_test_split1.txt", "", "no videos"),
    "list: digits": ("list", "train.txt", f"a.mp4 {'9' * 5000}\n", "class id 9999"),
    "list: leaves": ("list", "train.txt", "../a.mp4 0\n", "must be relative"),
    "list: NUL": ("list", "train.txt", "a\0.mp4 0\n", "U+0000"),
}


@pytest.mark.parametrize("case", CASES)
def test_hostile_files_are_refused_in_one_line(copy, case):
    name, pattern, content, expected = CASES[case]
    folder = copy(name)
    changed = list(folder.glob(pattern))
    assert changed
    for file in changed:
        file.write_text(content, encoding="utf-8")
    message = refusal(name, folder)
    first, _, last = expected.partition(".*")
    assert first in message and last in message, message


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("what", ["not UTF-8", "a folder", "a fifo", "endless"])
def test_a_file_that_is_no_text_is_refused(copy, name, what):
    folder = copy(name)
    file = folder / FORMATS[name][1]
    file.unlink()
    if what == "not UTF-8":
        file.write_bytes(b"\xff\xfe\x00a")
    elif what == "a folder":
        file.mkdir()
    elif what == "a fifo":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    refusal(name, folder)


@pytest.mark.parametrize("bad", BREAKS)
def test_a_label_is_one_line_of_text(tmp_path, bad):
    """Or the ids of the labels after it would be those of others."""
    file = tmp_path / "annotations.csv"
    text = f'path,label,split\na.mp4,"first{bad}second",train\nb.mp4,third,train\n'
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    message = refusal("plain", tmp_path)
    if bad != "\ud800":
        assert "annotations.csv, row " in message and " has " in message
    file.write_text("path,label,split\na.mp4,first,train\nb.mp4,third,train\n")
    if bad not in "\n\r\ud800":
        (tmp_path / "labels.txt").write_text(f"first{bad}second\nfirst\nthird\n")
        assert "labels.txt, line 1" in refusal("plain", tmp_path)


def test_the_manifest_keeps_the_id_of_every_label_whatever_it_holds(tmp_path):
    strange = (*(f"a{bad}b" for bad in BREAKS), 'last, "quoted" {} ü')
    file = tmp_path / "labels.json"
    file.write_text(labels.class_ids_json(strange), encoding="utf-8")
    assert list(json.loads(file.read_text()).items()) == [(label, i) for i, label in enumerate(strange)]
    with pytest.raises(UserError, match="a line break"):
        labels.read_class_ids(file)
    file.write_text(labels.class_ids_json(strange[-1:]), encoding="utf-8")
    assert labels.read_class_ids(file) == strange[-1:]


def test_labels_that_are_not_those_of_the_manifest_are_noticed(sources, tmp_path):
    found = annotations.read("list", sources / "list")
    build_manifest.prepare(found, tmp_path, 1, 1.0)
    assert manifest.read(tmp_path).labels == found.labels
    (tmp_path / "labels.json").write_text(labels.class_ids_json(tuple(reversed(found.labels))))
    with pytest.raises(UserError, match="has the label 'a cup' for class id 0"):
        manifest.read(tmp_path)


def test_many_labels_are_read_at_once(tmp_path):
    """As many as took a minute, when each was compared with all before it."""
    file = tmp_path / "labels.txt"
    file.write_text("".join(f"label {number}\n" for number in range(100_000)))
    assert len(labels.read_labels(file)) == 100_000
