"""What every test may ask for: a CLIP so small that a test can afford it, with weights that hide nothing."""

import json
import math
import sys
from types import SimpleNamespace

import pytest
import torch

import tiny_runs
from m2clip.config import Backbone
from m2clip.evaluation.trained import open_trained

TINY = {
    "embed_dim": 32,
    "vision_cfg": {
        "image_size": 32,
        "layers": 3,
        "width": 48,
        "head_width": 12,  # four heads: an odd number would keep the fused attention out
        "patch_size": 8,
        "ls_init_value": 0.5,
    },
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 4},
}

LONGEST = (
    "test_pipeline.py",
    "test_every_method.py",
    "test_tracking.py",
    "test_distributed.py",
    "test_complexity_of_rows.py",
    "test_html.py",
    "test_provenance.py",
)  # half of the time


def pytest_collection_modifyitems(items):
    """The longest files first, so that of two processes none waits for the other at the end."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


def save_clip(folder, name, config):
    """An open_clip model with random weights, none of them at a value that would hide a mistake."""
    import open_clip
    from safetensors.torch import save_file

    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    open_clip.add_model_config(file)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        clip = open_clip.create_model(name)
        state = {key: value + 0.1 * torch.randn_like(value) for key, value in clip.state_dict().items()}
    state["logit_scale"] = torch.tensor(math.log(20.0))
    weights = folder / f"{name}.safetensors"
    save_file(state, weights)
    return Backbone(name=name, config=str(file), pretrained=str(weights))


@pytest.fixture(scope="session")
def backbone(tmp_path_factory):
    """The tiny CLIP as a run names it."""
    return save_clip(tmp_path_factory.mktemp("clip"), "tiny", TINY)


LABELS = ("shooting goal (soccer)", "unboxing", "tai chi", "pole vault", "air drumming")


@pytest.fixture(scope="session")
def make_model(backbone):
    """A model of the tiny CLIP from differences to the defaults, its trained weights drawn away from zero."""
    from m2clip.config import Run
    from m2clip.models.factory import build_model
    from m2clip.parsing import build, merge, plain

    def make(differences=None, *, randomise=True, labels=LABELS, double=True):
        config = build(Run, merge({"backbone": plain(backbone)}, differences or {}))
        model, tokenizer = build_model(config, labels, seed=0)
        if randomise:
            generator = torch.Generator().manual_seed(2)
            with torch.no_grad():
                for weight in model.trainable().values():
                    weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))
        model.eval()
        return (model.double() if double else model), tokenizer

    make.backbone = backbone
    return make


@pytest.fixture
def typed(monkeypatch, capfd):
    """Run the command line: exit code, stdout, lines of stderr."""
    from m2clip import cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["m2clip", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return ended.value.code, out, [line for line in err.split("\n") if line]

    return run


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """Made-up runs of all rows but `te`, a hard label of a row and one of a class, rendered once.

    Returns:
        `folder`, and `figures`, what the report drew. Only test_html asks for it, as to render takes seconds.
    """
    import made_up_runs as made
    from m2clip.report.figures import all_figures
    from m2clip.stages import report

    root, draw, figures = tmp_path_factory.mktemp("rendered"), all_figures.draw, []

    def drawn(*arguments):
        figures.extend(draw(*arguments))
        return figures

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr("sys.argv", ["report", made.PROFILE])
        patch.setattr(made, "LABELS", [made.HARD, *made.LABELS[1:]])
        patch.setattr(all_figures, "draw", drawn)
        made.whole(root, without=("te",), labels={"ted": made.HARD}, histories=True)
        report.main()
    return SimpleNamespace(folder=root, figures=figures)


@pytest.fixture
def open_run(backbone, make_model, tmp_path):
    """A run of the tiny CLIP, from differences to the paper's model."""

    def go(**differences):
        path = tmp_path / "weights.safetensors"
        tiny_runs.save_run(path, make_model, backbone, {"data": {"frames": 4}} | differences)
        return open_trained(path, "cpu")

    return go
