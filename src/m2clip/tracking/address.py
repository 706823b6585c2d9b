"""Where the MLflow store is, and whether anything answers there, before MLflow itself tries for minutes."""

import contextlib
import os
import socket
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from m2clip.errors import UserError
from m2clip.paths import root

ANSWER_SECONDS = 5.0  # that a store may take to answer at all
SQLITE = "sqlite:///"
SERVERS = ("http://", "https://", "databricks")


def location() -> str:
    """The store's address: `MLFLOW_TRACKING_URI`, else the default."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{root() / 'mlflow.db'}"


def check(uri: str) -> None:
    """Ask whether anything answers at the address, before MLflow tries for minutes.

    Raises:
        UserError: when nothing does within a few seconds, or the address names no store.
    """
    parts = urlsplit(uri)
    try:
        if uri.startswith(SQLITE):
            _check_file(Path(uri.removeprefix(SQLITE)))
        elif parts.scheme in ("http", "https"):
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_SECONDS).close()
        elif parts.hostname:
            port = parts.port or {"postgresql": 5432, "mysql": 3306}.get(parts.scheme.partition("+")[0])
            if port:
                socket.create_connection((parts.hostname, port), timeout=ANSWER_SECONDS).close()
        elif parts.scheme in ("", "file"):
            raise UserError(
                "a folder of files cannot be a store; name sqlite:///FILE, http(s)://HOST or a database in "
                "MLFLOW_TRACKING_URI"
            )
    except urllib.error.HTTPError:
        return  # it answers; MLflow will say what it thinks of the answer
    except (UserError, OSError, ValueError, sqlite3.Error) as error:
        raise UserError(f"MLflow store {without_password(uri)}: {reason(error)}") from error


def _check_file(path: Path) -> None:
    """A sqlite store that is there must open for reading and hold no lock for long."""
    if path.is_dir():
        raise UserError("is a folder; name a file in MLFLOW_TRACKING_URI")
    if path.exists():
        with contextlib.closing(sqlite3.connect(path, timeout=ANSWER_SECONDS)) as database:
            database.execute("PRAGMA schema_version").fetchone()
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)


def reason(error: BaseException) -> str:
    """An error as the end of one line."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return " ".join(str(cause).split())[:200] or type(error).__name__


def without_password(uri: str) -> str:
    """The address as it may be printed."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return uri.replace(f":{parts.password}@", ":***@", 1)


def quiet() -> None:
    """No telemetry, no migration log, and no minutes of retries; what the user has set stays."""
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
