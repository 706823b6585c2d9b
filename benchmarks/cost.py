"""COST.md: what training on real datasets would take, computed from what was measured here.

    python benchmarks/cost.py

A model, not a measurement: multiply-adds of a step (counts.json) over an assumed share of a GPU's published
peak; videos that a GPU asks for over those that a core decodes (decode.json); bytes that move. Its first
assumption, that cost is what is counted, is checked against scale.json. The page's last section is what
step.json, scale.json, inference.json and decode.json have.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from m2clip.errors import UserError

HERE = Path(__file__).parent
OUTPUT, RESULTS = HERE / "COST.md", HERE / "results"
UTILISATION = 0.4  # assumed share of the peak; not measured
CORES = 8  # for each GPU, as in the examples of docs/paper.md
GPUS = (1, 8, 64)
BUSY = 0.5  # processes that ran on average before a benchmark began, from which the page says so
GOP = 250  # frames from keyframe to keyframe of the files that cores decode
FASTER, RATE = 2.5, 0.88  # aims: a step over the plain path; its share of a large product's rate
Line = dict[str, Any]


@dataclass(frozen=True)
class Gpu:
    """Published: dense bf16, in units of 10^12 floating-point operations a second."""

    name: str
    peak: float


@dataclass(frozen=True)
class Dataset:
    """Training videos, MB of each, the row whose count is used, and passes where they are not the row's."""

    name: str
    videos: int
    mb: float
    row: str
    passes: float | None = None


A100, H100 = Gpu("A100", 312), Gpu("H100 SXM", 989)
DATASETS = (
    Dataset("Kinetics-400", 240_000, 0.6, "main"),
    Dataset("SSv2", 168_913, 0.09, "ssv2"),
    Dataset("Kinetics-710", 658_000, 0.6, "main", 12),
    Dataset("ten million videos", 10_000_000, 0.6, "main", 1),
)


def read(name: str) -> Line:
    """A benchmark's results."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def counted(row: str) -> Line:
    """A row's line of counts.json."""
    return next(line for line in read("counts")["lines"] if line["row"] == row)


def seconds_a_video(line: Line, gpu: Gpu) -> float:
    """GPU seconds of a training video, its part of the texts included."""
    macs = line["gmacs_a_video"] + line["gmacs_of_texts"] / line["batch"]
    return 2 * macs * 1e9 / (gpu.peak * 1e12 * UTILISATION)


def passes(line: Line, videos: int) -> float:
    """How often a row's recipe shows each of so many videos: its epochs, or its steps times its batch."""
    if line["epochs"]:
        return line["epochs"]
    if line["steps"]:
        return line["steps"] * line["batch"] / videos
    raise UserError(f"counts.json, row {line['row']}: neither epochs nor steps")


def sparse() -> Line:
    """How we read 8 frames over the whole of a file with a keyframe every `GOP` frames."""
    for line in read("decode")["lines"]:
        asked = (line.get("decoder"), line.get("frames"), line.get("gop"))
        if asked == ("as we read", "sparse", GOP):
            return line
    raise UserError(f"decode.json: no line of sparse frames as we read them, a keyframe every {GOP}")


def decoded() -> float:
    """Videos a second of a core."""
    return sparse()["videos_a_core_second"]


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, its first column left, the others right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def number(value: float) -> str:
    """Three digits, with thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def checked(lines: list[Line]) -> str:
    """The model beside measured steps: counted and measured as multiples of the first line."""
    base, rows = lines[0], []
    for line in lines:
        times, took = line["gmacs"] / base["gmacs"], line["seconds"] / base["seconds"]
        what = ", ".join(str(line[key]) for key in ("row", "frames", "classes", "batch"))
        off = f"{100 * (took / times - 1):+.0f} %"
        rows.append([what, f"{times:.2f}", f"{took:.2f}", off, f"{line['over_matmul']:.2f}"])
    head = ["row, frames, classes, batch", "counted", "measured", "measured over counted", "over matmul"]
    return table(head, rows)


def spread(lines: list[Line]) -> float:
    """How much more the highest `over matmul` is than the lowest."""
    found = [line["over_matmul"] for line in lines]
    return max(found) / min(found) - 1


def decoders(lines: list[Line]) -> str:
    """Every decoder that was there, by frames and keyframes, and what it grew by over many opens."""
    lines = [line for line in lines if "decoder" in line]
    rows = [
        [
            line["decoder"], line["frames"], str(line["gop"]), f"{line['videos_a_core_second']:.1f}",
            f"{line['over_as_we_read']:.2f}",
        ]
        for line in lines
        if "frames" in line
    ]  # fmt: skip
    grown = [
        [line["decoder"], str(line["opens"]), f"{line['mb_more_after_opens']:+.1f}"]
        for line in lines
        if "opens" in line
    ]
    head = ["decoder", "frames", "a keyframe every", "videos a second", "times as fast as we read"]
    return table(head, rows) + "\n" + table(["decoder", "opens", "MB more after them"], grown)


def copies(lines: list[Line]) -> str:
    """Videos and their copies as we read them; empty where no copies were measured."""
    rows = [
        [
            line["file"], line["frames"], f"{line['mb_a_video']:.2f}", f"{line['videos_a_core_second']:.2f}",
            f"{line['over_video']:.2f}",
        ]
        for line in lines
        if "file" in line
    ]  # fmt: skip
    head = ["file", "frames", "MB", "videos a second", "times as fast as the video"]
    return table(head, rows) if rows else ""


def beside(results: list[Line]) -> str:
    """Which benchmarks began on a machine that did something else; empty where none did."""
    found = [(line["benchmark"], line["machine"].get("load_before", 0.0)) for line in results]
    return ", ".join(f"{name} (load {load:.1f})" for name, load in found if load >= BUSY)


def by_method(counts: list[Line]) -> str:
    """All methods on Kinetics-400, by their own recipes."""
    data, rows = DATASETS[0], []
    for line in (line for line in counts if line["dataset"] == "k400"):
        shown = data.videos * passes(line, data.videos)
        hours = [number(shown * seconds_a_video(line, gpu) / 3600) for gpu in (A100, H100)]
        rows.append(
            [
                line["method"], str(line["frames"]), str(line["batch"]), number(passes(line, data.videos)),
                number(line["gmacs_a_video"]), *hours,
                number(1 / seconds_a_video(line, A100) / decoded()),
            ]
        )  # fmt: skip
    head = [
        "method", "frames", "batch", "passes", "GMACs a video and step", "A100 hours", "H100 hours",
        "cores an A100",
    ]  # fmt: skip
    return table(head, rows)


def by_size() -> str:
    """M2-CLIP on each dataset and number of A100s."""
    rows = []
    for data in DATASETS:
        line = counted(data.row)
        each = seconds_a_video(line, A100)
        shown = data.videos * (data.passes or passes(line, data.videos))
        for gpus in GPUS:
            rate = gpus / each
            step = line["batch"] / rate  # seconds, the batch as it is
            gradients = 2 * (gpus - 1) / gpus * 4 * line["trained_parameters"] / 1e6 / step
            rows.append(
                [
                    data.name, str(gpus), number(shown * each / gpus / 3600), number(rate),
                    number(rate / decoded()), number(data.videos * data.mb / 1e3),
                    number(rate * data.mb), number(gradients), needed(data, gpus, line, shown * each / gpus),
                ]
            )  # fmt: skip
    head = [
        "dataset", "A100s", "hours", "videos a second", "decoding cores", "disk, GB", "read, MB/s",
        "gradients of a GPU, MB/s", "what has to change",
    ]  # fmt: skip
    return table(head, rows)


def needed(data: Dataset, gpus: int, line: Line, took: float) -> str:
    """What the numbers of a line ask for beyond what the repository does today."""
    found = []
    if (cores := 1 / seconds_a_video(line, A100) / decoded()) > CORES:
        found.append(f"decode {cores / CORES:.1f} times as fast, or more than {CORES} cores a GPU")
    if line["batch"] / gpus < 4:
        found.append(f"a larger batch: {line['batch'] / gpus:.1f} videos a GPU do not fill one")
    if took > 7 * 24 * 3600:
        found.append("more GPUs: over a week")
    if data.videos * data.mb > 2e6:
        found.append("videos in archives on shared storage, hashed once and not by every process")
    return "; ".join(found) or "nothing"


def assumed() -> str:
    """The datasets, as the page takes them."""
    rows = []
    for data in DATASETS:
        line = counted(data.row)
        shown = number(data.passes or passes(line, data.videos))
        rows.append([data.name, f"{data.videos:,}", f"{data.mb:g}", shown, str(line["batch"])])
    return table(["dataset", "training videos", "MB a video", "passes", "batch"], rows)


def main() -> None:
    """Write the page."""
    step, scale, decoding, inference = (read(name) for name in ("step", "scale", "decode", "inference"))
    templates = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    text = templates.get_template("cost.md.j2").render(
        step=step, scale=scale, decoding=decoding, inference=inference,
        share=f"{UTILISATION:.0%}", gop=GOP, faster=FASTER, rate=RATE, videos=DATASETS[0].videos,
        peaks=", ".join(f"{gpu.name} {gpu.peak:g} TFLOP/s" for gpu in (A100, H100)),
        read=f"{decoded():.1f}", drawn_mb=sparse()["mb_a_video"],
        text_forward=next(line["share"] for line in step["lines"] if line["part"] == "text"),
        datasets=assumed(), by_size=by_size(), by_method=by_method(read("counts")["lines"]),
        checked=checked(scale["lines"]), spread=spread(scale["lines"]), decoders=decoders(decoding["lines"]),
        copies=copies(decoding["lines"]), beside=beside([step, scale, inference, decoding]),
    )  # fmt: skip
    OUTPUT.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(OUTPUT)


if __name__ == "__main__":
    main()
