"""How a class of settings is declared: a frozen pydantic dataclass with strict types and no unknown keys."""

from dataclasses import field
from typing import Annotated, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

T = TypeVar("T")

Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ZeroOrMore = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def settings(cls: type[T]) -> type[T]:
    """Make a class of settings of a class with annotated fields.

    Values are checked when an object is made: true is no number, 8.0 is no whole number.
    """
    config = ConfigDict(strict=True, extra="forbid")
    return cast(type[T], dataclass(frozen=True, kw_only=True, config=config)(cls))
