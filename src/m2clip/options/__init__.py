"""The options of each method: one module a method, named like its file in `methods/`. Loads no torch.

`class_of("m2clip")` is the class `Options` of `options/m2clip.py`; `Run.options` holds one object of it.
"""

import importlib
import pkgutil
from functools import cache

from m2clip.errors import UserError, did_you_mean
from m2clip.options.base import Options as Options


def known() -> list[str]:
    """The names of all methods, sorted."""
    return list(_modules_in(tuple(__path__)))


@cache
def _modules_in(folders: tuple[str, ...]) -> list[str]:
    """The names of the modules of options in some folders, which are listed once."""
    return sorted(module.name for module in pkgutil.iter_modules(folders) if module.name != "base")


def class_of(method: str) -> type[Options]:
    """The options class of a method.

    Raises:
        UserError: when there is no such method.
    """
    if method not in known():
        raise UserError(
            f"method: there is no method {method}{did_you_mean(method, known())}; known are {known()}"
        )
    found: type[Options] = importlib.import_module(f"m2clip.options.{method}").Options
    return found
