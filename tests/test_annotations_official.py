"""Official annotations: which video has which class and split, and every mistake in one line."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import official_files as official
from m2clip.data import annotations, build_manifest, labels
from m2clip.data.annotations import hmdb51, kinetics, listed, records, ssv2, ucf101
from m2clip.data.annotations.files import find
from m2clip.errors import UserError

ROOT = Path(__file__).parents[1]
# The labels of K400 that have parentheses, as published; experiments/labels/kinetics400.txt has lost them.
PARENTHESES = {
    "passing American football in game": "passing American football (in game)",
    "passing American football not in game": "passing American football (not in game)",
    "petting animal not cat": "petting animal (not cat)",
    "punching person boxing": "punching person (boxing)",
    "shooting goal soccer": "shooting goal (soccer)",
    "skiing not slalom or crosscountry": "skiing (not slalom or crosscountry)",
    "tying knot not on a tie": "tying knot (not on a tie)",
    "using remote controller not gaming": "using remote controller (not gaming)",
}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    for name in ("kinetics", "ssv2", "ucf101", "hmdb51", "listed"):
        getattr(official, name)(folder / name)
    return folder


@pytest.fixture
def copy(sources, tmp_path):
    return lambda name: Path(shutil.copytree(sources / name, tmp_path / name))


def told(read):
    """Of every video by its stem: label, class id and splits; each lies where it is said to lie."""
    assert all((read.folder / record.path).is_file() for record in read.records)
    assert all(read.labels[record.class_id] == record.label for record in read.records)
    return {Path(r.path).stem: (r.label, r.class_id, r.splits) for r in read.records}


def test_kinetics(sources):
    read = annotations.read("kinetics", sources / "kinetics")
    assert read.labels == ("petting cat", "skiing (not slalom or crosscountry)", "skiing crosscountry")
    videos = told(read)
    assert len(videos) == 12
    assert videos["-train_11-x_000010_000020"] == (read.labels[1], 1, ("train",))
    assert videos["-val_20-xyz_000000_000010"] == (read.labels[2], 2, ("validation",))
    assert read.unlabelled == {"test": 1} and read.extra == () and read.known == {}
    assert [file.name for file in read.files] == ["test.csv", "train.csv", "val.csv"]


def test_kinetics_in_one_folder_is_the_same(sources, tmp_path):
    one = official.kinetics(tmp_path / "one", by_label=False)
    assert told(kinetics.read(one)) == told(kinetics.read(sources / "kinetics"))


def test_kinetics_class_ids_are_those_of_the_published_list(tmp_path):
    """All 400 labels: sorted with parentheses, which is not the order without them."""
    published = labels.read_labels(ROOT / "experiments/labels/kinetics400.txt")
    rows = [
        f"{PARENTHESES.get(label, label)},id{i},0,10,train" for i, label in enumerate(reversed(published))
    ]
    header = "label,youtube_id,time_start,time_end,split\n"
    (tmp_path / "train.csv").write_text(header + "\n".join(rows))
    read = kinetics.read(tmp_path)
    assert labels.rename(read.labels, ["no_parentheses"]) == published
    assert read.known["validation"] == 19_906
    (tmp_path / "train.csv").write_text(header + "\n".join(rows).replace("(", "").replace(")", ""))
    with pytest.raises(UserError, match=r"class id 308 is 'skiing crosscountry', where .*kinetics400"):
        kinetics.read(tmp_path)


def test_kinetics_replacements_and_doubles(copy):
    folder = copy("kinetics")
    there = next((folder / "val").rglob("*.mp4"))
    (folder / "replacement/replacement_for_corrupted").mkdir(parents=True)
    mended = shutil.copy(there, folder / "replacement/replacement_for_corrupted" / there.name)
    paths = {record.path for record in kinetics.read(folder).records}
    assert Path(mended).relative_to(folder).as_posix() in paths
    assert there.relative_to(folder).as_posix() not in paths
    (folder / "replacement/replacement_for_corrupted").rename(folder / "again")
    with pytest.raises(UserError, match=f"{there.stem} is there 2 times"):
        kinetics.read(folder)


def test_missing_and_extra_files(copy):
    folder = copy("kinetics")
    there = sorted((folder / "val").rglob("*.mp4"))
    there[0].rename(there[0].with_name("other.mp4"))
    read = kinetics.read(folder)
    assert [Path(path).name for path in read.extra] == ["other.mp4"]
    assert there[0].name in {record.path for record in read.records}


def test_ssv2(sources, tmp_path):
    read = annotations.read("ssv2", sources / "ssv2")
    assert read.labels == ("Pretending to pick something up", "Moving something up", "Dropping something")
    videos = told(read)
    assert videos["100"] == ("Dropping something", 2, ("train",))
    assert videos["502"] == ("Pretending to pick something up", 0, ("validation",))
    assert len(videos) == 12 and read.unlabelled == {"test": 2}
    converted = official.ssv2(tmp_path / "mp4", ending=".mp4", prefix=False)
    assert told(ssv2.read(converted)) == videos
    assert told(ssv2.read(converted / "20bn-something-something-v2", sources / "ssv2")) == videos


def test_ucf101(sources):
    read = annotations.read("ucf101", sources / "ucf101")
    videos = told(read)
    assert read.labels == official.UCF101
    assert videos["v_HandstandPushups_g02_c01"] == ("HandstandPushups", 1, ("test2", "train1", "train3"))
    assert Counter(split for *_, splits in videos.values() for split in splits) == {
        **{f"train{n}": 6 for n in (1, 2, 3)},
        **{f"test{n}": 3 for n in (1, 2, 3)},
    }
    assert ucf101.KNOWN["train1"] == 9_537 and ucf101.KNOWN["test3"] == 3_696


def test_hmdb51(sources):
    read = annotations.read("hmdb51", sources / "hmdb51")
    videos = told(read)
    assert read.labels == ("brush_hair", "climb", "climb_stairs")
    assert videos["a#0_climb_stairs_u_nm"] == ("climb_stairs", 2, ("test1", "train2", "train3"))
    assert videos["a#3_climb_u_nm"] == ("climb", 1, ())
    assert len(videos) == 12


def test_lists(sources, copy):
    videos = told(annotations.read("list", sources / "listed"))
    assert videos["1_0"] == ("a ball", 1, ("validation",)) or videos["1_0"] == ("a ball", 1, ("train",))
    read = listed.read(sources / "listed")
    assert Counter(record.splits for record in read.records) == {("train",): 6, ("validation",): 6}
    folder = copy("listed")
    (folder / "labels.txt").unlink()
    for split in ("train", "val"):
        text = (folder / f"{split}.txt").read_text()
        texts = text.replace(" 0", "\ta cup").replace(" 1", "\ta ball").replace(" 2", "\ta hat")
        (folder / f"{split}.txt").write_text(texts)
    again = listed.read(folder)
    assert again.labels == ("a ball", "a cup", "a hat")
    assert {r.path: r.label for r in again.records} == {r.path: r.label for r in read.records}


def edited(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


SSV2_LABELS, SSV2_TRAIN = (f"something-something-v2-{name}.json" for name in ("labels", "train"))
UCF_CLASSES, UCF_TRAIN, UCF_TEST = (
    f"ucfTrainTestlist/{name}.txt" for name in ("classInd", "trainlist01", "testlist01")
)
HMDB_CLIMB = "testTrainMulti_7030_splits/climb_test_split2.txt"


@pytest.mark.parametrize(
    "name, file, old, new, message",
    (
        ("kinetics", "val.csv", "time_start", "start", r"val.csv, row 1: no column time_start; expected"),
        ("kinetics", "val.csv", ",val,", ",vla,", r"val.csv, row 2: split: expected one of .*, got 'vla'"),
        ("kinetics", "val.csv", ",10,20,", ",x,20,", r"val.csv, row 2: time_start and time_end: .* got 'x'"),
        ("kinetics", "val.csv", ",val,0", "", r"val.csv, row 2: expected 6 values"),
        ("kinetics", "val.csv", "skiing crosscountry,", ",", r"val.csv, row 2: label is empty"),
        ("kinetics", "val.csv", "-val_21-xyz", "-train_21-x", r"train_21-x.* is skiing crosscountry, "),
        ("ssv2", SSV2_LABELS, '"2"', '"7"', r"labels.json: class ids must be all"),
        ("ssv2", SSV2_LABELS, '"2"', '"1"', r"'Moving something up': expected a cla"),
        ("ssv2", SSV2_TRAIN, "[something]", "[thing]", r"train.json, entry 1: label"),
        ("ssv2", SSV2_TRAIN, '"101"', '"100"', r"entry 2: id 100 is there already"),
        ("ssv2", SSV2_TRAIN, "[{", "{", r"train.json: not valid JSON"),
        ("ucf101", UCF_CLASSES, "2 ", "3 ", r"classInd.txt, line 2: expected `2 Label`"),
        ("ucf101", UCF_TRAIN, " 1", " 2", r"line 1: class id 2, where .* has 1"),
        ("ucf101", UCF_TEST, "Apply", "aply", r"label 'aplyEyeMakeup' .* mean Apply"),
        ("ucf101", UCF_TEST, "g01", "g02", r"list01.txt, line 1: .*g02_c01.avi is in"),
        ("hmdb51", HMDB_CLIMB, " 2", " 3", r"line 2: expected `name"),
        ("hmdb51", HMDB_CLIMB, "a#1", "a#0", r"line 2: a#0.* is there"),
        ("listed", "train.txt", " 0", " 3", r"train.txt, line 1: class id 3, where labels.txt ends at 2"),
        ("listed", "train.txt", " 0", "", r"train.txt, line 1: expected a path and a label"),
        ("listed", "train.txt", "train/0_0", "../0_0", r"train.txt, line 1: ../0_0.mp4 must be relative"),
    ),
)
def test_mistakes_name_file_and_row(copy, name, file, old, new, message):
    folder = copy(name)
    edited(folder / file, old, new)
    with pytest.raises(UserError, match=message) as caught:
        annotations.read({"listed": "list"}.get(name, name), folder)
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path):
    for read, message in (
        (kinetics.read, "no CSV of Kinetics"),
        (ssv2.read, "neither something-something-v2-labels.json nor labels.json"),
        (ucf101.read, "classInd.txt: there is no such annotation file"),
        (hmdb51.read, "no list such as brush_hair_test_split1.txt"),
        (listed.read, "no list such as train.txt"),
    ):
        with pytest.raises(UserError, match=message):
            read(tmp_path)


def test_a_list_of_hmdb51_may_not_lack(copy):
    folder = copy("hmdb51")
    (folder / "testTrainMulti_7030_splits/climb_test_split2.txt").unlink()
    with pytest.raises(UserError, match=r"there is no climb_test_split2.txt"):
        hmdb51.read(folder)


def test_published_lists_are_held_to():
    published = list(labels.read_labels(ROOT / "experiments/labels/ucf101.txt"))
    assert records.assert_labels(published, "ucf101", Path("classInd.txt"))
    # another set, or a choice that is called one: nothing to hold to
    for few in (published[:60], ["x", "y"], [*published, *map(str, range(60))]):
        assert not records.assert_labels(few, "ucf101", Path("classInd.txt"))
    swapped = [published[1], published[0], *published[2:]]
    records.assert_labels(swapped, "ucf101", Path("classInd.txt"), ordered=False)
    with pytest.raises(UserError, match=r"classInd.txt: class id 0 is 'ApplyLipstick'"):
        records.assert_labels(swapped, "ucf101", Path("classInd.txt"))
    with pytest.raises(UserError, match="one of the labels is"):
        records.assert_labels([*published[1:], "Yawning"], "ucf101", Path("classInd.txt"), ordered=False)


def test_a_list_with_a_label_less_or_more_is_refused(tmp_path):
    """399 of K400's labels: all class ids from the missing one on would be another's."""
    published = list(labels.read_labels(ROOT / "experiments/labels/kinetics400.txt"))
    for lacking, more, named in (
        ("abseiling", [], "399 labels, where .*kinetics400.txt has 400: 'abseiling' is not there"),
        (None, ["waltzing"], "401 labels, .*: 'waltzing' is not in the list"),
        ("abseiling", ["waltzing", "yodelling"], "401 labels, .*'abseiling' is not there"),
    ):
        mine = [PARENTHESES.get(label, label) for label in published if label != lacking] + more
        rows = "\n".join(f"{label},id{i},0,10,train" for i, label in enumerate(mine))
        (tmp_path / "train.csv").write_text(f"label,youtube_id,time_start,time_end,split\n{rows}")
        with pytest.raises(UserError, match=named) as caught:
            kinetics.read(tmp_path)
        assert "format `list`" in str(caught.value) and "\n" not in str(caught.value)


def test_two_videos_of_a_name_are_told_apart_by_their_folders(tmp_path):
    """HMDB51 has a list a label, so a name may be in two; a lone file must not stand for both."""
    for label in ("brush_hair", "cartwheel"):
        for split in (1, 2, 3):
            (tmp_path / f"{label}_test_split{split}.txt").write_text("x.avi 2\n")
    (tmp_path / "brush_hair").mkdir()
    (tmp_path / "brush_hair/x.avi").write_bytes(b"1")
    read = hmdb51.read(tmp_path)
    lying = [r.label for r in read.records if (tmp_path / r.path).is_file()]
    assert lying == ["brush_hair"] and len(read.records) == 2
    (tmp_path / "cartwheel").mkdir()
    (tmp_path / "cartwheel/x.avi").write_bytes(b"2")
    assert told(hmdb51.read(tmp_path))["x"] and hmdb51.read(tmp_path).extra == ()
    assert {(r.path, r.label) for r in hmdb51.read(tmp_path).records} == {
        ("brush_hair/x.avi", "brush_hair"),
        ("cartwheel/x.avi", "cartwheel"),
    }


def test_one_file_of_two_annotated_videos_is_an_error(tmp_path):
    (tmp_path / "climb").mkdir()
    (tmp_path / "climb/x.mp4").write_bytes(b"1")
    with pytest.raises(UserError, match=r"climb/x.mp4 is the only file of two .*, climb/x.avi and climb/x.m"):
        find(tmp_path, ["climb/x.avi", "climb/x.mkv"])


def test_ssv2_of_174_labels_is_held_to_the_list(tmp_path):
    published = labels.read_labels(ROOT / "experiments/labels/ssv2.txt")
    ids = {label: str(i) for i, label in enumerate(published)}
    for split, label in (("train", published[3]), ("validation", published[5])):
        (tmp_path / f"{split}.json").write_text(json.dumps([{"id": split, "template": label}]))
    (tmp_path / "labels.json").write_text(json.dumps(ids))
    assert ssv2.read(tmp_path).known["train"] == 168_913
    (tmp_path / "labels.json").write_text(json.dumps(ids | {published[0]: "1", published[1]: "0"}))
    with pytest.raises(UserError, match="class id 0 is"):
        ssv2.read(tmp_path)


@pytest.mark.parametrize(
    "steps, label, written",
    (
        (["spaces"], "ApplyEyeMakeup", "Apply Eye Makeup"),
        (["spaces", "lower"], "YoYo", "yo yo"),
        (["spaces"], "brush_hair", "brush hair"),
        (["spaces"], "TVShow", "TV Show"),
        (["no_parentheses"], "skiing (not slalom or crosscountry)", "skiing not slalom or crosscountry"),
        ([], "TaiChi", "TaiChi"),
    ),
)
def test_labels_are_rewritten(steps, label, written):
    assert labels.rename([label], steps) == (written,)


def test_rewriting_keeps_class_ids_and_labels_apart(sources):
    read = annotations.read("kinetics", sources / "kinetics")
    chosen = build_manifest.select(read, ("validation",), ("no_parentheses",))
    assert chosen.labels[1] == "skiing not slalom or crosscountry"
    assert {(r.class_id, r.label) for r in chosen.records} == set(enumerate(chosen.labels))
    assert {r.splits for r in chosen.records} == {("validation",)} and len(chosen.records) == 6
    with pytest.raises(UserError, match="makes 'a' of both 'A' and 'a'"):
        labels.rename(["A", "a"], ["lower"])
    with pytest.raises(UserError, match=r"no 'space' \(did you mean spaces\?\)"):
        labels.rename(["A"], ["space"])
    with pytest.raises(UserError, match=r"splits: there is no 'val'"):
        build_manifest.select(read, ("val",), ())


def test_overlap():
    found = labels.overlap(
        ["ApplyLipstick", "HorseRiding", "tai_chi", "golf"],
        ["riding horse", "Tai chi", "apply lipstick", "x"],
    )
    assert [(s.label, s.other, s.match) for s in found] == [
        ("ApplyLipstick", "apply lipstick", "exact"),
        ("HorseRiding", "riding horse", "words"),
        ("tai_chi", "Tai chi", "exact"),
    ]
