"""The backbone in git belongs to the world and the config as they are now."""

import hashlib
import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from m2clip.stages.backbone import NAME, load
from m2clip.synthetic.captions import vocabulary
from m2clip.synthetic.plans import LABELS
from m2clip.synthetic.sheet import COLUMNS, reference_sheet
from m2clip.synthetic.worlds import SMALL
from m2clip.training.model_card import page

HOME = Path(__file__).parent.parent / "experiments" / "backbone"


@pytest.fixture(scope="module")
def card():
    return json.loads((HOME / "card.json").read_text())


def digest(name):
    return hashlib.sha256((HOME / name).read_bytes()).hexdigest()


def test_the_world_looks_as_it_did():
    """Last bits may differ between machines; a changed world may not."""
    before = np.asarray(Image.open(HOME / "world.png")).astype(int)
    now = reference_sheet().astype(int)
    assert now.shape == before.shape
    worst = (
        np.abs(now - before).reshape(-1, SMALL.height, COLUMNS, SMALL.height, 3).mean(axis=(1, 3, 4)).max()
    )
    assert worst <= 1, f"a picture differs by {worst:.1f} of 255 on average: the backbone is of another world"


def test_the_card_is_of_these_files(card):
    assert card["weights_sha256"] == digest(f"{NAME}.safetensors")
    assert card["config_sha256"] == digest(f"{NAME}.json")
    assert card["labels"] == {dataset: list(labels) for dataset, labels in LABELS.items()}
    assert (HOME / "README.md").read_text() == page(card)


def test_open_clip_loads_it(monkeypatch):
    monkeypatch.chdir(HOME.parent.parent)
    model, tokenizer = load(HOME / f"{NAME}.safetensors")
    texts = model.encode_text(tokenizer(["a ball rising", "a box rising"]), normalize=True)
    assert texts.shape == (2, 64) and torch.isfinite(texts).all()
    assert open_clip.get_model_preprocess_cfg(model)["mean"] == open_clip.OPENAI_DATASET_MEAN


def test_only_words_of_the_world_have_rows():
    table = load_file(HOME / f"{NAME}.safetensors")["token_embedding.weight"]
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    words = {token for text in vocabulary() for token in tokenizer.encode(text)}
    used = set(table.abs().sum(1).nonzero().flatten().tolist())
    assert words <= used and len(used) <= len(words) + 3
    assert tokenizer.encode("mask")[0] in used
