"""Sentences that labels are read as, from the file data.sentences: rephrased names, or descriptions.

The file is YAML or JSON: a label -> one sentence or a list, the same number for every label. A method's
templates go around each sentence as they do around a label. Labels that are not in the file, such as those
of another dataset, are read as they stand.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from m2clip.config import Data
from m2clip.errors import UserError
from m2clip.files import read_bytes, read_mapping

KEY = "data.sentences"


def spoken(labels: tuple[str, ...], data: Data) -> list[tuple[str, ...]]:
    """What the labels are read as, once for each sentence of a label, each in class-id order.

    Raises:
        UserError: where the file is missing or is no such mapping.
    """
    if data.sentences is None:
        return [labels]
    sentences = _read(data.sentences, _bytes(data.sentences))
    count = len(next(iter(sentences.values())))
    return [tuple(sentences.get(label, (label,) * count)[n] for label in labels) for n in range(count)]


def check(labels: tuple[str, ...], data: Data) -> None:
    """Raise a UserError where the file has no sentence of a label that is trained on."""
    if data.sentences is None:
        return
    sentences = _read(data.sentences, _bytes(data.sentences))
    missing = [label for label in labels if label not in sentences]
    if missing:
        raise UserError(
            f'{KEY}: {data.sentences} has no sentence of the label "{missing[0]}"'
            + (f" and {len(missing) - 1} more" if missing[1:] else "")
        )


def digest(data: Data) -> str | None:
    """SHA-256 of the file, in hexadecimal; None where there is none."""
    return None if data.sentences is None else hashlib.sha256(_bytes(data.sentences)).hexdigest()


def _bytes(path: str) -> bytes:
    if not Path(path).exists():
        raise UserError(f"{KEY}: there is no file {path}")
    try:
        return read_bytes(Path(path))
    except UserError as error:
        raise UserError(f"{KEY}: {error}") from None


@lru_cache(maxsize=4)
def _read(path: str, content: bytes) -> dict[str, tuple[str, ...]]:
    """The sentences of each label; `content` is there so that a changed file is read again."""
    found = {}
    for label, given in read_mapping(Path(path)).items():
        sentences = (given,) if isinstance(given, str) else given
        if not isinstance(sentences, list | tuple) or not sentences:
            raise UserError(f"{KEY}: {path}: {label}: expected a sentence or a list of them, got {given!r}")
        if not all(isinstance(each, str) and each.split() for each in sentences):
            raise UserError(f"{KEY}: {path}: {label}: a sentence is empty or no text")
        found[str(label)] = tuple(sentences)
    if not found:
        raise UserError(f"{KEY}: {path} has no label")
    counts = {len(sentences): label for label, sentences in found.items()}
    if len(counts) > 1:
        (least, few), *_, (most, many) = sorted(counts.items())
        raise UserError(
            f'{KEY}: {path}: "{few}" has {least} sentences and "{many}" has {most}; give every label as many'
        )
    return found
