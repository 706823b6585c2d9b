"""The folders of the users' videos, from environment variables or from `.env` in the root of the repository.

No tracked file has a path of one machine: a manifest names the variable, and this module looks it up.
"""

import os
from pathlib import Path

from m2clip import paths
from m2clip.errors import UserError


def variable(dataset: str) -> str:
    """The variable that names the folder of a dataset's videos; with _ANNOTATIONS, of its annotations."""
    return f"M2CLIP_{dataset.upper()}"


def setting(name: str) -> str | None:
    """A variable from the environment, else from `.env` in the root, which `dvc queue start` sees too."""
    if value := os.environ.get(name):
        return value
    file = paths.root() / ".env"
    if not file.is_file():
        return None
    from dotenv import dotenv_values

    return dotenv_values(file).get(name) or None


def folder(name: str) -> Path:
    """The folder that a variable names; relative ones start at the root.

    Raises:
        UserError: the variable is not set, or there is no such folder.
    """
    value = setting(name)
    if value is None:
        raise UserError(
            f"{name} is not set: set it to the folder of the videos, in the environment or as a line "
            f"{name}=/path in {paths.root() / '.env'}"
        )
    path = paths.root() / Path(value).expanduser()
    if not path.is_dir():
        raise UserError(f"{name}: there is no folder {path}")
    return path
