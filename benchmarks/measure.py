"""What all benchmarks share: processor seconds, the machine's own matmul rate, and where results go."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from m2clip import experiment, paths, profiles, provenance
from m2clip.config import Run
from m2clip.evaluation.complexity import multiply_adds
from m2clip.models.factory import build_model
from m2clip.models.method import Method
from m2clip.models.step import Step
from m2clip.training.step import single_shard

ROOT, RESULTS = Path(__file__).parents[1], Path("benchmarks/results")
FRAMES = 8  # of a video, where a benchmark does not vary them
SIDE, TOKENS, WIDTH, HIDDEN = 224, 197, 768, 3072  # of ViT-B/16
WORDS = ["running", "jumping", "sitting", "opening", "closing", "folding", "pushing", "pulling", "lifting"]
Line = dict[str, Any]
LOAD = os.getloadavg()[0]  # processes that ran or waited in the minute before, which are not ours


def clock() -> float:
    """Seconds: of this process's processor time, and of the wall on a GPU, which is waited for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def seconds(work: Callable[[], object]) -> float:
    """Seconds of a call."""
    began = clock()
    work()
    return clock() - began


def interleaved(parts: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each part in each round; a round has every part once, so that drift hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, work in parts.items():
            found[name].append(seconds(work))
    return found


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of each round."""
    return median(a / b for a, b in zip(above, below, strict=True))


def arguments(**defaults: str | int) -> argparse.Namespace:
    """What the command line says: a text stands alone, a number follows `--NAME`."""
    parser = argparse.ArgumentParser()
    for name, default in defaults.items():
        if isinstance(default, str):
            parser.add_argument(name, nargs="?", default=default)
        else:
            parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def matmul(rows: int, device: str) -> Callable[[], object]:
    """The larger of the two products of a transformer's FFN for so many tokens."""
    left, right = torch.randn(rows, WIDTH, device=device), torch.randn(HIDDEN, WIDTH, device=device)
    return lambda: torch.nn.functional.linear(left, right)


def matmul_macs(rows: int) -> int:
    """Multiply-adds of `matmul`."""
    return rows * WIDTH * HIDDEN


def beside_matmul(
    macs: float, taken: Sequence[float], products: Sequence[float], rows: int
) -> dict[str, float]:
    """How fast work of so many multiply-adds was, beside one large product.

    Args:
        macs: multiply-adds of the work.
        taken: its seconds in each round.
        products: seconds of `matmul` in the same rounds.
        rows: those of `matmul`.
    """
    rates = [matmul_macs(rows) / each for each in products]
    return {
        "matmul_gmacs_a_second": median(rates) / 1e9,
        "share_of_matmul_rate": median(macs / each / rate for each, rate in zip(taken, rates, strict=True)),
    }


def device() -> str:
    """The GPU where there is one, else one thread of the CPU."""
    torch.set_num_threads(1)
    return "cuda" if torch.cuda.is_available() else "cpu"


def classes(count: int, first: int = 0) -> tuple[str, ...]:
    """Made-up labels of three words, numbered from `first`."""
    return tuple(f"{WORDS[n % len(WORDS)]} thing {n}" for n in range(first, first + count))


@contextmanager
def full_size(row: str, labels: Sequence[str], frames: int | None = None) -> Iterator[tuple[Method, Run]]:
    """A row of the profile `paper` on ViT-B/16 with random weights, which cost what trained ones do."""
    config = experiment.resolve(row, profiles.read("paper"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.safetensors"
        torch.manual_seed(0)
        state = open_clip.create_model(config.backbone.name).state_dict()
        save_file({name: value.contiguous() for name, value in state.items()}, path)
        config = replace(config, backbone=replace(config.backbone, pretrained=str(path)))
        if frames:
            config = replace(config, data=replace(config.data, frames=frames))
        model, _ = build_model(config, tuple(labels), 0, device())
    yield model.train(), config


def videos(batch: int, frames: int, device: torch.device | str) -> Tensor:
    """Made-up videos, `(B, T, 3, H, W)`."""
    return torch.randn(batch, frames, 3, SIDE, SIDE, device=device)


def about(model: Method, batch: int) -> Step:
    """A batch of the first labels, one after another."""
    return single_shard(torch.arange(batch, device=model.device) % model.classes)


def step(model: Method, batch: Tensor, about: Step) -> None:
    """Forward and backward."""
    model.total(model(batch, about)).backward()


def counted(work: Callable[[], object]) -> float:
    """Multiply-adds of a call, gradients included."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2


def forward_macs(model: Method, batch: Tensor) -> int:
    """Multiply-adds of what the model computes of these videos in evaluation."""
    return multiply_adds(lambda: model.video(batch))[0]


def peak_memory() -> float:
    """GB: of the process since it began, or of the GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def changed() -> bool:
    """Whether src/ or benchmarks/, without what benchmarks write, is not as the commit has it."""
    written = (":!benchmarks/results", ":!benchmarks/COST.md")
    return bool(_git("status", "--porcelain", "--", "src", "benchmarks", *written))


def commit() -> str:
    """The commit that is checked out, twelve digits; a + where src/ or benchmarks/ differ from it."""
    return (provenance.commit() or "")[:12] + "+" * changed()


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def write(name: str, lines: Sequence[Line], about: Mapping[str, Any]) -> None:
    """Write results/NAME.json with machine, commit and the script's hash, and print it as a table."""
    content = {
        "benchmark": name,
        "machine": {
            "processor": provenance.processor(),
            "cores": paths.cores(),
            "load_before": round(LOAD, 2),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "torch": torch.__version__,
        "commit": provenance.commit(),
        "differs_from_commit": changed(),
        "script_hash": _git("hash-object", str(Path(sys.argv[0]).resolve())),
        "command": " ".join(["benchmarks/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        **about,
        "lines": lines,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(table(lines))
    for key, value in about.items():
        print(f"{key}: {value}")


def table(lines: Sequence[Line]) -> str:
    """The lines in columns, numbers rounded to four digits."""
    columns = list(dict.fromkeys(name for line in lines for name in line))
    cells = [columns, *([_cell(line.get(name)) for name in columns] for line in lines)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells
    )


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
