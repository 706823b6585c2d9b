"""What a person runs by hand: `m2clip COMMAND`, or `python -m m2clip.cli COMMAND`.

A command is a function that adds its parser and one that does it and returns the exit code. What is slow to
import is imported there, so that help and mistakes come at once.
"""

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from m2clip import rows
from m2clip.config import Evaluate
from m2clip.data.labels import read_labels
from m2clip.errors import UserError, guarded, meant
from m2clip.runs import RunKey
from m2clip.tracing import add_trace as _add_trace

if TYPE_CHECKING:
    from m2clip.data.dataset import Broken
    from m2clip.evaluation.predict import Prediction

VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")
COLUMNS = ("file", "rank", "label", "probability", "error")
EXAMPLES = """examples:
  m2clip predict clips/ --run main                    five labels a video, by the row main
  m2clip predict a.mp4 b.avi --run main/1 --top 1     by the run of seed 1
  m2clip predict clips/ --run main --labels mine.txt  zero-shot: labels of your own, one a line
  m2clip predict clips/ --run adapters.safetensors --crops 3 --clips 4 --csv out.csv
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="m2clip",
        description="M2-CLIP, CLIP adapted to video: what is done with trained runs. To train: dvc repro.",
        epilog="m2clip COMMAND --help says more about a command",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_predict(commands)
    _add_trace(commands)
    arguments = parser.parse_args()
    guarded(lambda: _do(arguments))


def _do(arguments: argparse.Namespace) -> None:
    try:
        code = arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads our output has seen enough, as in `m2clip ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser(
        "predict",
        help="labels of videos and their probabilities",
        description="Predict labels of videos with a trained run: those it was trained on (by vc where it\n"
        "has that head, else by Eq. 11), or any others from a file (by Eq. 11).",
        epilog=f"{EXAMPLES}\nA broken video is named and the rest goes on; the exit code is then 1.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    searched = f"a file, or a folder whose {' '.join(VIDEOS)} are found at any depth"
    add("videos", nargs="+", type=Path, metavar="VIDEOS", help=searched)
    run = "adapters.safetensors of a run, or ROW or ROW/SEED of the profile that params.yaml names"
    add("--run", required=True, help=run)
    add("--labels", type=Path, metavar="FILE", help="labels to choose from instead of the run's, one a line")
    add("--top", type=_count, default=5, metavar="K", help="labels a video (%(default)s)")
    add("--clips", type=_count, default=1, metavar="N", help="temporal samples a video (%(default)s)")
    add("--crops", type=int, default=1, choices=(1, 3, 4), help="crops of each of them (%(default)s)")
    add("--csv", type=Path, metavar="OUT", help="where to write the table as CSV too")
    add("--batch", type=_count, default=32, metavar="N", help="views at once (%(default)s)")
    parser.set_defaults(command=_predict)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _predict(arguments: argparse.Namespace) -> int:
    """Print predictions as they come; the exit code."""
    files = find(arguments.videos)
    given = read_labels(arguments.labels) if arguments.labels else None
    path = adapters(arguments.run)
    from m2clip.evaluation.predict import Prediction, encode, predict
    from m2clip.evaluation.trained import open_trained
    from m2clip.models.factory import device_name

    run = open_trained(path, device_name())
    features = encode(run, given)
    labels = given or run.labels
    views = Evaluate(crops=arguments.crops, clips=arguments.clips, batch=arguments.batch)
    answers = predict(run, files, features, views, zero_shot=given is not None)
    broken = 0
    with _csv(arguments.csv) as write:
        show = _table(files, labels)
        for answer in tqdm(answers, "predict", len(files), unit="video", mininterval=1, file=sys.stderr):
            for line in _lines(answer, labels, arguments.top):
                show(line)
                write(line)
            broken += not isinstance(answer, Prediction)
    if broken:
        print(f"{broken} of {len(files)} videos cannot be used", file=sys.stderr)
    return 1 if broken else 0


def find(places: list[Path]) -> list[Path]:
    """The videos that files and folders stand for, each once.

    Raises:
        UserError: for a path that does not exist, or when there is no video.
    """
    found: dict[Path, None] = {}
    for place in places:
        if not place.exists():
            raise UserError(f"{place}: there is no such file or folder")
        inside = sorted(file for file in place.rglob("*") if file.suffix.lower() in VIDEOS and file.is_file())
        found |= dict.fromkeys(inside if place.is_dir() else [place])
    if not found:
        raise UserError(f"no video in {', '.join(map(str, places))}; looked for {' '.join(VIDEOS)}")
    return list(found)


def adapters(run: str) -> Path:
    """The file that `--run` means.

    Raises:
        UserError: when it is neither a file nor a row.
    """
    if Path(run).suffix == ".safetensors" or Path(run).is_file():
        return Path(run)
    row, _, seed = run.partition("/")
    if seed and not seed.isdecimal():
        raise UserError(f"--run {run}: there is no such file, and it is no ROW/SEED: {seed} is not a number")
    if not rows.PARAMS.exists():
        raise UserError(f"--run {run}: there is no such file, and no {rows.PARAMS} here to look for a row")
    key = RunKey(rows.profile().name, row, int(seed) if seed else rows.seeds()[0])
    known = rows.rows()
    if not key.adapters.exists() and row not in known:
        raise UserError(f"--run {run}: there is no row {row}{meant(row, known)}; known are {list(known)}")
    return key.adapters


Line = dict[str, str]


def _lines(answer: "Prediction | Broken", labels: tuple[str, ...], top: int) -> Iterator[Line]:
    """One line a label, the likeliest first, or one that says what is wrong with the video."""
    from m2clip.data.dataset import Broken

    file = str(answer.path)
    if isinstance(answer, Broken):
        yield {"file": file, "error": answer.reason}
        return
    for rank, index in enumerate((-answer.scores).argsort(kind="stable")[:top], 1):
        probability = f"{answer.scores[index]:.6f}"
        yield {"file": file, "rank": str(rank), "label": labels[index], "probability": probability}


def _table(files: list[Path], labels: tuple[str, ...]) -> Callable[[Line], None]:
    """A function that prints a line under its columns; progress on the same terminal stays below."""
    file, label = max(4, *(len(str(file)) for file in files)), max(5, *map(len, labels))

    def write(text: str) -> None:
        if sys.stderr.isatty():
            tqdm.write(text, file=sys.stdout)
        else:
            print(text, flush=True)

    def show(line: Line) -> None:
        said = line.get("error") or f"{line['label']:<{label}}  {float(line['probability']):>11.4f}"
        write(f"{line['file']:<{file}}  {line.get('rank', '-'):>4}  {said}")

    write(f"{'file':<{file}}  rank  {'label':<{label}}  probability")
    return show


@contextmanager
def _csv(path: Path | None) -> Iterator[Callable[[Line], object]]:
    """A function that writes a line to a CSV file, or nothing where none is asked for."""
    if path is None:
        yield lambda line: None
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise UserError(f"--csv {path}: cannot be written: {error.strerror}") from None
    with file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        yield writer.writerow


if __name__ == "__main__":
    main()
