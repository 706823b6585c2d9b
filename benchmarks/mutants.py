"""How many small mistakes the tests catch: change one operator or number, run the tests, put it back.

    python benchmarks/mutants.py --count 30 --tests tests/test_heads.py -- src/m2clip/models/heads.py

The mutants are drawn by a seed over all places of the files that could be changed. A mutant is caught when a
test fails or does not end in time. One line a mutant goes to --output, so that a run can be stopped and gone
on with; the summary is printed at the end. Everything happens in a copy of src, never in the working tree.
The column `note` is for whoever reads the survivors; it is kept when a run goes on.
"""

import argparse
import ast
import copy
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ("file", "place", "line", "change", "caught", "note")
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def places(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Which nodes of `ast.walk` can be changed, and how."""
    skipped = {id(node) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for node in ast.walk(one)}
    skipped |= {id(node) for one in ast.walk(tree) for field in _types(one) for node in ast.walk(field)}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        operator = getattr(node, "op", None)
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(operator) in SWAPS:
            yield index, "operator"
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield index, "comparison"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            yield index, "constant"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
            yield index, "sign"


def _types(node: ast.AST) -> Iterator[ast.AST]:
    """Annotations, which decide nothing when a program runs."""
    for name in ("annotation", "returns"):
        if (found := getattr(node, name, None)) is not None:
            yield found


def mutate(tree: ast.AST, index: int) -> tuple[str, int]:
    """Change the node at this place; the text that tells it, and its line."""
    node = list(ast.walk(tree))[index]
    before = ast.unparse(node)
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
    elif isinstance(node, ast.Compare):
        node.ops[0] = SWAPS[type(node.ops[0])]()  # type: ignore[assignment]
    elif isinstance(node, ast.Constant):
        node.value = (not node.value) if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
        if isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
    return f"{before} -> {ast.unparse(node)}", getattr(node, "lineno", 0)


def main() -> None:
    """Draw the mutants, run the tests on each, write and print what was caught."""
    parser = argparse.ArgumentParser(description="Mutate the code and count what the tests catch.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=300, help="a test run that takes longer is caught")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/mutants.csv"))
    given = parser.parse_args()
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in given.files}
    every = [(file, index) for file, tree in trees.items() for index, _ in places(tree)]
    chosen = random.Random(given.seed).sample(every, min(given.count, len(every)))
    done = list(csv.DictReader(given.output.open())) if given.output.exists() else []
    known = {(line["file"], int(line["place"])) for line in done}
    chosen = [one for one in chosen if (str(one[0]), one[1]) not in known]
    if chosen and run(given.files[0], ast.unparse(trees[given.files[0]]), given.tests, given.seconds):
        raise SystemExit("the tests fail, or do not end in time, on the code as it is")
    for file, index in chosen:
        tree = copy.deepcopy(trees[file])
        told, line = mutate(tree, index)
        caught = run(file, ast.unparse(tree), given.tests, given.seconds)
        done.append(dict(zip(COLUMNS, (str(file), index, line, told, caught, ""), strict=True)))
        with given.output.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(done)
        print(f"{file}:{line}: {told}: {'caught' if caught in (True, 'True') else 'SURVIVED'}", flush=True)
    survived = [one for one in done if str(one["caught"]) != "True"]
    print(f"{len(done) - len(survived)} of {len(done)} mutants caught")


def run(file: Path, text: str, tests: list[str], seconds: int) -> bool:
    """Whether the tests fail on a copy of src in which this file has this text."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree("src", Path(folder) / "src")
        (Path(folder) / file).write_text(text, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(Path(folder) / "src")}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        try:
            ended = subprocess.run(
                command, env=environment, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return True
    return ended.returncode != 0


if __name__ == "__main__":
    main()
