"""Tiny datasets as their publishers lay them out: official annotations beside real encoded videos."""

import json
from pathlib import Path

import av

import video_files

ENCODERS = {".mp4": "libx264", ".webm": "libvpx", ".avi": "mpeg4", ".mkv": "libx264"}
KINETICS = ("petting cat", "skiing (not slalom or crosscountry)", "skiing crosscountry")
SSV2 = ("Dropping something", "Moving something up", "Pretending to pick something up")
UCF101 = ("ApplyEyeMakeup", "HandstandPushups", "TaiChi")
HMDB51 = ("brush_hair", "climb", "climb_stairs")


def write(path: Path, frames: int = 12, encoder: str = "", gap: int = 12) -> Path:
    """A video, in the codec that its ending usually has, whose frames say which frame they are.

    With B-frames where the codec has them, and a keyframe every `gap` frames.
    """
    encoder = encoder or ENCODERS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25)
        stream.width, stream.height, stream.pix_fmt = video_files.WIDTH, video_files.HEIGHT, "yuv420p"
        stream.bit_rate, stream.gop_size = 4_000_000, gap
        stream.options = {} if "vp" in encoder else {"bf": "2"}
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(video_files.frame(index), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def cut(path: Path) -> None:
    """Leave half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def kinetics(folder: Path, videos_of_a_label: int = 2, *, by_label: bool = True) -> Path:
    """K400's layout: a CSV a split, so many training and so many validation clips of each of three labels."""
    folder.mkdir(parents=True, exist_ok=True)
    header = "label,youtube_id,time_start,time_end,split,is_cc"
    for split in ("train", "val"):
        lines = []
        for number, label in enumerate(KINETICS):
            for i in range(videos_of_a_label):
                name = f"-{split}_{number}{i}-xyz"[:11]
                lines.append(f"{label},{name},{10 * i},{10 * i + 10},{split},0")
                place = folder / split / label.replace(" ", "_") if by_label else folder
                write(place / f"{name}_{10 * i:06d}_{10 * i + 10:06d}.mp4")
        (folder / f"{split}.csv").write_text("\n".join([header, *reversed(lines)]) + "\n")
    (folder / "test.csv").write_text("youtube_id,time_start,time_end,split\nabc,0,10,test\n")
    return folder


def ssv2(folder: Path, videos_of_a_label: int = 2, ending: str = ".webm", prefix: bool = True) -> Path:
    """SSv2's four JSON files; class ids that are not the sorted labels', and written as texts."""
    folder.mkdir(parents=True, exist_ok=True)
    before = "something-something-v2-" if prefix else ""
    ids = {label: str(len(SSV2) - 1 - i) for i, label in enumerate(SSV2)}
    (folder / f"{before}labels.json").write_text(json.dumps(ids))
    for split, first in (("train", 100), ("validation", 500)):
        entries = []
        for i in range(videos_of_a_label * len(SSV2)):
            template = SSV2[i % len(SSV2)].replace("something", "[something]")
            entries.append(
                {"id": str(first + i), "label": "x", "template": template, "placeholders": ["a cup"]}
            )
            write(folder / f"20bn-something-something-v2/{first + i}{ending}")
        (folder / f"{before}{split}.json").write_text(json.dumps(entries))
    (folder / f"{before}test.json").write_text(json.dumps([{"id": "900"}, {"id": "901"}]))
    return folder


def ucf101(folder: Path, groups: int = 3) -> Path:
    """UCF101's lists: of each label, group n is tested in split n."""
    lists = folder / "ucfTrainTestlist"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / "classInd.txt").write_text("".join(f"{i + 1} {label}\r\n" for i, label in enumerate(UCF101)))
    for split in (1, 2, 3):
        train, test = [], []
        for number, label in enumerate(UCF101, start=1):
            for group in range(1, groups + 1):
                path = f"{label}/v_{label}_g{group:02d}_c01.avi"
                if split == 1:
                    write(folder / "UCF-101" / path)
                (test if (group - 1) % 3 + 1 == split else train).append((path, number))
        (lists / f"trainlist0{split}.txt").write_text("".join(f"{path} {number}\n" for path, number in train))
        (lists / f"testlist0{split}.txt").write_text("".join(f"{path}\n" for path, _ in test))
    return folder


def hmdb51(folder: Path, videos_of_a_label: int = 4) -> Path:
    """HMDB51's lists: video n of a label is tested in split n, the fourth is used in none."""
    lists = folder / "testTrainMulti_7030_splits"
    lists.mkdir(parents=True, exist_ok=True)
    for label in HMDB51:
        for i in range(videos_of_a_label):
            write(folder / label / f"a#{i}_{label}_u_nm.avi")
        for split in (1, 2, 3):
            uses = [2 if i == split - 1 else 0 if i == 3 else 1 for i in range(videos_of_a_label)]
            lines = [f"a#{i}_{label}_u_nm.avi {use} \n" for i, use in enumerate(uses)]
            (lists / f"{label}_test_split{split}.txt").write_text("".join(lines))
    return folder


def listed(folder: Path, videos_of_a_label: int = 2) -> Path:
    """Anyone's own: `path class_id` and labels.txt."""
    labels = ("a cup", "a ball", "a hat")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.txt").write_text("\n".join(labels))
    for split in ("train", "val"):
        paths = [(f"{split}/{n}_{i}.mp4", n) for n in range(len(labels)) for i in range(videos_of_a_label)]
        for path, _ in paths:
            write(folder / path)
        (folder / f"{split}.txt").write_text("".join(f"{path} {n}\n" for path, n in paths))
    return folder
