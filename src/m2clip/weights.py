"""Whether the backbone is the paper's: OpenAI's ViT-B/16, by open_clip's tag or as a file of the same bytes.

A file is read once, by the stage `resolve`, which writes what it found beside the configs: the report then
says the same on a machine that has the file and on one that has not.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import yaml

from m2clip.config import Backbone
from m2clip.files import read_mapping
from m2clip.runs import RESOLVED

OPENAI = "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"  # in its official address


def of_paper(backbone: Backbone, profile: str) -> bool:
    """Whether it is the paper's, by its tag or as `resolve` has found under a profile."""
    if backbone == Backbone():
        return True
    path = _file(profile)
    return _but_for_weights(backbone) and path.is_file() and backbone.pretrained in read_mapping(path)


def record(backbones: Iterable[Backbone], profile: str) -> None:
    """Write which of the backbones' files are OpenAI's weights, into a folder that is there."""
    found = {one.pretrained: Backbone().pretrained for one in backbones if _is_openai(one)}
    if found:
        _file(profile).write_text(yaml.safe_dump(found), encoding="utf-8")


def _file(profile: str) -> Path:
    return RESOLVED / profile / "weights.yaml"


def _is_openai(backbone: Backbone) -> bool:
    path = Path(backbone.pretrained)
    if not _but_for_weights(backbone) or not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == OPENAI


def _but_for_weights(backbone: Backbone) -> bool:
    return replace(backbone, pretrained=Backbone().pretrained) == Backbone()
