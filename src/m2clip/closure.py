"""The code that decides a stage's result: the modules that it can import, found without importing any.

A stage's code is a list of its modules with the digest of each. The stage `code` writes one file a stage, on
which the others depend; `resolve` pins the digest of `train`'s and `evaluate`'s list in every row's config.
So an edit of a template renders, one of a method's file trains the rows of that method, and one of the core
trains all. Comments, docstrings and blank lines are in no digest.

Imports are read from the source (`ast`), relative ones and those inside functions included. Modules that are
loaded by name, such as a row's method, are added here. No torch.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import m2clip
from m2clip.errors import UserError

APART = ("m2clip.tracking", "m2clip.report")  # they follow runs and decide nothing about them
# Modules that load others by name, and the folder of those: a row loads its method's, other stages any.
BY_NAME = {
    "m2clip.models.factory": "methods",
    "m2clip.options": "options",
    "m2clip.report.figures.all_figures": "report/figures",
}
OF_METHOD = ("methods", "options")
TEMPLATES = "report/templates"


def of_row(stage: str, method: str, package: Path | None = None) -> str:
    """Digest of the code that `train` or `evaluate` runs for a row of a method, in hexadecimal.

    Args:
        stage: `train` or `evaluate`.
        method: of the row; its file under methods/ and that under options/ are added.
        package: folder of the package, if not the one that runs.
    """
    package = package or Path(m2clip.__file__).parent
    named = [f"m2clip.{folder}.{method}" for folder in OF_METHOD]
    modules = closure([f"m2clip.stages.{stage}", *(name for name in named if _file(name, package))], package)
    return hashlib.sha256(_listed(modules, package).encode()).hexdigest()


def check(pinned: str | None, stage: str, method: str) -> None:
    """Raise a UserError where the code is no longer what a row was resolved with."""
    if of_row(stage, method) != pinned:
        raise UserError(
            f"src/m2clip: the code of `{stage}` has changed since the row was resolved; run dvc repro"
        )


def of_stage(stage: str, package: Path | None = None) -> str:
    """The list of the code of a stage that is of no row: a digest and a name a line.

    `resolve` pins the code of the rows, so that it is of its own.
    """
    package = package or Path(m2clip.__file__).parent
    modules = closure([f"m2clip.stages.{stage}"], package, apart=())
    if stage == "resolve":
        modules |= closure(["m2clip.stages.train", "m2clip.stages.evaluate"], package)
    for loader, folder in BY_NAME.items():
        if loader in modules:
            paths = sorted((package / folder).glob("*.py"))
            modules |= closure([_name(path, package) for path in paths], package, apart=())
    pages = sorted(path for path in (package / TEMPLATES).rglob("*") if path.is_file())
    return _listed(modules, package, pages if stage == "report" else [])


def closure(modules: Iterable[str], package: Path, apart: tuple[str, ...] = APART) -> set[str]:
    """The modules of ours that these import, directly or through others, and they themselves.

    Args:
        modules: by their dotted names.
        package: folder of the package `m2clip`.
        apart: packages that are left out, with all that only they import.

    Raises:
        UserError: when one of `modules` does not exist.
    """
    found: set[str] = set()
    waiting = list(modules)
    if missing := [name for name in waiting if not _file(name, package)]:
        raise UserError(f"{package}: there is no module {missing[0]}")
    while waiting:
        name = waiting.pop()
        if name not in found and not any(f"{name}.".startswith(f"{one}.") for one in apart):
            found.add(name)
            waiting += _imports(name, package)
    return found


def _listed(modules: Iterable[str], package: Path, others: Iterable[Path] = ()) -> str:
    """A line for each module, and for each other file of a package: digest and path."""
    lines = []
    for name in modules:
        path = _file(name, package)
        assert path is not None, name
        lines.append((path, _code(path.read_text(encoding="utf-8")).encode()))
        beside = path.parent.iterdir() if path.name == "__init__.py" else ()
        lines += [(one, one.read_bytes()) for one in beside if one.is_file() and one.suffix != ".py"]
    lines += [(path, path.read_bytes()) for path in others]
    told = sorted((path.relative_to(package).as_posix(), content) for path, content in lines)
    return "".join(f"{hashlib.sha256(content).hexdigest()[:16]} {name}\n" for name, content in told)


def _name(path: Path, package: Path) -> str:
    """The dotted name of a module's file."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(("m2clip", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _file(name: str, package: Path) -> Path | None:
    """The file of a module of the package, or None where there is none of this name."""
    first, *others = name.split(".")
    at = package.joinpath(*others)
    paths = (at.with_suffix(".py"), at / "__init__.py") if first == "m2clip" else ()
    return next((path for path in paths if path.is_file()), None)


def _imports(name: str, package: Path) -> list[str]:
    """The modules of ours that running a module can import; packages above it count."""
    path = _file(name, package)
    assert path is not None, name
    inside = name if path.name == "__init__.py" else name.rpartition(".")[0]
    parts = [one.split(".") for one in (name, *_asked(path.read_text(encoding="utf-8"), inside))]
    every = {".".join(part[:count]) for part in parts for count in range(1, len(part) + 1)}
    return sorted(one for one in every - {name} if _file(one, package))


@cache
def _asked(text: str, inside: str) -> tuple[str, ...]:
    """The names that a module's import statements may mean, relative ones seen from the package `inside`."""
    asked: list[str] = []
    for node in _executed(ast.parse(text)):
        if isinstance(node, ast.Import):
            asked += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = inside.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            asked += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(asked)


def _executed(tree: ast.AST) -> Iterable[ast.AST]:
    """Every node but those under `if TYPE_CHECKING:`, which never run."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for one in node.orelse if typing_only and isinstance(node, ast.If) else [node]:
            yield one
            yield from _executed(one)


@cache
def _code(text: str) -> str:
    """The lines of a module without comments, docstrings and blank lines.

    Cut out by position, not written anew, so that it is the same under every version of Python.
    """
    lines = text.splitlines()
    before = tokenize.NEWLINE
    tokens = [one for one in tokenize.generate_tokens(io.StringIO(text).readline) if one.type != tokenize.NL]
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        (first, start), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[first - 1] = lines[first - 1][:start]
            continue
        starts = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        if token.type == tokenize.STRING and starts and after.type in (tokenize.NEWLINE, tokenize.COMMENT):
            lines[first - 1 : last] = [""] * (last - first + 1)
        before = token.type
    return "\n".join(stripped for line in lines if (stripped := line.rstrip()))
