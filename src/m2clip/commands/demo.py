"""`m2clip demo`: a page on this machine where a video is dropped and a model says what it sees."""

import argparse
from typing import Any

from m2clip.commands import model_of

EXAMPLES = """examples:
  m2clip demo                                 the row main of the profile
  m2clip demo --run ssv2/1                    another row or seed
  m2clip demo --checkpoint FOLDER             what `m2clip export` wrote
  m2clip demo --clip ViT-B-16                 OpenAI's CLIP, untrained, for labels of your own
  m2clip demo --clip ViT-B-16 --backbone ViT-B-16.pt    the same from a file, without network
"""
PLACEHOLDER = ("a video",)  # CLIP is built with some label; the page never shows it


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "demo",
        help="a page on this machine: drop a video, see labels and where the adapters see motion",
        description="Serve a page to this machine alone. Drop a video and type labels: it shows the labels\n"
        "that the model was trained on, yours (zero-shot, Eq. 11), both along the video, and where the\n"
        "adapters see motion (Eq. 7). Nothing is sent elsewhere. It needs `pip install '.[demo]'`.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model_of.add_options(parser, required=False)
    free = "of the page; default: the first that is free from 7860"
    parser.add_argument("--port", type=_port, metavar="N", help=free)
    parser.set_defaults(command=_demo)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


def _demo(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; the exit code."""
    if not (arguments.checkpoint or arguments.clip):
        arguments.run = arguments.run or "main"
    model_of.check(arguments)
    from m2clip.demo import page
    from m2clip.demo.viewer import Viewer

    page.require_port(arguments.port)
    page.require_gradio()
    run = model_of.open_model(arguments, PLACEHOLDER)
    name = arguments.run or arguments.checkpoint or f"{arguments.clip}, zero-shot"
    page.serve(Viewer(run, supervised=not arguments.clip), name, arguments.port)
    return 0
