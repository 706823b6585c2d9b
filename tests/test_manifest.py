"""Annotations and the manifest: every video accounted for, the same bytes every time, and resumable."""

import json
import shutil
from pathlib import Path

import pytest

import video_files
from m2clip.data import annotations, build_manifest, manifest, probing
from m2clip.data.annotations import plain
from m2clip.data.prompts import prompts
from m2clip.errors import UserError

LABELS = ("a ball rising", "a ball falling", "a cup spinning")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Six videos, one of them missing and one cut short."""
    folder = tmp_path_factory.mktemp("source")
    for i in range(5):
        video_files.write(folder / f"videos/{i}.mp4", 20 + i)
    whole = (folder / "videos/3.mp4").read_bytes()
    (folder / "videos/3.mp4").write_bytes(whole[: len(whole) // 2])
    rows = [
        (f"videos/{i}.mp4", LABELS[i % 3], ("train", "test1 test3", "train")[i % 3])
        for i in (5, 3, 1, 0, 2, 4)
    ]
    lines = ["path,label,split", *(",".join(row) for row in rows)]
    (folder / "annotations.csv").write_text("\n".join(lines) + "\n")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    return folder


@pytest.fixture
def copy(source, tmp_path):
    return Path(shutil.copytree(source, tmp_path / "source"))


def prepare(source, folder, jobs=1, max_invalid=0.5):
    return build_manifest.prepare(annotations.read("plain", source), folder, jobs, max_invalid)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_is_written(source, tmp_path):
    made = prepare(source, tmp_path / "out")
    found = manifest.read(tmp_path / "out")
    assert found.labels == made.labels == LABELS and found.folder == source
    assert found.table.equals(made.table)
    table = found.table.set_index("path")
    assert list(table.index) == [f"videos/{i}.mp4" for i in range(6)]
    assert table["status"].tolist() == ["valid"] * 3 + ["broken", "valid", "missing"]
    assert table["frames"].tolist() == [20, 21, 22, 0, 24, 0]
    assert table["class_id"].tolist() == [0, 1, 2, 0, 1, 2]
    assert table.loc["videos/4.mp4", "duration"] == pytest.approx(24 / 25)
    assert len(table.loc["videos/0.mp4", "md5"]) == 32
    invalid = (tmp_path / "out/invalid.csv").read_text().splitlines()
    assert invalid[0] == "path,label,split,reason" and len(invalid) == 3
    assert invalid[2] == "videos/5.mp4,a cup spinning,train,missing"
    assert str(tmp_path) not in "".join(invalid)
    assert sorted(content(tmp_path / "out")) == [
        "invalid.csv",
        "labels.json",
        "manifest.parquet",
        "videos.txt",
    ]


def test_same_input_same_bytes_whatever_the_order_and_the_jobs(source, copy, tmp_path):
    prepare(source, tmp_path / "one")
    prepare(source, tmp_path / "two", jobs=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    lines = (copy / "annotations.csv").read_text().splitlines()
    (copy / "annotations.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    prepare(copy, tmp_path / "three")
    assert manifest.digest(tmp_path / "one") == manifest.digest(tmp_path / "three")
    for name in ("manifest.parquet", "invalid.csv", "labels.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()


def test_digest_depends_on_content_and_labels(copy, tmp_path):
    digests = [prepare(copy, tmp_path / "0").digest()]
    video_files.write(copy / "videos/0.mp4", 20, rate=24)
    digests.append(prepare(copy, tmp_path / "1").digest())
    (copy / "labels.txt").write_text("\n".join(reversed(LABELS)))
    digests.append(prepare(copy, tmp_path / "2").digest())
    assert len(set(digests)) == 3


def test_rows_of_a_split(source, tmp_path):
    made = prepare(source, tmp_path)
    assert made.splits() == ("test1", "test3", "train")
    assert made.rows("train")["path"].tolist() == ["videos/0.mp4", "videos/2.mp4"]
    assert made.rows("test1").equals(made.rows("test3"))
    assert made.rows("test3")["path"].tolist() == ["videos/1.mp4", "videos/4.mp4"]
    with pytest.raises(UserError, match=r"no split 'trian' \(did you mean train\?\); splits are"):
        made.rows("trian")


def test_a_split_without_a_valid_video(copy, tmp_path):
    for i in (0, 2):
        (copy / f"videos/{i}.mp4").unlink()
    with pytest.raises(UserError, match="'train' has no valid video"):
        prepare(copy, tmp_path / "out", max_invalid=1).rows("train")


def test_too_many_invalid(source, tmp_path):
    with pytest.raises(UserError) as caught:
        prepare(source, tmp_path, max_invalid=0.3)
    message = str(caught.value)
    assert "2 of 6" in message and "videos/3.mp4: " in message and "prepare.max_invalid to 0.3334" in message
    assert "\n" not in message
    assert (tmp_path / "invalid.csv").exists() and not (tmp_path / "manifest.parquet").exists()
    assert len(prepare(source, tmp_path, max_invalid=0.3334).table) == 6


def test_goes_on_where_it_was_stopped(source, tmp_path, monkeypatch):
    """Stopped at the fourth video and in the middle of a line; the second call probes only the rest."""
    probed = []
    plain_probe = probing.probe

    def stopping(path):
        if len(probed) == 3:
            raise KeyboardInterrupt
        probed.append(path.name)
        return plain_probe(path)

    monkeypatch.setattr(probing, "probe", stopping)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, tmp_path / "stopped")
    log = tmp_path / "stopped/probes.jsonl"
    log.write_text(log.read_text() + '\n{"key": ["videos/0.mp')
    first = list(probed)
    monkeypatch.setattr(probing, "probe", lambda path: probed.append(path.name) or plain_probe(path))
    prepare(source, tmp_path / "stopped")
    assert 0 < len(first) <= 3 and sorted(probed) == [f"{i}.mp4" for i in range(6)]
    monkeypatch.undo()
    prepare(source, tmp_path / "whole")
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_a_file_that_changed_is_probed_again(copy, tmp_path):
    with pytest.raises(UserError):
        prepare(copy, tmp_path / "out", max_invalid=0)
    assert len((tmp_path / "out/probes.jsonl").read_text().split()) > 6
    video_files.write(copy / "videos/3.mp4", 23)
    video_files.write(copy / "videos/5.mp4", 25)
    assert prepare(copy, tmp_path / "out", max_invalid=0).table["frames"].tolist() == [20, 21, 22, 23, 24, 25]


def test_progress_is_told_on_stderr(source, tmp_path, capsys):
    prepare(source, tmp_path)
    captured = capsys.readouterr()
    assert "videos probed" in captured.err and "6/6" in captured.err and captured.out == ""


def test_the_folder_may_move_with_its_videos(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare(Path("source"), Path("out"))
    assert (tmp_path / "out/videos.txt").read_text() == "../source\n"
    (tmp_path / "elsewhere").mkdir()
    for name in ("source", "out"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    assert (manifest.read(Path("elsewhere/out")).folder / "videos/0.mp4").exists()


def test_no_manifest(tmp_path):
    with pytest.raises(UserError, match="run `dvc repro prepare`"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    "row, message",
    (
        ("videos/0.mp4,a ball rising", "row 3: expected 3 values, got 2"),
        ("videos/0.mp4,,train", "row 3: label is empty"),
        ("videos/0.mp4,a ball rising,", "row 3: split is empty"),
        (
            "videos/0.mp4,a bal rising,train",
            r"row 3: label 'a bal rising' .* \(did you mean a ball rising\?\)",
        ),
        ("v.mp4,a ball rising,train", "row 3: v.mp4 is there already"),
        ("../0.mp4,a ball rising,train", "row 3: ../0.mp4 must be relative"),
        ("/0.mp4,a ball rising,train", "row 3: /0.mp4 must be relative"),
    ),
)
def test_mistakes_in_annotations_name_file_and_row(tmp_path, row, message):
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    (tmp_path / "annotations.csv").write_text(f"path,label,split\nv.mp4,a ball rising,train\n{row}\n")
    with pytest.raises(UserError, match=f"annotations.csv, {message}"):
        plain.read(tmp_path)


@pytest.mark.parametrize(
    "text, message",
    (
        ("file,label,split\n", "row 1: expected the header"),
        ("path,label,split\n", "no videos"),
        ("", "row 1"),
    ),
)
def test_annotations_without_content(tmp_path, text, message):
    (tmp_path / "annotations.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        plain.read(tmp_path)


def test_other_mistakes(tmp_path):
    with pytest.raises(UserError, match="there is no such annotation file"):
        plain.read(tmp_path)
    with pytest.raises(UserError, match=r"no format 'plane' \(did you mean plain\?\)"):
        annotations.read("plane", tmp_path)
    (tmp_path / "annotations.csv").write_text("path,label,split\nv.mp4,b,train\n")
    (tmp_path / "labels.txt").write_text("b\nb\n")
    with pytest.raises(UserError, match=r"labels\.txt, line 2: 'b' is there already"):
        plain.read(tmp_path)


def test_labels_in_class_id_order_or_sorted(tmp_path):
    (tmp_path / "annotations.csv").write_text('path,label,split\nv.mp4,"b, or c",train\nw.mp4,a,train test\n')
    read = plain.read(tmp_path)
    assert read.labels == ("a", "b, or c")
    assert [(r.label, r.class_id, r.splits) for r in read.records] == [
        ("b, or c", 1, ("train",)),
        ("a", 0, ("train", "test")),
    ]
    (tmp_path / "labels.txt").write_text("b, or c\na\nunused\n")
    assert plain.read(tmp_path).labels == ("b, or c", "a", "unused")


def test_log_is_one_json_a_line(source, tmp_path):
    probing.probe_all(source, ["videos/0.mp4", "videos/5.mp4"], tmp_path / "log", 1)
    entries = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line]
    assert [entry["key"][0] for entry in entries] == ["videos/0.mp4", "videos/5.mp4"]
    assert entries[0]["outcome"]["frames"] == 20 and entries[1]["outcome"] == "missing"


def test_prompts():
    assert prompts(["a {} b", "cup"], "a video of {}.") == ["a video of a {} b.", "a video of cup."]
