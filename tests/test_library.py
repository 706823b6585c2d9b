"""m2clip as a library: TED-Adapters in any open_clip tower, models by name, the hub's layout, the wheel."""

import json
import shutil
import subprocess
import sys
import warnings
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import open_clip
import pytest
import torch
from packaging.requirements import Requirement
from torch.nn import functional

import m2clip
import tiny_runs
from m2clip import hub
from m2clip.errors import UserError
from m2clip.evaluation.checkpoint import write_checkpoint
from m2clip.models.weights_io import load_weights

ROOT = Path(__file__).parents[1]
LABELS = ["pole vault", "tai chi"]
APART = {"gradio", "mteb"}  # of extras that do not go with the pinned versions: an environment of their own


@pytest.fixture
def clip(backbone):
    """The tiny CLIP as a user opens it."""
    open_clip.add_model_config(backbone.config)
    return open_clip.create_model("tiny", pretrained=backbone.pretrained).eval()


@pytest.fixture
def frames():
    return torch.randn(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(4))


def drawn(model):
    """The model with its adapters away from zero."""
    generator = torch.Generator().manual_seed(5)
    for weight in model.adapter_parameters().values():
        weight.data = 0.3 * torch.randn(weight.shape, generator=generator)
    return model


def test_new_adapters_leave_clip_as_it_is_and_it_can_still_be_used(clip, frames):
    def encode():  # without gradients: torch rounds otherwise where it keeps them
        with torch.no_grad():
            return clip.encode_image(frames.flatten(0, 1)).unflatten(0, (2, 3))

    before = encode()
    model = m2clip.TEDModel(clip)
    torch.testing.assert_close(model(frames), before.mean(1))
    assert (drawn(model)(frames) - before.mean(1)).abs().max() > 0.1
    assert torch.equal(encode(), before)
    assert len(clip.visual.transformer.resblocks) == 3


@pytest.mark.parametrize("options", ({}, {"site": "both", "layers": "back"}, {"fusion": "sequential"}))
def test_features_are_those_of_the_method_with_the_same_adapters(clip, frames, make_model, options):
    model = drawn(m2clip.TEDModel(clip, **options))
    method, _ = make_model({"adapters": {"visual": options}}, randomise=False, double=False)
    own = {name.removeprefix("tower."): weight for name, weight in model.adapter_parameters().items()}
    method.image.load_state_dict(own, strict=False)
    assert own.keys() <= method.image.state_dict().keys()
    assert torch.equal(model(frames), method.video(frames).joint)


def test_adapters_alone_are_trained_counted_and_saved(clip, frames, tmp_path, capsys):
    model = drawn(m2clip.TEDModel(clip, bottleneck=0.25))
    model(frames).square().sum().backward()
    assert all(weight.grad is not None for weight in model.adapter_parameters().values())
    assert all(weight.grad is None and not weight.requires_grad for weight in clip.visual.parameters())
    # Two down- and two up-projections, a 3x1 and a 3x3 depthwise convolution, in three layers.
    width, small = 48, 12
    count = 3 * (2 * (width + 1) * small + 2 * (small + 1) * width + (3 + 1) * small + (9 + 1) * small)
    every = count + sum(weight.numel() for weight in clip.visual.parameters())
    model.print_trainable_parameters()
    share = f"{100 * count / every:.4f}"
    assert (
        capsys.readouterr().out
        == f"trainable params: {count:,} || all params: {every:,} || trainable%: {share}\n"
    )
    model.save_pretrained(tmp_path / "away")
    names = sorted(file.name for file in (tmp_path / "away").iterdir())
    assert names == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
    again = m2clip.TEDModel.from_pretrained(clip, tmp_path / "away")
    assert again.options == model.options and torch.equal(again(frames), model(frames))


def test_what_does_not_fit_is_one_line(clip, tmp_path):
    for options, told in (
        ({"layers": (9,)}, "TEDModel.layers: there is no layer 9"),
        ({"sight": "mlp"}, "unknown key TEDModel.sight"),
    ):
        with pytest.raises(UserError, match=told):
            m2clip.TEDModel(clip, **options)
    with pytest.raises(UserError, match="no plain ViT of open_clip: it is a Linear"):
        m2clip.TEDModel(torch.nn.Linear(2, 2))
    clip.visual.pool_type = "avg"
    with pytest.raises(UserError, match="does not pool by its class token"):
        m2clip.TEDModel(clip)
    clip.visual.pool_type = "tok"
    model = m2clip.TEDModel(clip, layers=(1, 3))
    model.save_pretrained(tmp_path)
    assert m2clip.TEDModel.from_pretrained(clip, tmp_path).options.layers == (1, 3)
    about = json.loads((tmp_path / "adapter_config.json").read_text())
    about["options"]["layers"] = [1, 2]
    (tmp_path / "adapter_config.json").write_text(json.dumps(about))
    with pytest.raises(
        UserError, match=r"does not fit this CLIP: tower.blocks.1\S+ is none, the model has \["
    ):
        m2clip.TEDModel.from_pretrained(clip, tmp_path)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(UserError, match=r"not written by TEDModel\.save_pretrained"):
        m2clip.TEDModel.from_pretrained(clip, tmp_path)


def test_the_hub_gives_back_what_was_pushed(clip, frames, tmp_path, monkeypatch):
    """A folder stands for the hub: what is uploaded and downloaded are whole folders."""
    import huggingface_hub

    there = tmp_path / "hub"

    class Api:
        def create_repo(self, repo_id, private, exist_ok):
            assert exist_ok and private
            (there / repo_id).mkdir(parents=True)
            return f"https://hub/{repo_id}"

        def upload_folder(self, repo_id, folder_path):
            shutil.copytree(folder_path, there / repo_id, dirs_exist_ok=True)

    def snapshot(repo_id, allow_patterns):
        """All of the repository, which no pattern may leave out, and none that could be unpickled."""
        files = [path.name for path in (there / repo_id).iterdir()]
        assert files and all(any(fnmatch(name, pattern) for pattern in allow_patterns) for name in files)
        assert not any(fnmatch("weights.pt", pattern) for pattern in allow_patterns)
        return str(there / repo_id)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.chdir(tmp_path)
    model = drawn(m2clip.TEDModel(clip))
    assert model.push_to_hub("me/ted", "away", private=True) == "https://hub/me/ted"
    assert "library_name: m2clip" in (there / "me/ted/README.md").read_text()
    assert torch.equal(m2clip.TEDModel.from_pretrained(clip, "me/ted")(frames), model(frames))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no README.md and \*.safetensors in it"):
        m2clip.push_to_hub("empty", "me/none")

    def offline(repo_id, allow_patterns):
        raise OSError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(UserError, match=r"me/ted: there is no such folder, nor .* give it: no network$"):
        m2clip.load("me/ted")
    for name in ("one", "a/b/c", "/abs/two", "./here", Path("me/ted")):
        assert hub.local(name) == Path(name)


def test_a_checkpoint_is_loaded_and_predicts_in_its_folders_place(backbone, make_model, tmp_path):
    path, folder = tmp_path / "weights.safetensors", tmp_path / "away"
    made = tiny_runs.save_run(path, make_model, backbone, {"data": {"frames": 3}})
    write_checkpoint(folder, load_weights(path), "a card")
    run = m2clip.load(folder, device="cpu")
    assert run.labels == tiny_runs.LABELS and tiny_runs.same(run.model.trainable(), made.trainable())
    videos = tiny_runs.prepare_videos(tmp_path / "data", count=2).folder
    assert m2clip.predict(videos, run) == m2clip.predict(videos, folder, device="cpu")


def test_a_new_clip_is_zero_shot_clip(backbone, clip, frames, tmp_path):
    run = m2clip.build("clip", LABELS, clip=backbone.config, pretrained=backbone.pretrained, device="cpu")
    tokens = open_clip.get_tokenizer("tiny")([f"a video of {label}" for label in LABELS])
    with torch.no_grad():
        video = clip.encode_image(frames.flatten(0, 1)).unflatten(0, (2, 3)).mean(1)
        plain = functional.normalize(video, dim=-1) @ functional.normalize(clip.encode_text(tokens), dim=-1).T
        mine = run.model.logits(run.model.video(frames), run.model.labels(run.model.prompts))["eq11"]
    torch.testing.assert_close(mine, 20 * plain, rtol=1e-4, atol=1e-4)
    assert run.labels == tuple(LABELS) and not run.model.trainable()


def test_a_new_model_of_a_method_has_its_options(backbone):
    where = {"clip": backbone.config, "pretrained": backbone.pretrained, "device": "cpu"}
    options = {"adapters": {"visual": {"layers": "back"}}, "decoder": {"heads": ["contrastive"]}}
    run = m2clip.build("m2clip", LABELS, frames=4, options=options, **where)
    assert run.config.options.adapters.visual.layers == "back" and run.config.data.frames == 4
    assert not any(name.startswith("image.blocks.0.before_attn") for name in run.model.trainable())
    for wrong, told in (
        ({"method": "clp"}, "did you mean clip"),
        ({"method": "m2clip", "options": {"decoder": {"heads": ["nope"]}}}, "there is no head 'nope'"),
        ({"method": "clip", "labels": "dog"}, "labels: expected a list"),
        ({"method": "clip", "clip": "ViT-B-61"}, "open_clip has no model ViT-B-61"),
    ):
        with pytest.raises(UserError, match=told):
            m2clip.build(**{"labels": LABELS, **where, **wrong})


def test_generated_data_is_warned_of_and_real_data_is_not(backbone, make_model, tmp_path):
    from m2clip.synthetic.worlds import SMALL

    videos = tiny_runs.prepare_videos(tmp_path / "data", count=1).folder
    where = {"clip": backbone.config, "pretrained": backbone.pretrained, "device": "cpu"}
    with pytest.warns(UserWarning, match="knows a small world of generated videos and nothing else"):
        m2clip.predict(videos, m2clip.build("clip", SMALL.labels["k400"], **where))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m2clip.predict(videos, m2clip.build("clip", LABELS, **where))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built offline by the build backend that is installed."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", folder / "dist", folder], check=True, capture_output=True)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_has_what_the_source_has_and_no_pipeline_is_needed(wheel, backbone, tmp_path):
    video = tiny_runs.prepare_videos(tmp_path / "data", count=1).folder
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    wanted = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/m2clip").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "m2clip/py.typed" in names and wanted <= names, wanted - names
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines()}
    asked = [
        Requirement(line.partition(": ")[2]) for line in metadata.splitlines() if "Requires-Dist" in line
    ]
    assert {one.name for one in asked} <= pinned | APART
    needed = {one.name for one in asked if "extra" not in str(one.marker)}
    extra = {one.name for one in asked} - needed
    assert {"torch", "open_clip_torch", "av"} <= needed and {"dvc", "mlflow", "matplotlib"} <= extra
    blocked = {one.lower().replace("-", "_") for one in extra} - {"filelock"}  # torch's, too
    program = f"""
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
sys.path = [{str(tmp_path / "site")!r}] + [path for path in sys.path if not path.endswith("/src")]
import m2clip
assert m2clip.__file__.startswith({str(tmp_path)!r}), m2clip.__file__
assert "torch" not in sys.modules
import m2clip.cli
where = dict(clip={backbone.config!r}, pretrained={backbone.pretrained!r}, device="cpu")
run = m2clip.build("m2clip", ["a", "b"], **where)
(answer,) = m2clip.predict({str(video)!r}, run)
assert len(answer.labels) == 2, answer
import open_clip
m2clip.TEDModel(open_clip.create_model("tiny")).print_trainable_parameters()
"""
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0 and told.stdout.startswith("trainable params: "), told.stderr
