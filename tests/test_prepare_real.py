"""`prepare` on official files: found by the environment, every video told, nothing of one machine kept."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pandas as pd
import pytest
import yaml

import official_files as official
import video_files
from m2clip import experiment, paths, profiles, weights
from m2clip.data import annotations, build_manifest, dataset_root, manifest, probing, summary, transcoding
from m2clip.data.video import VideoError, read
from m2clip.errors import UserError
from m2clip.report import facts
from m2clip.stages import prepare, resolve, sheets

ROOT = Path(__file__).parents[1]
SETS = {"k400": "kinetics", "ssv2": "ssv2", "ucf101": "ucf101", "hmdb51": "hmdb51"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    for dataset, name in SETS.items():
        getattr(official, name)(folder / dataset)
    official.cut(folder / "hmdb51/climb/a#1_climb_u_nm.avi")
    (folder / "hmdb51/climb/a#2_climb_u_nm.avi").unlink()
    official.write(folder / "hmdb51/climb/unknown.avi")
    return folder


@pytest.fixture
def root(sources, tmp_path, monkeypatch):
    """A root with the repository's experiments, where the paper's profile puts up with broken videos."""
    for name in ("params.yaml", *(f"experiments/{name}" for name in ("rows", "profiles", "labels"))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    edit(tmp_path / "experiments/profiles/paper.yaml", "max_invalid: 0.01", "max_invalid: 0.5")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(paths, "cores", lambda: 1)  # this process probes, so that a test may look on
    for dataset in SETS:
        monkeypatch.setenv(dataset_root.variable(dataset), str(sources / dataset))
    return tmp_path


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def run(monkeypatch, dataset, stage=prepare):
    monkeypatch.setattr(sys, "argv", [stage.__name__, "paper", dataset])
    stage.main()
    return Path("data/paper") / dataset


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_hmdb51_with_broken_missing_and_extra_files(root, sources, monkeypatch, capsys):
    folder = run(monkeypatch, "hmdb51")
    said, warned = capsys.readouterr()
    read = manifest.read(folder)
    assert "hmdb51: its 3 labels are not the publisher's, so class ids could not be checked\n" in warned
    assert read.folder == sources / "hmdb51" and read.labels == ("brush hair", "climb", "climb stairs")
    table = read.table.set_index("path")["status"]
    assert table["climb/a#1_climb_u_nm.avi"] == "broken" and table["climb/a#2_climb_u_nm.avi"] == "missing"
    assert (table == "valid").sum() == 10 and (read.table["frames"] == 12).sum() == 10
    invalid = pd.read_csv(folder / "invalid.csv")
    assert invalid["reason"].str.startswith(("damaged", "missing", "not a")).all() and len(invalid) == 2
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["class_ids"] == "not checked"
    whole = {
        key: summary["videos"]["all"][key] for key in ("annotated", "found", "missing", "broken", "valid")
    }
    assert whole == {"annotated": 12, "found": 11, "missing": 1, "broken": 1, "valid": 10}
    assert summary["videos"]["test2"]["broken"] == 1 and summary["videos"]["test3"]["missing"] == 1
    assert summary["extra"] == {"files": 1, "first": ["climb/unknown.avi"]}
    names = sorted(Path(path).stem for path in read.rows("test1")["path"])
    assert summary["videos"]["test1"]["list_sha256"] == hashlib.sha256("\n".join(names).encode()).hexdigest()
    lists = sources / "hmdb51/testTrainMulti_7030_splits/climb_test_split2.txt"
    pinned = summary["annotations"][lists.name]
    assert pinned == {"bytes": lists.stat().st_size, "sha256": hashlib.sha256(lists.read_bytes()).hexdigest()}
    assert "hmdb51: 12 videos annotated, 11 found, 1 missing, 1 broken; 10 usable, list " in said
    assert "extra: 1 video files" in said and summary["videos"]["test1"]["list_sha256"][:12] in said


@pytest.mark.parametrize("dataset", SETS)
def test_nothing_of_this_machine_is_kept_and_the_folder_may_move(
    root, sources, monkeypatch, dataset, tmp_path_factory
):
    first = content(run(monkeypatch, dataset))
    assert first["videos.txt"].decode() == f"$M2CLIP_{dataset.upper()}\n"
    assert not any(str(sources).encode() in each for each in first.values())
    moved = tmp_path_factory.mktemp("moved") / dataset
    shutil.copytree(sources / dataset, moved)
    monkeypatch.delenv(dataset_root.variable(dataset))
    (root / ".env").write_text(f'export M2CLIP_{dataset.upper()}="{moved}"\n')
    assert manifest.read(Path("data/paper") / dataset).folder == moved
    assert content(run(monkeypatch, dataset)) == first


def test_splits_are_those_that_the_stages_ask_for(root, monkeypatch):
    splits = {dataset: manifest.read(run(monkeypatch, dataset)).splits() for dataset in SETS}
    assert splits["k400"] == splits["ssv2"] == ("train", "validation")
    assert (
        splits["ucf101"] == splits["hmdb51"] == tuple(f"{k}{n}" for k in ("test", "train") for n in (1, 2, 3))
    )


def test_annotations_may_lie_elsewhere(root, sources, monkeypatch):
    whole = set(manifest.read(run(monkeypatch, "ucf101")).table["path"])
    monkeypatch.setenv("M2CLIP_UCF101", str(sources / "ucf101/UCF-101"))
    monkeypatch.setenv("M2CLIP_UCF101_ANNOTATIONS", str(sources / "ucf101/ucfTrainTestlist"))
    apart = manifest.read(run(monkeypatch, "ucf101"))
    assert {f"UCF-101/{path}" for path in apart.table["path"]} == whole
    assert (apart.table["status"] == "valid").all()


def test_a_folder_without_annotations_is_told_with_the_variable_that_names_it(root, tmp_path, monkeypatch):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("M2CLIP_K400", str(tmp_path / "none"))
    for where in ("M2CLIP_K400", "M2CLIP_K400_ANNOTATIONS"):
        monkeypatch.setenv(where, str(tmp_path / "none"))
        told = rf"no CSV of Kinetics, such as train.csv and val.csv \(the folder is named by {where}\)$"
        with pytest.raises(UserError, match=told):
            run(monkeypatch, "k400")


def test_too_many_broken_videos(root, monkeypatch):
    edit(root / "experiments/profiles/paper.yaml", "max_invalid: 0.5", "max_invalid: 0.01")
    with pytest.raises(UserError, match=r"2 of 12 .* set prepare.max_invalid to 0\.1667 in the profile"):
        run(monkeypatch, "hmdb51")
    assert (root / ".work/prepare/paper/hmdb51/invalid.csv").exists()
    assert not (root / "data/paper/hmdb51").exists()


def test_what_was_measured_is_not_measured_again(root, sources, monkeypatch):
    """Another spelling of the labels, say: probing takes hours, and a file that is the same has its line."""
    first = manifest.read(run(monkeypatch, "ucf101"))
    probed = []
    plain = probing.probe
    monkeypatch.setattr(probing, "probe", lambda path: probed.append(path) or plain(path))
    edit(
        root / "experiments/profiles/paper.yaml",
        "format: ucf101, splits: [], names: [spaces]",
        "format: ucf101",
    )
    again = manifest.read(run(monkeypatch, "ucf101"))
    assert not probed
    assert first.labels[0] == "Apply Eye Makeup" and again.labels[0] == "ApplyEyeMakeup"
    assert again.table["md5"].equals(first.table["md5"])


def test_an_unset_variable_says_what_to_set_and_who_needs_it(root, monkeypatch):
    monkeypatch.delenv("M2CLIP_HMDB51")
    with pytest.raises(UserError) as caught:
        run(monkeypatch, "hmdb51")
    message = str(caught.value)
    assert message.startswith("M2CLIP_HMDB51 is not set: set it to the folder of the videos")
    assert "rows that need hmdb51: main, frames-16" in message and "videos.hmdb51: null" in message
    assert "ssv2" not in message and "\n" not in message
    monkeypatch.setenv("M2CLIP_HMDB51", str(root / "nowhere"))
    with pytest.raises(UserError, match=r"M2CLIP_HMDB51: there is no folder .*nowhere"):
        run(monkeypatch, "hmdb51")


def test_a_dataset_that_the_profile_leaves_out(root, monkeypatch, capsys):
    """Its rows are not resolved, zero-shot on it is not asked for, and all that DVC waits for is there."""
    profile = root / "experiments/profiles/paper.yaml"
    edit(profile, "ssv2: {format: ssv2, splits: [train, validation], names: []}", "ssv2: null")
    edit(profile, "hmdb51: {format: hmdb51, splits: [], names: [spaces]}", "hmdb51: null")
    for dataset in SETS:
        folder = run(monkeypatch, dataset)
        assert {"manifest.parquet", "labels.json"} <= content(folder).keys()
    with pytest.raises(UserError, match="leaves this dataset out"):
        manifest.read(Path("data/paper/ssv2"))
    assert profiles.read("paper").left_out == ("ssv2", "hmdb51")
    assert experiment.resolve("main", profiles.read("paper")).evaluate.zero_shot == ("ucf101",)
    edit(root / "params.yaml", "profile: embedded", "profile: paper")
    for name in ("tables", "claims", "audit"):
        shutil.copy(ROOT / f"experiments/{name}.yaml", root / f"experiments/{name}.yaml")
    shutil.copytree(ROOT / "experiments/published", root / "experiments/published")
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["resolve", "paper"])
    resolve.main()
    assert "left out, as their datasets are: ssv2, ssv2-32" in capsys.readouterr().out
    assert (root / "experiments/resolved/paper/main.train.yaml").exists()
    assert not (root / "experiments/resolved/paper/ssv2.train.yaml").exists()
    told = root / "experiments/resolved/paper/weights.yaml"
    assert not told.exists()
    file = root / "ViT-B-16.pt"
    file.write_bytes(b"weights")
    monkeypatch.setattr(weights, "OPENAI", hashlib.sha256(b"weights").hexdigest())
    edit(profile, "pretrained: openai", f"pretrained: {file}")
    resolve.main()
    assert yaml.safe_load(told.read_text()) == {str(file): "openai"}
    for dataset in SETS:
        run(monkeypatch, dataset, sheets)
        for name in (f"{dataset}.png", f"{dataset}.csv", f"{dataset}_overlap.csv"):
            assert (root / "reports/paper/data" / name).exists()
    sheet = facts.read_facts("paper", "k400")
    assert sheet["class_ids"] == "not checked", "the tiny copy has labels of its own"
    assert summary.CLASS_IDS[True] == facts.AS_PUBLISHED


def test_labels_that_the_training_set_has_too_are_reported(root, sources, monkeypatch):
    folder = Path(shutil.copytree(sources / "ucf101", root / "ucf"))
    for file in (folder / "ucfTrainTestlist").iterdir():
        file.write_text(file.read_text().replace("TaiChi", "CatPetting"))
    (folder / "UCF-101/TaiChi").rename(folder / "UCF-101/CatPetting")
    for video in (folder / "UCF-101/CatPetting").iterdir():
        video.rename(video.with_name(video.name.replace("TaiChi", "CatPetting")))
    monkeypatch.setenv("M2CLIP_UCF101", str(folder))
    for dataset in ("k400", "ssv2", "ucf101"):
        run(monkeypatch, dataset)
    run(monkeypatch, "ucf101", sheets)
    lines = (root / "reports/paper/data/ucf101_overlap.csv").read_text().splitlines()
    assert lines == ["label,training_set,its_label,match", "Cat Petting,k400,petting cat,words"]


@pytest.mark.parametrize(
    "old, new, message",
    (
        ("format: kinetics", "format: kinetic", r"k400: .*no format 'kinetic' \(did you mean kinetics\?\)"),
        ("[no_parentheses]", "[brackets]", r"k400: names: there is no 'brackets'"),
        ("format: kinetics, ", "", r"paper.yaml: videos.k400.format: missing"),
        ("k400: {format", "k400: {fromat", r"unknown key videos.k400.fromat \(did you mean format\?\)"),
        ("k400: null", "k400: {train: 3}", r"k400 is both in synthetic and in videos"),
    ),
)
def test_mistakes_in_the_profile(root, monkeypatch, old, new, message):
    edit(root / "experiments/profiles/paper.yaml", old, new)
    with pytest.raises(UserError, match=message):
        run(monkeypatch, "k400")


def test_a_cluster_gives_the_same_bytes(root, sources, monkeypatch):
    """Two worker processes of a Dask cluster, found by its address."""
    from distributed import LocalCluster

    here = content(run(monkeypatch, "hmdb51"))
    shutil.rmtree(root / ".work")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(root)
    ) as cluster:
        monkeypatch.setenv("M2CLIP_DASK", cluster.scheduler_address)
        seen = []
        monkeypatch.setattr(probing, "probe", seen.append)  # the workers have their own
        assert content(run(monkeypatch, "hmdb51")) == here
    assert not seen


def test_no_cluster_at_the_address(root, monkeypatch):
    import dask

    monkeypatch.setenv("M2CLIP_DASK", "tcp://127.0.0.1:9")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(UserError, match="no Dask sch"),
    ):
        run(monkeypatch, "hmdb51")


def test_a_disk_that_failed_is_asked_again(root, sources, monkeypatch):
    read = annotations.read("ucf101", sources / "ucf101")
    outcomes = iter([probing.VideoError("x", "cannot be read: Input/output error")])
    plain = probing.probe

    def failing(path):
        if error := next(outcomes, None):
            raise error
        return plain(path)

    monkeypatch.setattr(probing, "probe", failing)
    real = build_manifest.Real(name="ucf101", place="$M2CLIP_UCF101", log=root / "log")
    first = build_manifest.prepare(read, root / "out", 1, 0.5, real)
    second = build_manifest.prepare(read, root / "out", 1, 0.0, real)
    assert (first.table["status"] != "valid").sum() == 1
    assert (second.table["status"] == "valid").all()


def test_the_paper_profile_is_read_without_torch():
    program = (
        "import sys, m2clip.stages.prepare; sys.exit('torch' in sys.modules or 'distributed' in sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}
    )


# Copies


TRANSCODE = "max_invalid: 0.5\n  transcode: {short_side: 32, keyframes: 5}"


@pytest.fixture
def copies(root, sources, monkeypatch, tmp_path_factory):
    """A folder for copies, and a profile that asks for them."""
    folder = tmp_path_factory.mktemp("copies")
    monkeypatch.setenv("M2CLIP_HMDB51_COPIES", str(folder))
    edit(root / "experiments/profiles/paper.yaml", "max_invalid: 0.5", TRANSCODE)
    return folder


def states(folder):
    """Of each file what writing to it would change."""
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found.items()}


def keyframes(path):
    with av.open(str(path)) as container:
        return [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]


def test_the_manifest_points_at_the_copies_and_says_so(root, sources, copies, monkeypatch, capsys):
    before = states(sources)
    edit(root / "experiments/profiles/paper.yaml", TRANSCODE, "max_invalid: 0.5")
    plain = run(monkeypatch, "hmdb51")
    own, lines = manifest.read(plain), pd.read_csv(plain / "invalid.csv")
    counts = json.loads((plain / "summary.json").read_text())
    edit(root / "experiments/profiles/paper.yaml", "max_invalid: 0.5", TRANSCODE)
    capsys.readouterr()
    folder = run(monkeypatch, "hmdb51")
    said, warned = capsys.readouterr()
    found = manifest.read(folder)
    assert states(sources) == before
    assert (folder / "videos.txt").read_text() == "$M2CLIP_HMDB51_COPIES\n" and found.folder == copies
    assert list(found.table["path"]) == [f"32-5/{Path(p).with_suffix('.mp4')}" for p in own.table["path"]]
    for column in ("class_id", "label", "split", "frames", "fps", "duration", "status"):
        assert found.table[column].equals(own.table[column]), column
    valid = found.all_rows()
    assert len(valid) == 10 and set(zip(valid["width"], valid["height"], strict=True)) == {(40, 32)}
    for path in valid["path"]:
        assert [video_files.index_of(frame) for frame in read(copies / path, range(12), 12)] == [*range(12)]
        assert keyframes(copies / path) == [0, 5, 10]
    # what is broken is told as without copies, by the names of the videos
    assert pd.read_csv(folder / "invalid.csv").equals(lines) and len(lines) == 2
    summary = json.loads((folder / "summary.json").read_text())
    encoder = f"libx264, veryfast, fastdecode, crf 23, of av {av.__version__}"
    assert summary.pop("copies") == {"short_side": 32, "keyframes": 5, "encoder": encoder}
    assert summary == counts
    assert "copies take their place: short side 32, a keyframe every 5 frames, libx264" in said
    assert f"12 videos of 0.0 GB are copied to {copies}, which has " in warned
    assert not any(file.name.startswith(".") for file in copies.rglob("*"))
    profile = root / "experiments/profiles/paper.yaml"
    asked = yaml.safe_load(profile.read_text())
    asked["videos"] |= {"k400": None, "ssv2": None}
    profile.write_text(yaml.safe_dump(asked))
    run(monkeypatch, "hmdb51", sheets)
    assert facts.read_facts("paper", "hmdb51")["size"] == "40×32, of copies"


def test_copies_that_are_there_are_not_made_again(root, copies, monkeypatch):
    made, plain = [], probing.transcode

    def stopped(path, *asked):
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(path.name)
        return plain(path, *asked)

    monkeypatch.setattr(probing, "transcode", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, "hmdb51")
    monkeypatch.setattr(
        probing, "transcode", lambda path, *asked: made.append(path.name) or plain(path, *asked)
    )
    first, kept = content(run(monkeypatch, "hmdb51")), states(copies)
    assert sorted(set(made)) == sorted(made) and len(made) == 12
    made.clear()
    assert content(run(monkeypatch, "hmdb51")) == first and not made
    gone = next(path for path in kept if path.name == "a#0_climb_u_nm.mp4")
    gone.unlink()
    other = next(path for path in kept if path.name == "a#3_climb_u_nm.mp4")
    other.write_bytes(b"something else")
    assert content(run(monkeypatch, "hmdb51")) == first
    assert sorted(made) == ["a#0_climb_u_nm.avi", "a#3_climb_u_nm.avi"]
    assert {path: path.read_bytes()[:8] for path in (gone, other)} == dict.fromkeys(
        (gone, other), b"\0\0\0\x20ftyp"
    )


def test_other_copies_lie_beside_these(root, copies, monkeypatch):
    before = states(copies) if run(monkeypatch, "hmdb51") else {}
    edit(root / "experiments/profiles/paper.yaml", "keyframes: 5", "keyframes: 6")
    found = manifest.read(run(monkeypatch, "hmdb51"))
    after = states(copies)
    assert len(after) == 2 * len(before) == 20 and all(after[path] == before[path] for path in before)
    assert keyframes(copies / found.all_rows()["path"][0]) == [0, 6]


def test_a_full_disk_stops_it_and_what_was_done_is_kept(root, copies, monkeypatch):
    made, plain = [], probing.transcode

    def full(path, *asked):
        if len(made) == 4:
            raise VideoError(path, f"{transcoding.UNWRITTEN}: No space left on device")
        made.append(path.name)
        return plain(path, *asked)

    monkeypatch.setattr(probing, "transcode", full)
    told = rf"{copies}/32-5/.*\.mp4: cannot be written: No space left on device; what was done before is kept"
    with pytest.raises(UserError, match=told):
        run(monkeypatch, "hmdb51")
    assert not Path("data/paper/hmdb51").exists()
    monkeypatch.setattr(
        probing, "transcode", lambda path, *asked: made.append(path.name) or plain(path, *asked)
    )
    run(monkeypatch, "hmdb51")
    assert len(made) == len(set(made)) == 12


def test_where_copies_may_lie(root, sources, copies, monkeypatch):
    monkeypatch.setenv("M2CLIP_HMDB51_COPIES", str(sources / "hmdb51/climb"))
    with pytest.raises(UserError, match=r"M2CLIP_HMDB51_COPIES: .*climb and .*hmdb51, .* must lie apart"):
        run(monkeypatch, "hmdb51")
    monkeypatch.setenv("M2CLIP_HMDB51_COPIES", str(sources))
    with pytest.raises(UserError, match="must lie apart"):
        run(monkeypatch, "hmdb51")
    monkeypatch.delenv("M2CLIP_HMDB51_COPIES")
    with pytest.raises(UserError, match=r"prepare.transcode: M2CLIP_HMDB51_COPIES is not set: .* of M2CLIP_"):
        run(monkeypatch, "hmdb51")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{shortside: 256}", r"unknown key prepare.transcode.shortside \(did you mean short_side\?\)"),
        ("{short_side: 8}", r"prepare.transcode.short_side: 8 must be 16 or more"),
        ("{keyframes: 0}", r"prepare.transcode.keyframes: 0 must be above 0"),
        ("256", r"prepare.transcode: expected keys and values, got 256"),
    ],
)
def test_mistakes_in_what_is_asked_of_copies(root, monkeypatch, value, told):
    edit(
        root / "experiments/profiles/paper.yaml",
        "max_invalid: 0.5",
        f"max_invalid: 0.5\n  transcode: {value}",
    )
    with pytest.raises(UserError, match=told):
        run(monkeypatch, "hmdb51")


def test_generated_videos_have_no_copies(root, monkeypatch):
    profile = root / "experiments/profiles/embedded.yaml"
    found = yaml.safe_load(profile.read_text()) | {"prepare": {"transcode": {}}}
    profile.write_text(yaml.safe_dump(found))
    with pytest.raises(UserError, match=r"embedded.yaml: prepare.transcode: `videos` has no dataset"):
        profiles.read("embedded")
