"""docs/your_data.md, run as it is written, but for the CLIP, the length of training and the folders."""

import re
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

import video_files
from m2clip import experiment, profiles
from m2clip.stages.readme import BLOCK
from test_pipeline import Copy
from tiny_runs import tinted

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/your_data.md").read_text(encoding="utf-8")
LABELS = ("opening a door", "closing a door")


def block(kind):
    """The page's only block of a kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return found


def folder(path, count):
    """Videos with the page's annotations."""
    (header,) = re.findall(r"^path,.*$", PAGE, re.MULTILINE)
    lines = [header]
    for index in range(count):
        draw = partial(tinted, channel=index % 2)
        video_files.write(path / f"clips/{index}.mp4", 20 + index, draw=draw)
        lines.append(f"clips/{index}.mp4,{LABELS[index % 2]},{'test' if index >= count - 4 else 'train'}")
    (path / "annotations.csv").write_text("\n".join(lines) + "\n")


def test_the_profile_of_the_page_is_one(tmp_path, monkeypatch):
    for name in ("params.yaml", "experiments/rows", "experiments/audit.yaml"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "experiments/profiles/mine.yaml"
    path.parent.mkdir()
    path.write_text(block("yaml"))
    found = experiment.resolve("main", profiles.read("mine"))
    assert found.train.epochs == 12 and found.evaluate.split == "test" and found.evaluate.zero_shot == ()
    assert profiles.read("mine").left_out == ("ssv2", "ucf101", "hmdb51")
    assert len(block("sh").splitlines()) <= 10


@pytest.mark.slow
def test_the_commands_of_the_page(tmp_path):
    copy = Copy(tmp_path)
    venv = copy.folder / ".venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):  # so that `make` finds the environment made
        (venv / name).symlink_to(Path(sys.prefix) / name)
    (venv / ".ready").touch()
    for table in (match[1] for match in BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))):
        (copy.folder / table).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / table, copy.folder / table)
    profile = yaml.safe_load(block("yaml"))
    smoke = yaml.safe_load((ROOT / "experiments/profiles/smoke.yaml").read_text())
    profile["backbone"] = smoke["backbone"]
    profile["train"] |= {"epochs": 1, "warmup_epochs": 0.5, "batch": 4}
    (copy.folder / "experiments/profiles/mine.yaml").write_text(yaml.safe_dump(profile))
    folder(tmp_path / "mine", 12)
    folder(tmp_path / "new", 2)
    (tmp_path / "new/annotations.csv").unlink()
    told = copy.run("sh", "-e", "-c", block("sh").replace("/data/", f"{tmp_path}/"))
    assert "mine/main/0 is in my-adapter" in told and f"M2CLIP_K400: {tmp_path / 'mine'}" in told
    table = (copy.folder / "reports/mine/tables/main.md").read_text()
    assert "CLIP zero-shot" in table and "M2-CLIP" in table and table in told
    rows = [line for line in told.splitlines() if line.startswith(f"{tmp_path}/new/clips/")]
    assert len(rows) == 2 and all(any(label in row for label in LABELS) for row in rows)
