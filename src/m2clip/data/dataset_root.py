"""The folders of the users' videos, from environment variables or from `.env` in the root of the repository.

No tracked file has a path of one machine: a manifest names the variable, and this module looks it up.
"""

import os
from pathlib import Path

from m2clip import paths
from m2clip.errors import UserError

COPIES = "_COPIES"  # the end of the variable that names the folder of a dataset's copies


def variable(dataset: str) -> str:
    """The variable that names the folder of a dataset's videos; with _ANNOTATIONS, of its annotations."""
    return f"M2CLIP_{dataset.upper()}"


def copies(dataset: str, videos: Path) -> Path:
    """The folder of the copies that `prepare.transcode` makes of a dataset.

    Raises:
        UserError: the variable is not set, there is no such folder, or it and that of the videos lie in one
            another.
    """
    name = variable(dataset) + COPIES
    if setting(name) is None:
        raise UserError(
            f"prepare.transcode: {name} is not set: set it to a folder with room for the copies of "
            f"{variable(dataset)}, in the environment or in {paths.root() / '.env'}"
        )
    found = folder(name)
    one, other = found.resolve(), videos.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(f"{name}: {found} and {videos}, where the videos lie, must lie apart")
    return found


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
