"""What `make setup` installs is what requirements.txt pins, each package with the hashes of its files."""

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def test_every_package_is_locked_with_its_hashes():
    """After a change of requirements.txt: `make lock`."""
    locked = {}
    for block in re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text()):
        name, version = re.match(r"([\w.-]+)==([^\s;]+)", block).groups()
        locked.setdefault(canonicalize_name(name), set()).add(version)
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", block), name
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    asked = [Requirement(line) for line in lines if line]
    assert len(asked) > 30
    for one in asked:
        assert {f"=={version}" for version in locked[canonicalize_name(one.name)]} == {str(one.specifier)}
