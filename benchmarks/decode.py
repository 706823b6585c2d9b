"""Decoders on the same files: videos a second of one core, and memory over many opens.

    python benchmarks/decode.py [--videos 6] [--large 2] [--opens 400] [--rounds 3]

Files are drawn here: 10 seconds of 340 x 256 at 30 frames a second, H.264, a keyframe every 16 or every 250
frames. Sparse is 8 frames over the whole video, as `segments` takes them, dense 8 frames with a stride of 8.
`as we read` is the package's own `read`: decord where it gives what FFmpeg gives, else PyAV. torchcodec is
timed where it can be imported; it is no requirement of this repository.

Larger files, with a keyframe every 250 frames, are read beside the copies that `prepare.transcode` makes of
them.
"""

import gc
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import av
import measure
import numpy as np

from m2clip.data import video
from m2clip.data.pyav import Reader
from m2clip.data.transcoding import transcode
from m2clip.profiles import Transcode

LENGTH, FPS, SIZE, T = 300, 30, (256, 340), measure.FRAMES
LARGE, GOP = (720, 1280), 250  # of the files of which copies are made
SPARSE = [round((n + 0.5) * LENGTH / T) for n in range(T)]
DENSE = [100 + 8 * n for n in range(T)]
KINDS = {"sparse": SPARSE, "dense": DENSE}
Read = Callable[[Path, list[int]], object]


def draw(path: Path, gop: int, seed: int, size: tuple[int, int] = SIZE) -> None:
    """A texture that drifts under noise: neither still nor incompressible; larger in larger files."""
    random = np.random.default_rng(seed)
    height, width = size
    step = round(height / SIZE[0])  # pixels a frame
    side = 8 * step
    coarse = random.integers(0, 256, (height // side + 40, width // side + 40, 3), dtype=np.uint8)
    texture = coarse.repeat(side, axis=0).repeat(side, axis=1)
    with av.open(str(path), "w") as container:
        options = {"g": str(gop), "keyint_min": str(gop), "sc_threshold": "0", "crf": "23", "threads": "1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for n in range(LENGTH):
            down, across = n * step, n * step // 2
            frame = texture[down : down + height, across : across + width].astype(np.int16)
            noisy = frame + random.integers(-6, 7, frame.shape, dtype=np.int16)
            picture = av.VideoFrame.from_ndarray(noisy.clip(0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def decoders() -> dict[str, Read]:
    """What can decode here, by name and version."""
    found: dict[str, Read] = {"as we read": lambda path, numbers: video.read(path, numbers, LENGTH)}
    found[f"PyAV {version('av')}"] = lambda path, numbers: Reader(str(path)).get_batch(numbers)
    if find_spec("decord"):
        import decord

        name = f"decord {version('decord')}"
        found[name] = lambda path, numbers: (
            decord.VideoReader(str(path), num_threads=1).get_batch(numbers).asnumpy()
        )
    try:
        from torchcodec.decoders import VideoDecoder

        found[f"torchcodec {version('torchcodec')}"] = lambda path, numbers: (
            VideoDecoder(str(path), num_ffmpeg_threads=1).get_frames_at(numbers).data
        )
    except (ImportError, PackageNotFoundError, OSError, RuntimeError):
        print("torchcodec is not here")
    return found


def copied(folder: Path, count: int, rounds: int) -> tuple[dict[str, Any], list[measure.Line]]:
    """How copies are made and what it costs, and large files as we read them beside their copies."""
    to = Transcode()
    large = [folder / f"large-{n}.mp4" for n in range(count)]
    small = [folder / f"copy-{n}.mp4" for n in range(count)]
    for n, path in enumerate(large):
        draw(path, GOP, n, LARGE)
    made = [
        measure.seconds(lambda given=given: transcode(*given, to.short_side, to.keyframes))
        for given in zip(large, small, strict=True)
    ]
    lines = []
    for kind, numbers in KINDS.items():
        parts = {
            name: lambda paths=paths, numbers=numbers: [video.read(path, numbers, LENGTH) for path in paths]
            for name, paths in (("video", large), ("copy", small))
        }
        found = measure.interleaved(parts, rounds)
        for name, paths in (("video", large), ("copy", small)):
            lines.append(
                {
                    "file": name, "frames": kind,
                    "mb_a_video": sum(path.stat().st_size for path in paths) / count / 1e6,
                    "videos_a_core_second": count / median(found[name]),
                    "over_video": measure.ratio(found["video"], found[name]),
                }
            )  # fmt: skip
    about = {
        "large_size": f"{LARGE[1]} x {LARGE[0]}", "large_gop": GOP, "short_side": to.short_side,
        "keyframes": to.keyframes, "core_seconds_a_copy": median(made),
    }  # fmt: skip
    return about, lines


def resident() -> float:
    """MB of this process now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Measure and write."""
    given = measure.arguments(videos=6, large=2, opens=400, rounds=3)
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        files = {gop: [Path(scratch) / f"{gop}-{n}.mp4" for n in range(given.videos)] for gop in (16, 250)}
        for gop, paths in files.items():
            for n, path in enumerate(paths):
                draw(path, gop, n)
        sizes = {gop: sum(path.stat().st_size for path in paths) / len(paths) for gop, paths in files.items()}
        for gop, paths in files.items():
            for kind, numbers in KINDS.items():
                parts = {
                    name: lambda read=read, paths=paths, numbers=numbers: [
                        read(path, numbers) for path in paths
                    ]
                    for name, read in decoders().items()
                }
                found = measure.interleaved(parts, given.rounds)
                first = next(iter(parts))
                for name, times in found.items():
                    lines.append(
                        {
                            "decoder": name, "gop": gop, "frames": kind, "mb_a_video": sizes[gop] / 1e6,
                            "videos_a_core_second": given.videos / median(times),
                            "over_as_we_read": measure.ratio(found[first], times),
                        }
                    )  # fmt: skip
        for name, read in decoders().items():
            gc.collect()
            read(files[16][0], SPARSE)
            before = resident()
            for n in range(given.opens):
                read(files[16][n % given.videos], SPARSE[:1])
            lines.append({"decoder": name, "opens": given.opens, "mb_more_after_opens": resident() - before})
        about, of_copies = copied(Path(scratch), given.large, given.rounds)
    lines += of_copies
    about |= {
        "videos": given.videos, "rounds": given.rounds, "length": LENGTH, "size": f"{SIZE[1]} x {SIZE[0]}",
    }  # fmt: skip
    measure.write("decode", lines, about)


if __name__ == "__main__":
    main()
