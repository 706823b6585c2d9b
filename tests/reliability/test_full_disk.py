"""What a machine lacks, disk or memory: one line and nothing half-written; nothing but time with a cache."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

import video_files
from m2clip import paths
from m2clip.data import annotations, build_manifest, dataset, probing
from m2clip.data.frame_cache import FrameCache
from m2clip.errors import UserError, guarded
from m2clip.training.checkpoint import load_state, save_state

FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    for number in range(3):
        video_files.write(folder / f"{number}.mp4", 20)
    lines = "".join(f"{number}.mp4,label,train\n" for number in range(3))
    (folder / "annotations.csv").write_text(f"path,label,split\n{lines}")
    return folder


def prepare(source, out):
    return build_manifest.prepare(annotations.read("plain", source), out, 1, 0)


def fail(error):
    def do(*arguments, **more):
        raise error

    return do


def half_of(error):
    """A function that writes to the path that it is given and ends in the middle, as on a disk that fills."""

    def do(*arguments, **more):
        path = next(each for each in arguments if isinstance(each, Path))
        path.write_bytes(HALF)
        raise error

    return do


HALF = b"half of it"
WRITES = {
    "the folder": (Path, "mkdir"),
    "invalid.csv": (pd.DataFrame, "to_csv"),
    "manifest.parquet": (pd.DataFrame, "to_parquet"),
    "labels.json": (Path, "write_text"),
}
# What `prepare` may leave; a file that it was writing to (.tmp, .part) is none of it.
WHOLE = {"invalid.csv", "labels.json", "videos.txt", "manifest.parquet", "probes.jsonl"}


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.glob("*")}


@pytest.mark.parametrize("error", [FULL, READ_ONLY], ids=["full", "read-only"])
@pytest.mark.parametrize("what", WRITES)
def test_prepare_says_what_it_cannot_write(source, tmp_path, monkeypatch, what, error):
    """Of a disk that is full, half of the file fits; of one that is read-only, nothing."""
    how = half_of if error is FULL and what != "the folder" else fail
    monkeypatch.setattr(*WRITES[what], how(error))
    with pytest.raises(UserError, match=f"cannot be written: {error.strerror}") as caught:
        prepare(source, tmp_path / "out")
    assert "\n" not in str(caught.value) and (what == "the folder" or what in str(caught.value))
    monkeypatch.undo()
    left = contents(tmp_path / "out")
    assert left.keys() <= WHOLE - {"manifest.parquet"} and HALF not in left.values()
    assert len(prepare(source, tmp_path / "out").table) == 3
    before = contents(tmp_path / "out")
    assert before.keys() == WHOLE - {"probes.jsonl"}
    monkeypatch.setattr(*WRITES[what], how(error))
    with pytest.raises(UserError, match="cannot be written"):
        prepare(source, tmp_path / "out")
    monkeypatch.undo()
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in before} == before and after.keys() <= WHOLE


@pytest.mark.parametrize("error", [FULL, RuntimeError("PytorchStreamWriter failed writing file")])
def test_a_disk_that_fills_while_a_checkpoint_is_saved_leaves_the_one_before(tmp_path, monkeypatch, error):
    """For which torch has an error of its own."""
    save_state(tmp_path, 1, {"a": torch.ones(3)})
    monkeypatch.setattr(torch, "save", half_of(error))
    with pytest.raises(UserError, match=r"00000002\.pt: cannot be written, is the disk full"):
        save_state(tmp_path, 2, {"a": torch.zeros(3)})
    assert [file.name for file in tmp_path.iterdir()] == ["00000001.pt"]
    step, state = load_state(tmp_path)
    assert step == 1 and torch.equal(state["a"], torch.ones(3))


def test_a_disk_that_fills_while_videos_are_probed(source, tmp_path, monkeypatch):
    """What was measured before is not measured again."""
    plain, probed = probing._remember, []

    def remember(file, log, key, outcome):
        probed.append(key[0])
        if len(probed) == 3:
            raise probing.cannot_write(log, FULL)
        plain(file, log, key, outcome)

    monkeypatch.setattr(probing, "_remember", remember)
    with pytest.raises(UserError, match=r"probes\.jsonl: cannot be written: No space left on device"):
        prepare(source, tmp_path / "out")
    probed.clear()
    assert len(prepare(source, tmp_path / "out").table) == 3
    assert len(probed) == 1


def test_the_real_disk_that_is_always_full(source):
    """Linux has one."""
    with pytest.raises(UserError, match="/dev/full: cannot be written: No space left on device"):
        probing.probe_all(source, ["0.mp4"], Path("/dev/full"), 1)


@pytest.fixture
def prepared(source, tmp_path):
    return prepare(source, tmp_path / "out")


def told(capfd):
    return capfd.readouterr().err.count("no more decoded frames are kept")


def videos(prepared, cache):
    return dataset.Videos(prepared, "train", cache=FrameCache(cache, prepared))


def test_a_cache_in_a_place_that_cannot_be_a_folder(prepared, tmp_path, capfd):
    (tmp_path / "file").touch()
    capfd.readouterr()
    found = videos(prepared, tmp_path / "file/cache")
    assert len(found.frames(0, [0, 1])) == len(found.frames(1, [0, 1])) == 2
    assert told(capfd) == 1


def test_a_read_only_cache_is_still_read(prepared, tmp_path, monkeypatch, capfd):
    right = videos(prepared, tmp_path / "cache").frames(0, [3, 5])
    plain = os.open

    def read_only(path, flags, *more):
        if flags & os.O_RDWR:
            raise READ_ONLY
        return plain(path, flags, *more)

    monkeypatch.setattr(os, "open", read_only)
    capfd.readouterr()
    again = videos(prepared, tmp_path / "cache")
    monkeypatch.setattr(dataset, "read", lambda *asked: pytest.fail("decoded again"))
    assert (again.frames(0, [3, 5]) == right).all()
    monkeypatch.undo()
    assert len(again.frames(1, [0])) == 1
    assert told(capfd) == 1
    assert again.cache.get("1.mp4", [0]) is None


def test_a_full_cache_is_told_once_and_read_on(prepared, tmp_path, monkeypatch, capfd):
    found = videos(prepared, tmp_path / "cache")
    kept = found.frames(0, [3])
    monkeypatch.setattr(os, "pwrite", fail(FULL))
    capfd.readouterr()
    for index in (1, 2):
        assert len(found.frames(index, [0])) == 1
    assert told(capfd) == 1
    assert (found.cache.get("0.mp4", [3]) == kept).all()


MACHINE = {
    "full": (FULL, "No space left on device"),
    "read-only": (READ_ONLY, "Read-only file system"),
    "forbidden": (PermissionError(errno.EACCES, "Permission denied", "a\x1bb"), r"a\x1bb: Permission denied"),
    "memory": (MemoryError(), "raise train.accumulate or lower train.batch"),
    "memory of a GPU": (torch.OutOfMemoryError("CUDA out of memory."), "lower train.batch"),
    "memory of torch": (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "lower train.batch"),
    "what strangers wrote": (UserError("a\x1b[31m\nb"), r"error: a\x1b[31m\nb"),
}


@pytest.mark.parametrize(("error", "said"), MACHINE.values(), ids=MACHINE)
def test_what_the_machine_lacks_is_one_line_of_any_command(capsys, error, said):
    with pytest.raises(SystemExit) as ended:
        guarded(fail(error))
    line = capsys.readouterr().err
    assert ended.value.code == 1 and line.startswith("error: ") and said in line
    assert line[:-1].isprintable() and line.endswith("\n")


def test_a_mistake_of_ours_keeps_its_trace():
    with pytest.raises(OSError, match="not known"):
        guarded(fail(OSError(errno.ECONNREFUSED, "not known")))
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: print(1 / 0))


def test_an_output_is_never_written_through_a_hard_link(tmp_path):
    """As DVC's cache has them."""
    cache, output = tmp_path / "cache", tmp_path / "output.txt"
    cache.write_text("kept")
    os.link(cache, output)
    with paths.written_anew(output) as part:
        part.write_text("new")
    assert (cache.read_text(), output.read_text()) == ("kept", "new")
    with pytest.raises(ZeroDivisionError), paths.written_anew(output) as part:
        part.write_text("half")
        print(1 / 0)
    assert output.read_text() == "new" and {file.name for file in tmp_path.iterdir()} == {
        "cache",
        "output.txt",
    }


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    """Another process that writes the same file goes on."""
    left = """
import os, sys
from m2clip import paths
with paths.written_anew(paths.Path(sys.argv[1])) as part:
    part.mkdir() if sys.argv[2] else part.write_text('half')
    os.kill(os.getpid(), 9)
"""
    for name, folder in (("a.txt", ""), ("b.txt", ""), ("made", "yes")):
        subprocess.run([sys.executable, "-c", left, str(tmp_path / name), folder], check=False)
    assert len(list(tmp_path.iterdir())) == 2  # the second has removed what the first left
    with paths.written_anew(tmp_path / "a.txt") as mine:
        mine.write_text("mine")
        other = mine.with_name(mine.name.replace(str(os.getpid()), str(os.getppid())))
        other.write_text("of another that is alive")
        with paths.written_anew(tmp_path / "b.txt") as part:
            part.write_text("b")
        assert mine.exists() and other.exists()
    with paths.written_anew(tmp_path / "made") as part:
        part.mkdir()
    assert {file.name for file in tmp_path.iterdir()} == {"a.txt", "b.txt", "made", other.name}
