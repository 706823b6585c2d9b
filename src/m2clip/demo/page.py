"""The page in gradio: a video and labels at the left, what the model says of them at the right.

It is served to this machine alone, sends nothing elsewhere and fetches nothing: no telemetry, no shared
link, fonts of the system.
"""

import os
import socket
from pathlib import Path
from typing import Any

from m2clip.api import generated
from m2clip.data.texts import check_label, shown
from m2clip.demo import drawing
from m2clip.demo.viewer import Guesses, Viewer
from m2clip.errors import UserError

HOST = "127.0.0.1"
TOP = 5
HOUR = 3600  # seconds after which a video that was dropped is deleted
TITLES = (
    "The frames that the model was given; below them, what the temporal difference of its adapters (Eq. 7) "
    "adds to each patch. That is not motion alone: where nothing moves it is small, and not zero.",
    "Along the video: each point is what the model answers to a window of it.",
)
MISSING = (
    "gradio, which makes the page, cannot be imported ({error}); `pip install '.[demo]'` in the repository "
    "installs it (in an environment of its own, since it wants an older pillow than the pipeline's)"
)


def labels_in(text: str) -> tuple[str, ...]:
    """Labels of a text with one a line; empty lines are left out.

    Raises:
        UserError: naming the line that is no label, or is there already.
    """
    labels: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not (label := line.strip()):
            continue
        if label in labels:
            raise UserError(f"labels, line {number}: {shown(label)} is there already")
        labels[check_label(label, f"labels, line {number}")] = None
    return tuple(labels)


def answer(viewer: Viewer, file: str | None, text: str) -> tuple[Any, ...]:
    """What the page shows.

    Args:
        viewer: of the model.
        file: the video that was dropped, or None.
        text: labels, one a line.

    Returns:
        One line about what is wrong, or "". Probabilities by label: of those trained on, and of the
        user's; two pictures. All but the line are None where something is wrong.
    """
    try:
        if not file:
            raise UserError("no video: drop one first")
        sight = viewer.look(Path(file), labels_in(text or ""))
    except UserError as error:
        return f"**{error}**", None, None, None, None
    kinds = [_probabilities(guesses) for guesses in (sight.supervised, sight.zero_shot)]
    return "", *kinds, drawing.motion(sight), drawing.along(sight)


def _probabilities(guesses: Guesses | None) -> dict[str, float] | None:
    if guesses is None:
        return None
    return {guesses.labels[index]: float(guesses.whole[index]) for index in guesses.best(TOP)}


def require_port(port: int | None) -> None:
    """Raise a UserError where the page cannot have this port."""
    if port is None:
        return
    try:
        with socket.socket() as asked:
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            asked.bind((HOST, port))
    except OSError as error:
        raise UserError(f"--port {port}: {error.strerror}; leave it out for one that is free") from None


def require_gradio() -> Any:
    """The module gradio, without its telemetry.

    Raises:
        UserError: when it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before it is imported
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import gradio
    except ImportError as error:
        raise UserError(MISSING.format(error=error)) from None
    return gradio


def make(viewer: Viewer, name: str) -> Any:
    """The page.

    Args:
        viewer: of the model.
        name: of the model, for the title.

    Raises:
        UserError: when gradio is not installed.
    """
    gr = require_gradio()
    with gr.Blocks(title=f"M2-CLIP: {name}", analytics_enabled=False, delete_cache=(HOUR, HOUR)) as page:
        gr.Markdown(f"# {name}")
        if said := generated(viewer.run):
            gr.Markdown(f"**Note:** {said}.", elem_id="note")
        with gr.Row():
            with gr.Column(scale=2):
                video = gr.Video(label="Video", sources=["upload"], height=280)
                text = gr.Textbox(label="Labels for zero-shot, one a line", lines=4, elem_id="labels")
                button = gr.Button("Look", variant="primary", elem_id="look")
                wrong = gr.Markdown(elem_id="wrong")
            with gr.Column(scale=3):
                own = gr.Label(label="Labels trained on", visible=viewer.supervised, elem_id="supervised")
                others = gr.Label(label="Zero-shot: your labels", elem_id="zero-shot")
        pictures = []
        for title in TITLES:
            gr.Markdown(title)
            pictures.append(gr.Image(show_label=False, format="png", buttons=[]))
        shown_in = [wrong, own, others, *pictures]
        button.click(lambda *given: answer(viewer, *given), [video, text], shown_in, concurrency_limit=1)
    return page


def serve(viewer: Viewer, name: str, port: int | None) -> None:
    """Show the page until Ctrl-C.

    Args:
        viewer: of the model.
        name: of the model.
        port: None: the first that is free from gradio's 7860.

    Raises:
        UserError: when gradio is not installed, or no port is free.
    """
    gr, page = require_gradio(), make(viewer, name)
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["monospace"]}
    try:
        _, address, _ = page.launch(
            server_name=HOST, server_port=port, share=False, quiet=True, prevent_thread_lock=True,
            theme=gr.themes.Default(**fonts), footer_links=[], ssr_mode=False, run_history=False,
        )  # fmt: skip
    except OSError as error:
        raise UserError(f"{HOST}: no port can be used: {error}") from None
    print(f"{name} is at {address} (Ctrl-C ends it)", flush=True)
    page.block_thread()
