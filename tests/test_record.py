"""What `record` calls a change that alters no result."""

import pytest

from m2clip.stages import record

DEFAULTS = {"train": {"lr": 0.1, "clip": 1.0}, "seed": 0}
OLD = {"train": {"lr": 0.5}, "inputs": {"code": "a", "data": "b"}}


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (OLD, []),
        (OLD | {"inputs": {"code": "other", "data": "b"}}, []),
        (OLD | {"train": {"lr": 0.5, "clip": 1.0}, "seed": 0}, []),
        (OLD | {"inputs": {"code": "a", "data": "other"}}, ["inputs.data"]),
        (OLD | {"train": {"lr": 0.4}}, ["train.lr"]),
        (OLD | {"train": {}}, ["train.lr"]),
        (OLD | {"train": {"lr": 0.5, "clip": 2.0}}, ["train.clip"]),
        (OLD | {"train": {"lr": 0.5, "unknown": 1}}, ["train.unknown"]),
        (OLD | {"seed": 1}, ["seed"]),
        ({"train": OLD["train"]}, ["inputs"]),
    ],
)
def test_nothing_but_the_codes_digest_and_new_keys_at_their_default_may_differ(new, told):
    assert list(record._changes(OLD, new, DEFAULTS)) == told


def test_a_folders_digest_is_dvcs_own(tmp_path):
    """DVC's: the md5 of the list of its files as JSON, with .dir after it."""
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB
    from dvc_objects.fs.local import LocalFileSystem

    folder = tmp_path / "training"
    (folder / "below").mkdir(parents=True)
    (folder / "history.csv").write_text("step,loss\n1,0.5\n")
    (folder / "below/provenance.json").write_text("{}\n")
    files = LocalFileSystem()
    found = build(HashFileDB(files, str(tmp_path / "cache")), str(folder), files, "md5")
    assert record._digest(folder)["md5"] == found[-1].hash_info.value
    assert record._digest(folder)["nfiles"] == 2
