"""Bad input is one line that names the key path; good input goes to YAML and back unchanged."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from m2clip.backbones import check, shape_of
from m2clip.config import Backbone, Run
from m2clip.errors import UserError, guarded
from m2clip.files import read_yaml
from m2clip.options.m2clip import Adapters, Decoder, Options, TextAdapter, VisualAdapter
from m2clip.parsing import build, merge, override, plain

BAD = {
    "decodr: {}": ["unknown key decodr", "did you mean decoder?", "backbone"],
    "decoder: {head: [vc]}": ["unknown key decoder.head", "did you mean heads?"],
    "adapters: {visual: {layer: all}}": ["unknown key adapters.visual.layer", "did you mean layers?"],
    "train: {1: 2}": ["unknown key train.1"],
    "adapters: all": ["adapters: expected keys and values", "'all'"],
    "data:": ["data: expected keys and values", "None"],
    "data: {frames: 8.0}": ["data.frames: expected a whole number", "8.0"],
    "data: {frames: '8'}": ["data.frames: expected a whole number", "'8'"],
    "data: {frames: true}": ["data.frames: expected a whole number", "True"],
    "data: {frames: null}": ["data.frames: expected a whole number", "None"],
    "data: {frames: 0}": ["data.frames: 0", "above 0"],
    "data: {dataset: 400}": ["data.dataset: expected a text", "400"],
    "data: {sampling: random}": ["data.sampling: expected one of segments, dense", "'random'"],
    "data: {flip: 1}": ["data.flip: expected true or false", "1"],
    "data: {prompt: a video}": ["data.prompt", "a video", "{}"],
    "data: {prompt: '{} and {}'}": ["data.prompt", "once"],
    "data: {crop: centre}": ["data.crop: expected one of short_side, resized", "'centre'"],
    "data: {randaugment: strong}": ["data.randaugment", "strong", "rand-m7-n4-mstd0.5-inc1"],
    "data: {randaugment: rand-m7-x4}": ["data.randaugment", "rand-m7-x4"],
    "data: {randaugment: 7}": ["data.randaugment: expected a text or null", "7"],
    "data: {scale: 1.15}": ["data.scale: expected a list of a number", "1.15"],
    "data: {scale: [1.0]}": ["data.scale: expected a list"],
    "data: {scale: [1.0, big]}": ["data.scale[1]: expected a number", "'big'"],
    "data: {scale: [1.2, 1.0]}": ["data.scale: [1.2, 1.0]", "smallest <= largest"],
    "data: {scale: [0.5, 1.0]}": ["data.scale: [0.5, 1.0]"],
    "train: {lr: 1e-3}": ["train.lr: expected a number", "'1e-3'", "write 1.0e-3"],
    "train: {lr: true}": ["train.lr: expected a number", "True"],
    "train: {lr: .nan}": ["train.lr: nan"],
    "train: {lr: .inf}": ["train.lr: inf"],
    "train: {lr: -1.0}": ["train.lr: -1.0", "above 0"],
    "adapters: {text: {lr: -1.0}}": ["adapters.text.lr: -1.0", "above 0"],
    "options: {decoder: {head: [vc]}}": ["unknown key decoder.head", "did you mean heads?"],
    "options: all": ["options: expected keys and values", "'all'"],
    "method: m2clp": ["method: there is no method m2clp", "did you mean m2clip?", "st_adapter"],
    "{method: clip, decoder: {heads: [vc]}}": ["unknown key decoder", "known are"],
    "{method: st_adapter, options: {site: ffn}}": ["site: expected one of attention, mlp, both"],
    "{method: st_adapter, bottleneck: 2.0}": ["bottleneck: 2.0", "share of the width"],
    "train: {weight_decay: -0.1}": ["train.weight_decay: -0.1"],
    "train: {steps: -1}": ["train.steps", "0 or more"],
    "train: {warmup: 1.0}": ["train.warmup: 1.0", "below 1"],
    "train: {batch: 0}": ["train.batch: 0"],
    "train: {batch: 8, accumulate: 3}": ["train.accumulate", "8", "3 equal parts"],
    "train: {epochs: 2, warmup_epochs: 2}": ["train.warmup_epochs: 2", "train.epochs"],
    "train: {precision: 16}": ["train.precision: expected one of 32, bf16", "16"],
    "train: {lr_batch: 0}": ["train.lr_batch: 0"],
    "backbone: {temperature: 0}": ["backbone.temperature: 0 ", "above 0"],
    "backbone: {temperature: hot}": ["backbone.temperature: expected a number or null", "'hot'"],
    "adapters: {visual: {temporal_enhancement: 1}}": [
        "adapters.visual.temporal_enhancement: expected true or false"
    ],
    "adapters: {visual: {temporal_enhancement: false, temporal_difference: false}}": [
        "adapters.visual: temporal_enhancement and temporal_difference are both false"
    ],
    "adapters: {visual: {layers: deep}}": ["adapters.visual.layers: expected", "front", "'deep'"],
    "adapters: {visual: {layers: 3}}": ["adapters.visual.layers: expected", "list of a whole number", "3"],
    "adapters: {visual: {layers: [1, two]}}": ["adapters.visual.layers: expected", "'two'"],
    "adapters: {visual: {layers: [true]}}": ["adapters.visual.layers: expected", "True"],
    "adapters: {visual: {site: ffn}}": ["adapters.visual.site: expected one of attention, mlp, both"],
    "adapters: {visual: {bottleneck: 384}}": ["adapters.visual.bottleneck: 384", "share of the width"],
    "adapters: {visual: {bottleneck: 0}}": ["adapters.visual.bottleneck: 0"],
    "adapters: {text: {bottleneck: 1.5}}": ["adapters.text.bottleneck: 1.5"],
    "adapters: {text: {layers: -1}}": ["adapters.text.layers: -1", "0 or more"],
    "adapters: {text: {layers: last}}": ["adapters.text.layers: expected a whole number or one of all"],
    "adapters: {text: {layers: false}}": ["adapters.text.layers: expected a whole number", "False"],
    "decoder: {heads: vc}": ["decoder.heads: expected a list", "'vc'", "write [vc]"],
    "decoder: {heads: [vc, 1]}": ["decoder.heads[1]: expected a text", "1"],
    "decoder: {heads: [cmml, vc]}": ["decoder.heads: there is no head 'cmml'", "did you mean cmlm?"],
    "decoder: {heads: [vc, vc]}": ["decoder.heads", "twice"],
    "decoder: {heads: [cmlm]}": ["decoder.heads", "cannot predict", "contrastive"],
    "decoder: {heads: []}": ["decoder.heads", "cannot predict"],
    "decoder: {weights: {cmlm: 0}}": ["decoder.weights.cmlm: 0", "above 0", "decoder.heads"],
    "decoder: {weights: {vcc: 1}}": ["unknown key decoder.weights.vcc", "did you mean vc?"],
    "decoder: {mask_rate: 0}": ["decoder.mask_rate: 0"],
    "decoder: {vc_dropout: 1}": ["decoder.vc_dropout: 1", "below 1"],
    "evaluate: {crops: 2}": ["evaluate.crops: 2", "1 (centre), 3"],
    "evaluate: {templates: [a video]}": ["evaluate.templates", "a video", "{}"],
    "evaluate: {templates: a video of}": ["evaluate.templates: expected a list", "write ["],
    "evaluate: {zero_shot: ucf101}": ["evaluate.zero_shot: expected a list", "write [ucf101]"],
    "[1, 2]": ["config: expected keys and values"],
}


@pytest.mark.parametrize("text", BAD)
def test_a_mistake_is_one_line_with_the_source_and_the_key_path(text):
    with pytest.raises(UserError) as caught:
        build(Run, yaml.safe_load(text), source="m2clip.yaml: mine")
    message = str(caught.value)
    assert message.startswith("m2clip.yaml: mine: ")
    assert "\n" not in message
    for part in BAD[text]:
        assert part in message


@pytest.mark.parametrize(
    ("run", "parts"),
    [
        (
            Run(options=Options(adapters=Adapters(visual=VisualAdapter(layers=(1, 13))))),
            ["adapters.visual.layers", "layer 13", "1 to 12"],
        ),
        (
            Run(options=Options(adapters=Adapters(visual=VisualAdapter(layers=(0,))))),
            ["adapters.visual.layers", "layer 0"],
        ),
        (
            Run(options=Options(adapters=Adapters(text=TextAdapter(layers=13)))),
            ["adapters.text.layers: 13", "12 layers"],
        ),
        (Run(backbone=Backbone(name="ViT-B-17")), ["backbone.name", "ViT-B-17", "did you mean ViT-B-1"]),
        (Run(backbone=Backbone(name="RN50")), ["backbone.name: RN50", "plain ViT"]),
        (Run(backbone=Backbone(name="ViT-L-14-CLIPA")), ["backbone.name: ViT-L-14-CLIPA", "plain ViT"]),
        (Run(backbone=Backbone(name="coca_ViT-B-32")), ["backbone.name: coca_ViT-B-32", "plain ViT"]),
        (Run(backbone=Backbone(config="no/such.json")), ["backbone.config", "no/such.json"]),
    ],
)
def test_what_does_not_fit_the_backbone_is_named_before_torch_is_needed(run, parts):
    with pytest.raises(UserError) as caught:
        check(run)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_cmlm_needs_a_text_tower_as_wide_as_the_joint_space(backbone, tmp_path):
    file = tmp_path / "narrow.json"
    config = json.loads(Path(backbone.config).read_text(encoding="utf-8"))
    config["embed_dim"] = 16
    file.write_text(json.dumps(config))
    run = Run(backbone=Backbone(name="narrow", config=str(file)))
    with pytest.raises(UserError, match=r"decoder\.heads: cmlm .*this backbone has 32 and 16"):
        check(run)
    check(replace(run, options=Options(decoder=Decoder(heads=("contrastive", "vc")))))


def test_a_backbone_config_under_another_name_or_broken_is_named(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text("{")
    with pytest.raises(UserError, match=r"backbone\.config: .*mine\.json: not valid JSON"):
        shape_of(Backbone(name="mine", config=str(file)))
    with pytest.raises(UserError, match=r"backbone\.config: .*set backbone\.name to mine"):
        shape_of(Backbone(config=str(file)))


def test_the_defaults_fit_the_papers_backbone():
    check(Run())
    shape = shape_of(Backbone())
    assert (shape.image_layers, shape.image_width, shape.grid) == (12, 768, (14, 14))
    assert (shape.text_layers, shape.text_width, shape.joint) == (12, 512, 512)


def test_good_values_of_every_kind_are_taken():
    run = build(
        Run,
        yaml.safe_load(
            """
            data: {scale: [1, 1.15], prompt: '{} on film', randaugment: rand-m7-n4-mstd0.5-inc1}
            backbone: {temperature: 1}
            adapters: {visual: {layers: [1, 3]}, text: {layers: all}}
            decoder: {heads: [vc], weights: {vc: 2}}
            train: {lr: 1.0e-3, workers: 0}
            evaluate: {zero_shot: [], templates: ['{}', 'a {} clip']}
            """
        ),
    )
    assert run.data.scale == (1.0, 1.15)
    assert run.backbone.temperature == 1.0 and type(run.backbone.temperature) is float
    assert run.options.adapters.visual.layers == (1, 3)
    assert run.options.adapters.text.layers == "all"
    assert run.options.decoder.heads == ("vc",)
    assert run.evaluate.zero_shot == () and run.evaluate.templates == ("{}", "a {} clip")


@pytest.mark.parametrize(
    "differences",
    [{}, {"adapters": {"visual": {"layers": [2, 5]}, "text": {"layers": 0}}, "evaluate": {"zero_shot": []}}],
)
def test_a_config_goes_to_yaml_and_back(differences):
    run = build(Run, differences)
    assert build(Run, yaml.safe_load(yaml.safe_dump(plain(run)))) == run


def test_merge_lays_differences_over_a_base_and_null_keeps_it():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 4}
    over = {"a": {"b": None, "c": [3]}, "e": {"f": None, "g": False}, "d": 0}
    assert merge(base, over) == {"a": {"b": 1, "c": [3]}, "d": 0, "e": {"g": False}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 4}


def test_a_missing_or_malformed_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.yaml: there is no such file"):
        read_yaml(tmp_path / "nothing.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [1,\nb: }")
    with pytest.raises(UserError, match=r"bad\.yaml: not valid YAML") as caught:
        read_yaml(bad)
    assert "\n" not in str(caught.value)


def test_a_stage_that_meets_bad_input_prints_one_line_and_fails(capsys):
    with pytest.raises(SystemExit) as stopped:
        guarded(lambda: build(Run, {"metod": 1}))
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "did you mean method?" in said


def test_configs_are_read_without_torch():
    code = "import sys, m2clip.parsing, m2clip.backbones; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_later_of_steps_and_epochs_counts():
    below = {"train": {"epochs": 12, "warmup_epochs": 2, "lr": 1.0}}
    assert override(below, {})["train"] == below["train"]
    assert override(below, {"train": {"steps": 0}})["train"] == {"steps": 0, "warmup_epochs": 2, "lr": 1.0}
    assert override({"train": {"steps": 500}}, {"train": {"epochs": 2, "steps": None}})["train"] == {
        "epochs": 2
    }
    assert override(below, {"train": {"warmup": 0.1}})["train"] == {"epochs": 12, "warmup": 0.1, "lr": 1.0}
    for one in (below, {}):
        with pytest.raises(UserError, match=r"train\.steps and train\.epochs are both given; keep one"):
            override(one, {"train": {"steps": 5, "epochs": 2}})


def test_options_are_the_methods_own_and_its_keys_need_no_prefix():
    short = build(Run, {"method": "st_adapter", "site": "both", "head": "text"})
    assert short == build(Run, {"method": "st_adapter", "options": {"site": "both", "head": "text"}})
    assert short.options.heads == ("contrastive",) and not hasattr(short.options, "decoder")
    assert build(
        Run, {"decoder": {"heads": ["vc"]}, "options": {"adapters": {"text": {"layers": 0}}}}
    ) == Run(options=Options(adapters=Adapters(text=TextAdapter(layers=0)), decoder=Decoder(heads=("vc",))))
    with pytest.raises(UserError, match="options: are not those of the method clip"):
        Run(method="clip")


def test_options_of_one_method_are_not_inherited_by_another():
    below = {"options": {"adapters": {"text": {"lr": 0.5}}}, "train": {"lr": 1.0}}
    assert override(below, {"method": "st_adapter", "options": {"site": "both"}}) == {
        "method": "st_adapter",
        "options": {"site": "both"},
        "train": {"lr": 1.0},
    }
    assert override(below, {"options": {"decoder": {}}})["options"] == {**below["options"], "decoder": {}}
