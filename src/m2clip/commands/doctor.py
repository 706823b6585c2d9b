"""`m2clip doctor`: what this machine and this checkout lack, one line each, and what mends it."""

import argparse
import importlib.metadata
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from m2clip import experiment, paths, profiles
from m2clip.data import dataset_root
from m2clip.errors import UserError
from m2clip.files import read_mapping
from m2clip.tracking import address

FREE_GB = 5  # that videos, decoded frames, runs and the MLflow store of `embedded` may take
CODECS = ("h264", "vp9", "mpeg4")  # of K400; SSv2; UCF101 and HMDB51
REQUIREMENTS = Path("requirements.txt")


@dataclass(frozen=True)
class Finding:
    """What a check says. `note`: it works, but one may want to know."""

    said: str
    state: Literal["ok", "note", "BAD"] = "ok"


Check = Callable[[profiles.Profile], Finding]


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "doctor",
        help="whether this machine and this checkout have what is needed, and what mends it",
        description="Check Python, packages, device, disk and codecs, and in a repository its configs,\n"
        "datasets, backbone, MLflow store and locks: a line each. The exit code is 1 where one is BAD.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", metavar="P", help="default: the one that params.yaml names")
    parser.set_defaults(command=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    """Print all findings; the exit code."""
    inside = profiles.PARAMS.exists()
    base = profiles.read(arguments.profile) if inside else profiles.Profile()
    checks: dict[str, Check] = {
        "python": _python,
        "packages": _packages,
        "device": _device,
        "disk": _disk,
        "codecs": _codecs,
    }
    if inside:
        checks |= {"configs": _configs, "backbone": _backbone, "MLflow": _mlflow, "locks": _locks}
        checks |= {name: _dataset(name) for name in profiles.DATASETS}
    bad = 0
    for name, check in checks.items():
        found = _found(check, base)
        bad += found.state == "BAD"
        print(f"{found.state:<4}  {name:<8}  {found.said}", flush=True)
    if not inside:
        print(f"no {profiles.PARAMS} here: configs, datasets, backbone, store and locks are a repository's")
    return 1 if bad else 0


def _found(check: Check, base: profiles.Profile) -> Finding:
    """What a check finds; whatever goes wrong in it is a finding too."""
    try:
        return check(base)
    except UserError as error:
        return Finding(str(error), "BAD")
    except Exception as error:  # a library that is broken fails in a way of its own
        said = " ".join(str(error).split())[:200]
        return Finding(f"{type(error).__name__}: {said}; `make setup` installs what is pinned", "BAD")


def _python(base: profiles.Profile) -> Finding:
    program = Path(sys.executable)
    inside = program.is_relative_to(Path.cwd())
    return Finding(f"{platform.python_version()}, {program.relative_to(Path.cwd()) if inside else program}")


def _packages(base: profiles.Profile) -> Finding:
    """Compare what is installed with what is pinned."""
    if not REQUIREMENTS.exists():
        return Finding(f"no {REQUIREMENTS} here to compare with", "note")
    from packaging.requirements import Requirement

    lines = (line.partition("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    pinned = [one for one in map(Requirement, filter(None, lines)) if not one.marker or one.marker.evaluate()]
    other = []
    for one in pinned:
        try:
            version = importlib.metadata.version(one.name)
        except importlib.metadata.PackageNotFoundError:
            other.append(f"no {one.name}")
            continue
        if not one.specifier.contains(version.partition("+")[0]):
            other.append(f"{one.name} {version} for {one.specifier}")
    if other:
        return Finding(f"{', '.join(other)}; `make setup` after `rm .venv/.ready` installs them", "BAD")
    return Finding(f"all {len(pinned)} as pinned")


def _device(base: profiles.Profile) -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return Finding(f"{len(names)} GPU: {', '.join(names)}; torch {torch.__version__}")
    if shutil.which("nvidia-smi"):
        return Finding(
            f"torch {torch.__version__} finds no GPU where nvidia-smi is installed: driver and CUDA "
            f"{torch.version.cuda} must fit; all runs on {paths.cores()} cores",
            "note",
        )
    return Finding(f"no GPU; all runs on {paths.cores()} cores", "note" if base.videos else "ok")


def _disk(base: profiles.Profile) -> Finding:
    free = shutil.disk_usage(paths.root()).free / 1e9
    if free < FREE_GB:
        return Finding(
            f"{free:.1f} GB free at {paths.root()}, {FREE_GB} may be needed; `dvc gc --workspace` deletes "
            "cached outputs of other commits",
            "BAD",
        )
    return Finding(f"{free:.0f} GB free")


def _codecs(base: profiles.Profile) -> Finding:
    """Write a video, read it back, and ask for the decoders of the four datasets."""
    import av
    import numpy as np

    from m2clip.data.video import decoder, probe

    for codec in CODECS:
        av.Codec(codec, "r")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        with av.open(path, "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(12))
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            for level in range(8):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * level, np.uint8))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        frames = probe(path).frames
    if frames != 8:
        return Finding(f"{frames} of 8 frames come back from a video written here", "BAD")
    by = decoder()  # a version alone is decord's
    return Finding(f"{', '.join(CODECS)} are read by {by if by.startswith('av') else f'decord {by}'}")


def _configs(base: profiles.Profile) -> Finding:
    rows = experiment.rows(base)
    for row in rows:
        experiment.resolve(row, base)
    return Finding(f"{len(rows)} rows under the profile {base.name}")


def _backbone(base: profiles.Profile) -> Finding:
    profiles.check_weights(base)
    config = experiment.resolve(experiment.MAIN, base).backbone
    if not Path(config.pretrained).is_file():
        return Finding(f"{config.name}: open_clip gets {config.pretrained} at first use", "note")
    return Finding(f"{config.name}: {config.pretrained}")


def _dataset(name: str) -> Check:
    """The check of a dataset: whether its folder is where the environment says, or it is made here."""

    def check(base: profiles.Profile) -> Finding:
        if name in base.left_out:
            return Finding(f"left out by the profile {base.name}", "note")
        if name in base.synthetic:
            return Finding(f"the profile {base.name} makes its videos")
        videos = dataset_root.folder(dataset_root.variable(name))
        copies = f", copies: {dataset_root.copies(name, videos)}" if base.prepare.transcode else ""
        return Finding(f"{dataset_root.variable(name)}: {videos}{copies}")

    return check


def _mlflow(base: profiles.Profile) -> Finding:
    uri = address.location()
    address.check(uri)
    path = Path(uri.removeprefix(address.SQLITE))
    if uri.startswith(address.SQLITE) and not path.exists():
        return Finding(f"{path} is not there yet; `make ui` makes it from the files")
    return Finding(address.without_password(uri))


def _locks(base: profiles.Profile) -> Finding:
    """Whether DVC's locks can be read: a kill or a full disk leaves half of one."""
    found = (Path("dvc.lock"), *sorted(Path("pipelines").glob("*/dvc.lock")))
    locks = [path for path in found if path.exists()]
    for lock in locks:
        try:
            stages = read_mapping(lock).get("stages")
            if not isinstance(stages, dict):
                raise UserError("no stages")
        except UserError:
            return Finding(f"{lock} is broken (a kill, a full disk?); `git restore {lock}` mends it", "BAD")
    return Finding(", ".join(map(str, locks)) or "none yet; `make repro` writes dvc.lock")
