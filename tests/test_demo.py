"""`m2clip demo`: what the page shows of a video is what the model says of it; mistakes are one line."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import driven_browser
import tiny_runs
import video_files
from m2clip import api
from m2clip.config import Data
from m2clip.data.transforms import test_views
from m2clip.data.video import read
from m2clip.demo import drawing, page
from m2clip.demo.viewer import WINDOWS, Viewer, windows
from m2clip.evaluation.temporal_difference import norms
from m2clip.models.factory import pixels_of

MINE = ("juggling balls", "pole vault", "sleeping", "air drumming", "surfing", "yoga")
FRAMES = 21
TYPE = """(area => {
  area.value = "surfing\\nyoga";
  area.dispatchEvent(new Event("input", {bubbles: true}));
})(document.querySelector("#labels textarea"))"""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    video_files.write(path, FRAMES)
    return path


def answered(guesses):
    pairs = zip(guesses.labels, guesses.whole, strict=True)
    return {label: pytest.approx(float(probability), abs=1e-5) for label, probability in pairs}


def test_the_whole_video_is_answered_as_predict_does(open_run, video):
    run = open_run()
    sight = Viewer(run).look(video, MINE)
    for guesses, labels in ((sight.supervised, None), (sight.zero_shot, MINE)):
        (told,) = api.predict(video, run, labels, top=9)
        assert {each.label: each.probability for each in told.labels} == answered(guesses)
        assert [guesses.labels[index] for index in guesses.best(2)] == [
            each.label for each in told.labels[:2]
        ]
        assert np.ptp(guesses.whole) > 0.05, "a flat answer would hide a mistake"
    assert sight.frames.shape == (4, 32, 32, 3)


def test_the_map_of_motion_is_the_temporal_difference_of_the_frames_that_are_shown(open_run, video):
    run = open_run()
    sight = Viewer(run).look(video)
    numbers = [2, 7, 13, 18]  # the middles of four parts of 21 frames
    frames = test_views(read(video, numbers, FRAMES), pixels_of(run.model), 1)
    right = norms(run.model, frames)[0]
    assert sight.motion.shape == right.shape == (4, 4, 4) and np.ptp(sight.motion) > 1
    np.testing.assert_allclose(sight.motion, right, rtol=1e-5)


def test_a_video_that_stands_still_has_a_map_of_zeros(open_run, video, tmp_path):
    """Of a model without biases, and without the enhancement, which tells the first frame from the second.

    A model with either adds something to a video that stands still, too.
    """
    run = open_run(adapters={"visual": {"temporal_enhancement": False}})
    for name, weight in run.model.named_parameters():
        if ".difference." in name and name.endswith("bias"):
            weight.data.zero_()
    viewer = Viewer(run)
    one = video_files.write(tmp_path / "one.mp4", 1)
    assert (viewer.look(one).motion == 0).all()
    still = video_files.write(
        tmp_path / "still.mp4", FRAMES, draw=lambda _, *size: video_files.frame(5, *size)
    )
    moving = viewer.look(video).motion
    assert viewer.look(still).motion.max() < 0.1 * moving[1:].min(), "but for what the encoder changes"


def test_a_window_is_answered_as_its_frames_alone(open_run, video):
    run = open_run()
    sight = Viewer(run).look(video)
    assert sight.zero_shot is None and len(sight.middles) == len(sight.supervised.windows) == WINDOWS
    numbers = [11, 14, 16, 19]  # the middles of four parts of the last 11 frames, from 10 on
    frames = test_views(read(video, numbers, FRAMES), pixels_of(run.model), 1)
    with torch.no_grad():
        alone = run.model.classify(run.model.video(frames))["vc"].softmax(dim=1)[0]
    assert sight.middles[-1] == np.mean(numbers) + 1
    np.testing.assert_allclose(sight.supervised.windows[-1], alone, atol=1e-5)
    assert np.abs(sight.supervised.windows[0] - alone.numpy()).max() > 1e-3


def test_windows_move_over_the_video_by_the_runs_own_sampling():
    assert windows(1, Data(frames=3)).tolist() == [[0, 0, 0]]
    assert windows(4, Data(frames=2)).tolist() == [[0, 1], [1, 2], [2, 3]]
    dense = windows(40, Data(frames=3, sampling="dense", stride=2))
    assert len(dense) == WINDOWS and (np.diff(dense) == 2).all()
    assert dense[0].tolist() == [0, 2, 4] and dense[-1].tolist() == [35, 37, 39]


def test_pictures_are_drawn_with_and_without_motion(open_run, video):
    moving = Viewer(open_run()).look(video, MINE)
    still = Viewer(open_run(adapters={"visual": {"temporal_difference": False}})).look(video)
    assert still.motion is None
    sizes = [drawing.motion(sight).size for sight in (moving, still)]
    assert sizes[0][0] == sizes[1][0] and sizes[0][1] > sizes[1][1]
    two, one = (drawing.along(sight) for sight in (moving, still))
    assert two.size[1] == pytest.approx(2 * one.size[1], abs=2)
    assert all(len(image.getcolors(1 << 24)) > 20 for image in (two, one))


def test_what_the_page_shows_and_mistakes_in_one_line(open_run, video, tmp_path):
    viewer = Viewer(open_run())
    text = "  juggling balls\n\nsleeping \n" + "\n".join(MINE[3:])
    wrong, own, others, *pictures = page.answer(viewer, str(video), text)
    assert wrong == "" and set(own) == set(tiny_runs.LABELS) and len(others) == page.TOP == len(set(others))
    assert list(others.values()) == sorted(others.values(), reverse=True) and len(pictures) == 2
    assert page.answer(viewer, str(video), "")[2] is None
    (tmp_path / "a.mp4").write_text("no video")
    for file, text, told in (
        (None, "a", "no video: drop one first"),
        (tmp_path / "a.mp4", "", "a.mp4: not a video: text"),
        (video, "a\n\na", "labels, line 3: 'a' is there already"),
        (video, "a\nb\x00", "labels, line 2: "),
    ):
        said, *nothing = page.answer(viewer, file and str(file), text)
        assert told in said and "\n" not in said and nothing == [None] * 4


def test_clip_has_no_labels_of_its_own(backbone, video):
    clip = {"clip": backbone.config, "pretrained": backbone.pretrained, "frames": 4, "device": "cpu"}
    viewer = Viewer(api.build("clip", ["a video"], **clip), supervised=False)
    assert page.answer(viewer, str(video), "")[0].startswith("**no labels: this model was trained on none")
    _, own, others, *_ = page.answer(viewer, str(video), "a\nb")
    assert own is None and set(others) == {"a", "b"}


def test_labels_of_a_model_that_reads_no_text_are_one_line(open_run, video):
    viewer = Viewer(open_run(decoder={"heads": ["vc"]}))
    assert "predicts only the labels it was trained on" in page.answer(viewer, str(video), "a")[0]
    assert page.answer(viewer, str(video), "")[0] == ""


def test_without_gradio_the_command_says_what_to_install(typed, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("a.safetensors").touch()
    monkeypatch.setattr("m2clip.evaluation.trained.open_trained", None)  # nothing is opened before that
    monkeypatch.setitem(sys.modules, "gradio", None)
    for arguments, told in (
        (("--run", "a.safetensors"), "gradio, which makes the page, cannot be imported"),
        (("--run", "b.safetensors"), "b.safetensors: there is no such file"),
        ((), "--run main: there is no such file, and no params.yaml here"),
    ):
        code, _, err = typed("demo", *arguments)
        assert code == 1 and len(err) == 1 and told in err[0]
    assert "pip install '.[demo]'" in typed("demo", "--run", "a.safetensors")[2][0]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = typed("demo", "--run", "a.safetensors", "--port", port)
    assert code == 1 and err == [
        f"error: --port {port}: Address already in use; leave it out for one that is free"
    ]
    for port in ("x", "0", "65536"):
        code, _, err = typed("demo", "--port", port)
        assert code == 2 and "argument --port: " in err[-1]


@pytest.mark.slow
def test_the_page_in_a_browser(open_run, video, tmp_path):
    pytest.importorskip("gradio", reason="the extra `demo` is not installed")
    open_run()
    command = [sys.executable, "-m", "m2clip.cli", "demo", "--run", tmp_path / "weights.safetensors"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]
        with driven_browser.tab(address, tmp_path / "profile") as tab:
            tab.wait("document.querySelector('#look')")
            tab.js("document.querySelector('#look').click()")
            tab.wait("document.querySelector('#wrong').innerText.includes('no video: drop one first')")
            tab.drop("input[type=file]", video)
            tab.wait("document.querySelector('video')")
            tab.js(TYPE)
            tab.js("document.querySelector('#look').click()")
            tab.wait("document.querySelector('#zero-shot').innerText.includes('%')")
            tab.wait("document.querySelectorAll('img[src*=\"/file=\"]').length == 2")
            shown = tab.text()
            assert all(label in shown for label in ("surfing", "yoga", *tiny_runs.LABELS))
            assert "no video: drop one first" not in shown
            elsewhere = {url for url in tab.requests if not url.startswith((address, "blob:", "data:"))}
            assert not elsewhere, "the page fetches nothing from other machines"
    finally:
        server.terminate()
        server.wait()
