"""The methods that are there, and what a method's own test file may say about it.

The example of docs/new_method.md is one of them: its code is taken from the page as it stands.

`tests/methods/test_<method>.py` may define

    TINY             differences of the config that it needs on the tiny CLIP with 4 frames of 32 x 32 pixels
    OVERFIT          differences with which it learns eight videos by heart, such as {"train": {"lr": 1e-3}}
    MICROBATCH       differences with which no loss compares the videos of a microbatch, so that two give what
                     one gives; None where there are none
    NO_GRADIENT      parts of names of trained weights whose gradient is exactly zero, each with the reason
    STARTS_AS_CLIP   False where a video's features are not CLIP's before training; it then has a test of its
                     own that is called test_the_start
"""

import atexit
import importlib.util
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from m2clip import methods, options
from m2clip.parsing import merge

FRAMES = 4
PAGE = Path(__file__).parents[2] / "docs" / "new_method.md"


def add_example():
    """Write both files of the example into a folder that the two packages look into as well; its name."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"`src/m2clip/(\w+)/(\w+)\.py`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert [kind for kind, _, _ in blocks] == ["options", "methods"]
    for kind, name, code in blocks:
        (folder / kind).mkdir()
        (folder / kind / f"{name}.py").write_text(code, encoding="utf-8")
    options.__path__.append(str(folder / "options"))
    methods.__path__.append(str(folder / "methods"))
    return blocks[0][1]


EXAMPLE = add_example()
METHODS = sorted([EXAMPLE, *(file.stem for file in Path(methods.__file__).parent.glob("[a-z]*.py"))])


def said_by(method, name, default):
    """What the method's own test file says, or the default."""
    return getattr(own_tests(method), name, default)


@cache
def own_tests(method):
    """The module of the method's own tests, or None."""
    file = Path(__file__).with_name(f"test_{method}.py")
    if not file.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"cases_of_{method}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def differences_of(method, *more):
    """The config of a method on the tiny CLIP, as differences from the defaults."""
    differences = {"method": method, "data": {"frames": FRAMES}}
    for each in (said_by(method, "TINY", {}), *more):
        differences = merge(differences, each)
    return differences
