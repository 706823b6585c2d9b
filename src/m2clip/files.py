"""The one reader of YAML and JSON files. Whatever is wrong with a file is one line that names it.

Refused are keys that come twice, aliases, over 64 levels, over 4 MiB, other bytes than UTF-8, and a folder
or a pipe in the place of a file. Only `true` and `false` are booleans, as in YAML 1.2 and in DVC: `on` is a
key of row files. Dates are texts.
"""

import copy
import json
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from m2clip.errors import UserError

LARGEST = 4 * 1024 * 1024  # bytes; a history or a dataset is no YAML
DEEPEST = 64  # levels
_BOOL, _TIMESTAMP = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """yaml.SafeLoader, stricter; it reads by libyaml, which is five times as fast."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value.__hash__ is not None and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} comes twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != _TIMESTAMP and (tag != _BOOL or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        UserError: naming the file and what is wrong with it.
    """
    try:
        return copy.deepcopy(_yaml(read_text(path)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


@lru_cache(maxsize=512)  # a report reads two configs of every row
def _yaml(text: str) -> Any:
    _check_levels(text)
    return yaml.load(text, _Loader)


def _check_levels(text: str) -> None:
    """Refuse aliases and too many levels before anything is built.

    Raises:
        ValueError: with the place.
    """
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"the alias *{event.anchor} is not read; write its value out {event.start_mark}")
        if isinstance(event, yaml.NodeEvent) and depth == DEEPEST:
            raise ValueError(f"more than {DEEPEST} levels {event.start_mark}")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)


def read_mapping(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file.

    Raises:
        UserError: naming the file and what is wrong with it, or what it holds in place of keys and values.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: expected keys and values, got {'nothing' if content is None else repr(content)[:80]}"
        )
    return content


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: naming the file and what is wrong with it.
    """
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None


def parse_json(text: str | bytes) -> Any:
    """The content of a JSON text, such as the header of a file of weights.

    Raises:
        ValueError: saying what is wrong with it.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("too many levels") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, no key of which comes twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice")
    return content


def read_text(path: Path) -> str:
    """The text of a small file.

    Raises:
        UserError: where it is missing, no regular file, cannot be read, is too large or no UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is no UTF-8; save the file as UTF-8") from None


def read_bytes(path: Path) -> bytes:
    """The bytes of a small file.

    Raises:
        UserError: where it is missing, no regular file, cannot be read or is too large.
    """
    check_regular(path)
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise UserError(f"{path}: {size:,} bytes are too many; at most {LARGEST:,} are read")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def check_regular(path: Path) -> None:
    """Raise a UserError unless a file is there that ends: no folder, no pipe, no device."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: is {'a folder' if stat.S_ISDIR(mode) else 'no regular file'}")
