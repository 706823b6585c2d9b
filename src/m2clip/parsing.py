"""From YAML to the typed configs of config.py, and back; every mistake is one line with its key path."""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

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


EITHER = ("steps", "epochs"), ("warmup", "warmup_epochs")  # of `train`: two ways to say one thing


def override(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`merge`, but what `over` says in steps takes away what `below` says of it in epochs, and so back.

    Options of one method are never inherited by another.

    Raises:
        UserError: where one of the two says it in both.
    """
    for train in (below.get("train") or {}, over.get("train") or {}):
        if not isinstance(train, Mapping):
            raise UserError(f"train: expected keys and values, got {shown(train)}")
        for steps, epochs in EITHER:
            if train.get(steps) is not None and train.get(epochs) is not None:
                raise UserError(f"train.{steps} and train.{epochs} are both given; keep one")
    given = {key for key, value in (over.get("train") or {}).items() if value is not None}
    gone = {key for pair in EITHER if given & set(pair) for key in pair} - given
    train = {key: value for key, value in (below.get("train") or {}).items() if key not in gone}
    kept = {key: value for key, value in below.items() if key != "options" or _same_method(below, over)}
    return merge(kept | {"train": train}, over)


def _same_method(below: dict[str, Any], over: dict[str, Any]) -> bool:
    own = below.get("method", Run.method)
    return over.get("method", own) == own


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
    """An object of a class of settings (fields.py) from plain values, checked by pydantic.

    Args:
        kind: the class.
        values: mapping of its fields; missing ones take their defaults.
        path: key path so far, for messages.
        source: file or row the values come from, for messages.

    Raises:
        UserError: one line with source and key path of an unknown key, a wrong type or an impossible value.
    """
    try:
        return _run(values) if kind is Run else _build(kind, values, path)  # type: ignore[return-value]
    except UserError as error:
        raise UserError(f"{source}: {error}" if source else str(error)) from None


def _run(values: Any) -> Run:
    """A run, whose options are of its method's class; their keys are told without `options.` before them."""
    if not isinstance(values, Mapping):
        raise UserError(f"config: expected keys and values, got {shown(values)}")
    if not isinstance(method := values.get("method", Run.method), str):
        raise UserError(f"method: expected a text, got {shown(method)}")
    values = gather_options(values)
    options, given = class_of(method), values.pop("options", {})
    hints = typing.get_type_hints(Run)
    for key in values:
        _known(key, {*hints, *(option.name for option in dataclasses.fields(options))}, "")
    sections = {key: _build(hints[key], value, key) for key, value in values.items() if key != "method"}
    own = _build(options, given, "" if isinstance(given, Mapping) else "options")
    return Run(method=method, options=own, **sections)


def _build(kind: type[T], values: Any, path: str) -> T:
    if not isinstance(values, Mapping):
        raise UserError(f"{path or 'config'}: expected keys and values, got {shown(values)}")
    try:
        text = json.dumps(values)  # lists are tuples then, and mappings objects, however strict types are
        return cast(T, _adapter(cast(Any, kind)).validate_json(text, strict=True, extra="forbid"))
    except (TypeError, ValueError, RecursionError) as error:
        if not isinstance(error, ValidationError):
            raise UserError(f"{path or 'config'}: {error}") from None
        raise UserError(_told(error.errors()[0], kind, values, path)) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _told(error: ErrorDetails, kind: Any, values: Any, path: str) -> str:
    """A mistake as a line: the key path, the value, what is expected.

    Pydantic tells where as keys, positions in lists and, of several types, their names; those are left out.
    """
    hint, value = kind, values
    for step in error["loc"]:
        if isinstance(value, Mapping) and step in value and dataclasses.is_dataclass(hint):
            hints = typing.get_type_hints(hint, include_extras=True)
            if step not in hints:
                break
            hint, value, path = _section(hints[str(step)]), value[step], _join(path, str(step))
        elif isinstance(step, int) and typing.get_origin(hint) is tuple and step < _length(value):
            args = typing.get_args(hint)
            hint, value, path = args[0], value[step], f"{path}[{step}]"
        elif isinstance(value, Mapping) and not dataclasses.is_dataclass(hint) and step in value:
            hint, value, path = Any, value[step], _join(path, str(step))
        else:
            break
    if error["type"] == "unexpected_keyword_argument":
        key = str(error["loc"][-1])
        fields = typing.get_type_hints(hint)
        return _unknown(key, [name for name in fields if _is_field(fields[name])], path)
    if bound := _bound(error):
        return f"{path}: {shown(value)} {bound}"
    if error["type"] == "missing" and dataclasses.is_dataclass(hint):
        return f"{_join(path, str(error['loc'][-1]))}: is missing"
    return f"{path}: expected {_describe(hint)}, got {shown(value)}{_hint(hint, value)}"


def _section(hint: Any) -> Any:
    """Of a section or null, the section; any other hint as it is."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    options = [option for option in typing.get_args(hint) if union and option is not type(None)]
    return options[0] if len(options) == 1 and dataclasses.is_dataclass(options[0]) else hint


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


def _bound(error: ErrorDetails) -> str:
    """What a number must be that has the right type; empty for another mistake."""
    limits = {"greater_than": "above {gt:g}", "greater_than_equal": "{ge:g} or more"}
    limits |= {"less_than": "below {lt:g}", "less_than_equal": "at most {le:g}", "finite_number": "finite"}
    limit = limits.get(error["type"])
    return f"must be {limit.format(**error.get('ctx', {}))}" if limit else ""


def _known(key: Any, known: Collection[str], path: str) -> None:
    if key not in known:
        raise UserError(_unknown(str(key), known, path))


def _unknown(key: str, known: Collection[str], path: str) -> str:
    return f"unknown key {_join(path, key)}{did_you_mean(key, known)}; known are {sorted(known)}"


def shown(value: Any) -> str:
    """A value as a message shows it, on one line and not too long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        return "a number too long to show"
    return text if len(text) <= 120 else f"{text[:117]}..."


def _describe(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _describe(args[0])
    if dataclasses.is_dataclass(hint):
        return "keys and values"
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
    if "number" in _describe(hint) and isinstance(value, str) and re.fullmatch(r"[-+.\d]+e[-+]?\d+", value):
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
