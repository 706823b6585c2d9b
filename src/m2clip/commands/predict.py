"""`m2clip predict`: labels of videos and their probabilities, as a table, as JSON lines and as CSV."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from m2clip.api import VIDEOS, Answer, answers, check_zero_shot, find, generated
from m2clip.commands import model_of
from m2clip.config import Evaluate
from m2clip.data.labels import read_labels
from m2clip.errors import UserError, printable

HERE = "m2clip predict VIDEOS --clip ViT-B-16 --labels FILE"
COLUMNS = ("file", "rank", "label", "probability", "error")
EXAMPLES = """examples:
  m2clip predict clips/ --run main                    five labels a video, by the row main
  m2clip predict a.mp4 b.avi --run main/1 --top 1     by the run of seed 1
  m2clip predict clips/ --run main --profile paper    by that of another profile
  m2clip predict clips/ --checkpoint FOLDER --json    by what `m2clip export` wrote; one JSON object a video
  m2clip predict clips/ --run main --labels mine.txt  zero-shot: labels of your own, one a line
  m2clip predict clips/ --run main --labels mine.txt --no-text-adapter --template "a photo of {}"
  m2clip predict clips/ --clip ViT-B-16 --labels mine.txt    zero-shot by OpenAI's CLIP, untrained
  m2clip predict clips/ --run weights.safetensors --crops 3 --clips 4 --csv out.csv
"""


def add(commands: Any) -> None:
    """Add the command to a parser's."""
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
    model_of.add_options(parser, required=True)
    add("--labels", type=Path, metavar="FILE", help="labels to choose from instead of the run's, one a line")
    sentence = "a sentence with {} where one of --labels goes, instead of the run's; of several the mean"
    add("--template", type=_template, action="append", default=[], metavar="TEXT", help=sentence)
    bare = "read --labels as CLIP itself does, without the run's text adapters"
    add("--no-text-adapter", dest="text_adapter", action="store_false", help=bare)
    add("--top", type=_count, default=5, metavar="K", help="labels a video (%(default)s)")
    add("--clips", type=_count, default=1, metavar="N", help="temporal samples a video (%(default)s)")
    add("--crops", type=int, default=1, choices=(1, 3, 4), help="crops of each of them (%(default)s)")
    add("--json", action="store_true", help="print JSON, one object a line and video, instead of the table")
    add("--csv", type=Path, metavar="OUT", help="where to write the table as CSV too")
    add("--batch", type=_count, default=32, metavar="N", help="views at once (%(default)s)")
    parser.set_defaults(command=_predict)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _template(text: str) -> str:
    if text.count("{}") != 1:
        raise argparse.ArgumentTypeError(f"{text!r} must hold {{}} once, where the label goes")
    return text


def _predict(arguments: argparse.Namespace) -> int:
    """Print predictions as they come; the exit code."""
    model_of.check(arguments)  # before folders are walked
    if arguments.clip and not arguments.labels:
        raise UserError("--clip knows no labels of its own: give them with --labels FILE, one a line")
    files = find(arguments.videos)
    given = read_labels(arguments.labels) if arguments.labels else None
    views = Evaluate(
        crops=arguments.crops,
        clips=arguments.clips,
        batch=arguments.batch,
        templates=tuple(arguments.template),
    )
    check_zero_shot(given, views, text_adapter=arguments.text_adapter)
    run = model_of.open_model(arguments, given or ())
    if said := generated(run):
        print(f"note: {said}. OpenAI's CLIP, zero-shot: {HERE}", file=sys.stderr)
    found = answers(run, files, given, arguments.top, views, text_adapter=arguments.text_adapter)
    broken = 0
    with _csv(arguments.csv) as write:
        show = _json if arguments.json else _table(files, given or run.labels)
        for answer in tqdm(found, "predict", len(files), unit="video", mininterval=1, file=sys.stderr):
            show(answer)
            for line in _lines(answer):
                write(line)
            broken += answer.error is not None
    if broken:
        print(f"{broken} of {len(files)} videos cannot be used", file=sys.stderr)
    return 1 if broken else 0


Line = dict[str, str]


def _lines(answer: Answer) -> Iterator[Line]:
    """One line a label, the likeliest first, or one that says what is wrong with the video."""
    file = str(answer.path)
    if answer.error is not None:
        yield {"file": file, "error": answer.error}
    for rank, found in enumerate(answer.labels, 1):
        probability = f"{found.probability:.6f}"
        yield {"file": file, "rank": str(rank), "label": found.label, "probability": probability}


def _write(text: str) -> None:
    """Print a line; progress on the same terminal stays below."""
    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stdout)
    else:
        print(text, flush=True)


def _table(files: list[Path], labels: tuple[str, ...]) -> Callable[[Answer], None]:
    """A function that prints an answer under its columns."""
    file = max(4, *(len(printable(str(file))) for file in files))
    label = max(5, *(len(printable(label)) for label in labels))

    def show(answer: Answer) -> None:
        for line in ({key: printable(text) for key, text in line.items()} for line in _lines(answer)):
            said = line.get("error") or f"{line['label']:<{label}}  {float(line['probability']):>11.4f}"
            _write(f"{line['file']:<{file}}  {line.get('rank', '-'):>4}  {said}")

    _write(f"{'file':<{file}}  rank  {'label':<{label}}  probability")
    return show


def _json(answer: Answer) -> None:
    """Print an answer as a JSON object on a line of its own: `file` with `labels`, or with `error`."""
    labels = [{"label": found.label, "probability": round(found.probability, 6)} for found in answer.labels]
    said = {"labels": labels} if answer.error is None else {"error": answer.error}
    text = json.dumps({"file": str(answer.path), **said}, ensure_ascii=False)
    _write(text if text.isprintable() else json.dumps(json.loads(text)))


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
