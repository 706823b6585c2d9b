"""`readme`: write the rendered tables between README.md's markers, and docs/methods.md."""

import re
from pathlib import Path

from m2clip import experiment
from m2clip.config import Run
from m2clip.errors import UserError, guarded
from m2clip.report import methods_page

README = Path("README.md")
BLOCK = re.compile(r"<!-- (reports/\S+\.md) -->\n.*?<!-- end -->", re.DOTALL)


def filled(text: str, root: Path = Path()) -> str:
    """The text with every marked block holding what its file holds now.

    Raises:
        UserError: when a file that a marker names is missing.
    """

    def block(match: re.Match[str]) -> str:
        path = root / match[1]
        if not path.is_file():
            raise UserError(f"{README}: names {path}, which is not there; run dvc repro")
        return f"<!-- {match[1]} -->\n{path.read_text(encoding='utf-8').strip()}\n<!-- end -->"

    return BLOCK.sub(block, text)


def main() -> None:
    """Rewrite README.md where a table has changed, and docs/methods.md."""
    main = experiment.resolve(experiment.MAIN)
    if (main.method, main.options) != (Run().method, Run().options):
        print(f"{README}: left as it is, since main is not the paper's model")
        return
    text = README.read_text(encoding="utf-8")
    if (new := filled(text)) != text:
        README.write_text(new, encoding="utf-8")
        print(f"{README}: tables brought up to date")
    methods_page.PAGE.write_text(methods_page.page(), encoding="utf-8")


if __name__ == "__main__":
    guarded(main)
