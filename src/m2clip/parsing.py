"""From YAML to the typed configs of config.py, and back; every mistake is one line with its key path."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from m2clip.config import Run
from m2clip.errors import UserError, did_you_mean
from m2clip.options import class_of

T = TypeVar("T")


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` on top, key by key; null in `over` keeps the value of `base`."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, Mapping) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged


def gather_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """A run's values with the keys of its method below `options`, where `Run` has them.

    A user writes `decoder: {heads: [vc]}` or `options: {decoder: {heads: [vc]}}`; the first wins.

    Raises:
        UserError: for an unknown method.
    """
    own = {option.name for option in dataclasses.fields(class_of(str(values.get("method", Run.method))))}
    options = {key: value for key, value in values.items() if key in own}
    others = {key: value for key, value in values.items() if key not in own}
    below = values.get("options") or {}
    if not options:
        return others
    return others | {"options": merge(below, options) if isinstance(below, Mapping) else below}


def build(kind: type[T], values: Any, path: str = "", source: str = "") -> T:
    """A config dataclass from plain values, checked key by key and type by type.

    Args:
        kind: the dataclass.
        values: mapping of its fields; missing ones take their defaults.
        path: key path so far, for messages.
        source: file or row the values come from, for messages.

    Raises:
        UserError: naming source and key path of an unknown key, a wrong type or an impossible value.
    """
    try:
        return _build(kind, values, path)
    except UserError as error:
        raise UserError(f"{source}: {error}" if source else str(error)) from None


def _build(kind: type[Any], values: Any, path: str) -> Any:
    if not isinstance(values, Mapping):
        raise UserError(f"{path or 'config'}: expected keys and values, got {values!r}")
    hints = {key: hint for key, hint in typing.get_type_hints(kind).items() if _is_field(hint)}
    known = set(hints)
    if kind is Run:
        values = gather_options(values)
        hints["options"] = options = class_of(str(values.get("method", Run.method)))
        known |= {option.name for option in dataclasses.fields(options)}
    for key in values:
        if key not in hints:
            raise UserError(
                f"unknown key {_join(path, str(key))}{did_you_mean(str(key), known)}; "
                f"known are {sorted(known)}"
            )
    if kind is Run:  # its keys need no `options.` before them, so messages have none
        given = values.get("options", {})
        options = _build(hints.pop("options"), given, "" if isinstance(given, Mapping) else "options")
        values = {key: value for key, value in values.items() if key != "options"}
        return Run(options=options, **{key: _convert(hints[key], values[key], key) for key in values})
    return kind(**{key: _convert(hints[key], value, _join(path, key)) for key, value in values.items()})


def _convert(hint: Any, value: Any, path: str) -> Any:
    """`value` as the type `hint` says, or a UserError that says what was expected."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, path)
    if origin in (typing.Union, types.UnionType):
        for option in args:
            try:
                return _convert(option, value, path)
            except UserError:
                continue
    elif origin is Literal and any(value == option and type(value) is type(option) for option in args):
        return value
    elif origin is tuple and isinstance(value, list | tuple):
        if args[-1] is Ellipsis:
            return tuple(_convert(args[0], item, f"{path}[{i}]") for i, item in enumerate(value))
        if len(args) == len(value):
            return tuple(
                _convert(arg, item, f"{path}[{i}]")
                for i, (arg, item) in enumerate(zip(args, value, strict=True))
            )
    elif origin is dict and isinstance(value, Mapping):
        return dict(value)
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and type(value) is hint:
        return value
    raise UserError(f"{path}: expected {_describe(hint)}, got {value!r}{_hint(hint, value)}")


def _describe(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, args))
    if origin is tuple:
        return f"a list of {_describe(args[0])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(option) for option in args)
    if origin is dict:
        return "keys and values"
    names = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _hint(hint: Any, value: Any) -> str:
    if typing.get_origin(hint) is tuple and isinstance(value, str):
        return f" (write [{value}])"
    if hint is float and isinstance(value, str):
        return " (YAML reads 1e-3 as a text: write 1.0e-3)"
    return ""


def _is_field(hint: Any) -> bool:
    return typing.get_origin(hint) is not typing.ClassVar


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def plain(config: Any) -> dict[str, Any]:
    """A config as nested dicts and lists, ready for YAML."""
    return {
        key: plain(value)
        if dataclasses.is_dataclass(value)
        else list(value)
        if isinstance(value, tuple)
        else value
        for key, value in ((f.name, getattr(config, f.name)) for f in dataclasses.fields(config))
    }


def flat(config: Any) -> dict[str, Any]:
    """The values of a config by their dotted keys, as a user types them after -S: `adapters.text.layers`."""
    return dict(_leaves(plain(config), ""))


def _leaves(nested: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, "" if key == "options" and not path else _join(path, key))
        else:
            yield _join(path, key), value


def read_mapping(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file; anything else in it is a UserError with its name."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: expected keys and values, got {'nothing' if content is None else content!r}"
        )
    return content


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; a missing or malformed one is a UserError with its name."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
