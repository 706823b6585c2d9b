"""Labels that are read as sentences from a file: which sentences, and that a changed file is noticed."""

import numpy as np
import pytest
import torch

import plain_model as plain
from m2clip import backbones
from m2clip.config import Data, Run
from m2clip.data import sentences
from m2clip.errors import UserError
from m2clip.evaluation.trained import open_trained
from m2clip.evaluation.zero_shot import read_labels
from m2clip.models.factory import build_model
from m2clip.models.weights_io import save_weights
from m2clip.parsing import build
from m2clip.parsing import plain as values

LABELS = ("unboxing", "tai chi", "swimming")
FILE = """
unboxing: [a person opens a box, someone unpacks]
tai chi: [slow movements, a martial art]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sentences.yaml"
    path.write_text(FILE)
    return path


def test_every_label_is_read_as_each_of_its_sentences_and_others_as_they_stand(file):
    data = Data(sentences=str(file))
    assert sentences.spoken(LABELS, data) == [
        ("a person opens a box", "slow movements", "swimming"),
        ("someone unpacks", "a martial art", "swimming"),
    ]
    assert sentences.spoken(LABELS, Data()) == [LABELS] and sentences.digest(Data()) is None
    with pytest.raises(UserError, match='has no sentence of the label "swimming"'):
        sentences.check(LABELS, data)
    sentences.check(LABELS[:2], data)
    file.write_text("unboxing: opening\ntai chi: moving\n")
    assert sentences.spoken(LABELS, data) == [("opening", "moving", "swimming")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("unboxing: [a, b]\ntai chi: c\n", '"tai chi" has 1 sentences and "unboxing" has 2'),
        ("unboxing: []\n", "unboxing: expected a sentence or a list of them"),
        ("unboxing: [a, ' ']\n", "unboxing: a sentence is empty"),
        ("{}\n", "has no label"),
        ("- a\n", "sentences.yaml"),
    ],
)
def test_a_wrong_file_is_one_line(file, content, words):
    file.write_text(content)
    with pytest.raises(UserError, match=words) as caught:
        sentences.spoken(LABELS, Data(sentences=str(file)))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"data\.sentences: there is no file nowhere\.yaml"):
        sentences.digest(Data(sentences="nowhere.yaml"))


def test_features_are_the_mean_over_sentences_of_unit_features(make_model, backbone, file):
    data = {"sentences": str(file), "prompt": "so {} here"}
    model, tokenizer = make_model({"method": "clip", "data": data}, labels=LABELS[:2])
    weights = plain.frozen_weights(backbone)
    expected = []
    for texts in (("a person opens a box", "someone unpacks"), ("slow movements", "a martial art")):
        units = []
        for text in texts:
            tokens = tokenizer.encode(f"so {text} here")
            ids = np.array([tokenizer.sot_token_id, *tokens, tokenizer.eot_token_id])
            feature = plain.text_feature(ids, weights, {})
            units.append(feature / np.linalg.norm(feature))
        expected.append(sum(units) / 2)
    with torch.no_grad():
        found = model.labels(model.prompts).features.numpy()
    np.testing.assert_allclose(found, np.array(expected), rtol=0, atol=1e-9)


def test_a_run_is_opened_with_the_same_sentences_alone(backbone, file, tmp_path):
    config = build(
        Run, {"method": "clip", "backbone": values(backbone), "data": {"sentences": str(file), "frames": 2}}
    )
    model, _ = build_model(config, LABELS[:2], 0)
    path = tmp_path / "weights.safetensors"
    inputs = {"backbone": backbones.digest(backbone), "sentences": sentences.digest(config.data)}
    content = {key: value for key, value in values(config).items() if key != "evaluate"} | {"inputs": inputs}
    save_weights(path, model, {"config": content, "labels": LABELS[:2], "seed": 0})
    run = open_trained(path, "cpu")
    with torch.no_grad():
        own = run.model.labels(run.model.prompts).features
    others = read_labels(run, ("unboxing", "pole vault"), ()).features
    torch.testing.assert_close(others[:1], own[:1])
    file.write_text(FILE.replace("slow", "quick"))
    with pytest.raises(UserError, match="was trained with other sentences than"):
        open_trained(path, "cpu")
