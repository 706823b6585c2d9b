"""Readers of strangers' files under atheris, which changes whole files and keeps what takes another branch.

    pip install atheris                 it is no requirement
    python benchmarks/fuzz.py           each reader for a minute, then results/fuzz.json; `--seconds` for more
    python benchmarks/fuzz.py ssv2      one reader; what is known of the others stays

What may come out is a result or one line. Anything else (a trace, a wait of 10 seconds, 4 GB more than at the
beginning, an abort) ends the search of that reader; what did it lies in .work/fuzz, and becomes a test.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests" / "reliability"
RESULTS, FOUND = HERE / "results" / "fuzz.json", Path(".work/fuzz")
LIMITS = ("-timeout=10", "-rss_limit_mb=6144", "-max_len=16384", "-print_final_stats=1")
SEARCHED = ("m2clip.data", "m2clip.models.weights_io", "m2clip.files", "m2clip.parsing", "m2clip.fields")


def search(kind: str, words: list[str]) -> None:
    """Read changed files of a kind until the time is over or something else than one line comes out.

    The first byte says which of the kind's files is replaced, the others are its content.
    """
    import atheris

    with atheris.instrument_imports(include=list(SEARCHED)):
        import m2clip.data.annotations
        import m2clip.data.manifest
        import m2clip.models.weights_io  # noqa: F401
    sys.path.insert(0, str(TESTS))
    import whole_files

    from m2clip.errors import UserError

    with tempfile.TemporaryDirectory() as at:
        folder, corpus = Path(at) / "files", Path(at) / "corpus"
        folder.mkdir(), corpus.mkdir()
        names = whole_files.write(kind, folder)
        whole = [(folder / name).read_bytes() for name in names]
        for number, content in enumerate(whole):
            (corpus / str(number)).write_bytes(bytes([number]) + content)

        def once(content: bytes) -> None:
            changed = content[0] % len(names) if content else 0
            for number, name in enumerate(names):
                (folder / name).write_bytes(content[1:] if number == changed else whole[number])
            try:
                whole_files.read(kind, folder)
            except UserError as error:
                message = str(error)
                if "\n" in message or not message.isprintable() or len(message) > 1000:
                    raise AssertionError(f"not one line: {message!r}") from None

        atheris.Setup([sys.argv[0], *words, str(corpus)], once)
        atheris.Fuzz()


def report(kind: str, seconds: int) -> dict[str, Any]:
    """Search in a process of its own; what it tried and what ended it."""
    place = FOUND / kind
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    words = [f"-max_total_time={seconds}", f"-artifact_prefix={place}/", *LIMITS]
    command = [sys.executable, __file__, "--search", kind, *words]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    (place / "log.txt").write_text(ended.stderr, encoding="utf-8")
    tried = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
    if tried is None:
        sys.exit(f"{kind}: {ended.stderr[-2000:]}")
    found = sorted(path.name for path in place.iterdir() if path.name != "log.txt")
    return {"reader": kind, "seconds": seconds, "tried": int(tried[1]), "found": found}


def main() -> None:
    """Search each reader, one after another."""
    if sys.argv[1:2] == ["--search"]:
        search(sys.argv[2], sys.argv[3:])
        return
    sys.path.insert(0, str(TESTS))
    import whole_files

    from m2clip import paths, provenance

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("readers", metavar="READER", nargs="*", help=f"of {', '.join(whole_files.KINDS)}")
    parser.add_argument("--seconds", type=int, default=60, help="of each reader; default: 60")
    asked = parser.parse_args()
    lines = {line["reader"]: line for line in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    about = {
        "atheris": version("atheris"),
        "commit": provenance.commit(),
        "processor": provenance.processor(),
    }
    for kind in asked.readers or whole_files.KINDS:
        lines[kind] = report(kind, asked.seconds) | about
        print(json.dumps(lines[kind]), flush=True)
    with paths.written_anew(RESULTS) as part:
        part.write_text(json.dumps(list(lines.values()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
