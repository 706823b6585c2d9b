"""COST.md: what training on real datasets would take, computed from what was measured here.

    python benchmarks/cost.py

A model, not a measurement: multiply-adds of a step (counts.json) over an assumed share of a GPU's published
peak; videos that a GPU asks for over those that a core decodes (decode.json); bytes that move. Its first
assumption, that cost is what is counted, is checked against scale.json.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT, RESULTS = Path("benchmarks/COST.md"), Path("benchmarks/results")
UTILISATION = 0.4  # assumed share of the peak; not measured
CORES = 8  # for each GPU, as in the examples of docs/paper.md
GPUS = (1, 8, 64)


PAGE = """\
# What training on real datasets would take

Written by `python benchmarks/cost.py`. **Everything on this page is computed; nothing of it was measured on a
GPU.** It follows from counted multiply-adds, from decoders measured on one core of an {processor}, and from
these assumptions:

- A GPU reaches {share} of its published dense bf16 peak: {peaks}. The share is assumed.
- A video is an H.264 file of 340 x 256 pixels, 10 seconds and a keyframe every 250 frames, of which 8 frames
  from all over it are read. A core reads {read} of them a second as we do, {torchcodec} with torchcodec.
  Augmentation comes on top.
- A step takes {batch} videos, whatever the number of GPUs; gradients of 32 bits go round once a step.
- Of the datasets, MB a video and passes are assumed:

{datasets}
## M2-CLIP by dataset and number of GPUs

{by_size}
## By method, on Kinetics-400

Frames and epochs are those of the profile `paper`. Reading the class texts is in the hours; what the harness
keeps of frozen texts from step to step is counted as if it were computed anew. ActionCLIP could not be
counted without values. Cores are for 8 frames, whatever a method takes.

{by_method}
## The model beside measured steps

Multiples of the first line, on one thread of a processor that did other work beside it.

{checked}
"""


@dataclass(frozen=True)
class Gpu:
    """Published: dense bf16, in units of 10^12 floating-point operations a second."""

    name: str
    peak: float


@dataclass(frozen=True)
class Dataset:
    """Training videos and passes over them."""

    name: str
    videos: int
    mb: float
    epochs: float


A100, H100 = Gpu("A100", 312), Gpu("H100 SXM", 989)
DATASETS = (
    Dataset("Kinetics-400", 240_000, 0.6, 12),
    Dataset("SSv2", 168_913, 0.09, 50),
    Dataset("Kinetics-710", 658_000, 0.6, 12),
    Dataset("ten million videos", 10_000_000, 0.6, 1),
)


def read(name: str) -> dict[str, Any]:
    """A benchmark's results."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def seconds_a_video(line: dict[str, Any], gpu: Gpu) -> float:
    """GPU seconds of a training video, its part of the texts included."""
    macs = line["gmacs_a_video"] + line["gmacs_of_texts"] / line["batch"]
    return 2 * macs * 1e9 / (gpu.peak * 1e12 * UTILISATION)


def decoded(decoder: str) -> float:
    """Videos a second of a core: 8 frames over the whole of a file with a keyframe every 250 frames."""
    lines = [
        line for line in read("decode")["lines"] if line.get("frames") == "sparse" and line["gop"] == 250
    ]
    return next(line["videos_a_core_second"] for line in lines if line["decoder"].startswith(decoder))


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table, its first column left, the others right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [*(f"| {' | '.join(row)} |" for row in (head, rule, *rows)), ""]


def number(value: float) -> str:
    """Three digits, with thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def checked() -> list[str]:
    """The model beside measured steps: both as multiples of the first line."""
    lines = read("scale")["lines"]
    base, rows = lines[0], []
    for line in lines:
        counted, took = line["gmacs"] / base["gmacs"], line["seconds"] / base["seconds"]
        what = ", ".join(str(line[key]) for key in ("row", "frames", "classes", "batch"))
        rows.append([what, f"{counted:.2f}", f"{took:.2f}", f"{100 * (took / counted - 1):+.0f} %"])
    return table(
        ["row, frames, classes, batch", "counted", "measured on the CPU", "measured over counted"], rows
    )


def by_method(counts: list[dict[str, Any]]) -> list[str]:
    """All methods on Kinetics-400, by their own recipes."""
    data, rows = DATASETS[0], []
    for line in counts:
        shown = data.videos * (line["epochs"] or data.epochs)
        hours = [number(shown * seconds_a_video(line, gpu) / 3600) for gpu in (A100, H100)]
        rate = 1 / seconds_a_video(line, A100)
        rows.append(
            [
                line["method"], str(line["frames"]), f"{line['epochs'] or data.epochs:g}",
                number(line["gmacs_a_video"]), *hours, number(rate / decoded("as we read")),
                number(rate / decoded("torchcodec")),
            ]
        )  # fmt: skip
    head = [
        "method", "frames", "epochs", "GMACs a video and step", "A100 hours", "H100 hours",
        "cores an A100, as we read", "cores an A100, torchcodec",
    ]  # fmt: skip
    return table(head, rows)


def by_size(line: dict[str, Any]) -> list[str]:
    """M2-CLIP on each dataset and number of A100s."""
    rows, each = [], seconds_a_video(line, A100)
    for data in DATASETS:
        shown = data.videos * data.epochs
        for gpus in GPUS:
            rate = gpus / each
            step = line["batch"] / rate  # seconds, the batch as it is
            gradients = 2 * (gpus - 1) / gpus * 4 * line["trained_parameters"] / 1e6 / step
            rows.append(
                [
                    data.name, str(gpus), number(shown * each / gpus / 3600), number(rate),
                    number(rate / decoded("as we read")), number(data.videos * data.mb / 1e3),
                    number(rate * data.mb), number(gradients), needed(data, gpus, line, shown * each / gpus),
                ]
            )  # fmt: skip
    head = [
        "dataset", "A100s", "hours", "videos a second", "decoding cores", "disk, GB", "read, MB/s",
        "gradients of a GPU, MB/s", "what has to change",
    ]  # fmt: skip
    return table(head, rows)


def needed(data: Dataset, gpus: int, line: dict[str, Any], took: float) -> str:
    """What the numbers of a line ask for beyond what the repository does today."""
    found = []
    if (cores := 1 / seconds_a_video(line, A100) / decoded("as we read")) > CORES:
        found.append(f"decode {cores / CORES:.1f} times as fast: torchcodec, small GOPs, more cores")
    if line["batch"] / gpus < 4:
        found.append(f"a larger batch: {line['batch'] / gpus:.1f} videos a GPU do not fill one")
    if took > 7 * 24 * 3600:
        found.append("more GPUs: over a week")
    if data.videos * data.mb > 2e6:
        found.append("videos in archives on shared storage, hashed once and not by every process")
    return "; ".join(found) or "nothing"


def main() -> None:
    """Write the page."""
    counts = read("counts")["lines"]
    ours = next(line for line in counts if line["method"] == "m2clip")
    assumed = [[data.name, f"{data.videos:,}", f"{data.mb:g}", f"{data.epochs:g}"] for data in DATASETS]
    text = PAGE.format(
        processor=read("scale")["machine"]["processor"],
        share=f"{UTILISATION:.0%}",
        peaks=", ".join(f"{gpu.name} {gpu.peak:g} TFLOP/s" for gpu in (A100, H100)),
        read=f"{decoded('as we read'):.1f}",
        torchcodec=f"{decoded('torchcodec'):.1f}",
        batch=ours["batch"],
        datasets="\n".join(table(["dataset", "training videos", "MB a video", "passes"], assumed)),
        by_size="\n".join(by_size(ours)),
        by_method="\n".join(by_method(counts)),
        checked="\n".join(checked()),
    )
    OUTPUT.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(OUTPUT)


if __name__ == "__main__":
    main()
