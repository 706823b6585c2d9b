"""The hook of mkdocs.yml: the site has the repository's own folders, so that every link holds in both.

It takes README.md and the pages of docs/, and every file that these link to; a linked page brings its own. A
link to a folder becomes plain text. The page of the public functions is made from `m2clip.__all__`.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import m2clip

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
TARGET = re.compile(r'(?:\]\(|src=")([^)"\s#]+)')
API = "docs/api.md"
TITLE = "# In Python\n\nWhat `import m2clip` has. Nothing imports torch before it is used.\n"


def on_files(files: Files, config: Any) -> Files:
    """In place of what lies in docs/: all pages and what they link to, where it lies in the repository."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for path in sorted(_reached([ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], config.nav)):
        uri = path.relative_to(ROOT).as_posix()
        # The report's own page would lie where the page of its README.md does.
        place = uri.replace("index.html", "report.html") if path.name == "index.html" else None
        files.append(File(uri, str(ROOT), config.site_dir, config.use_directory_urls, dest_uri=place))
    files.append(File.generated(config, API, content=_api()))
    return files


def _reached(pages: list[Path], nav: Any) -> set[Path]:
    """The pages, those of the menu, and what they link to, at any distance."""
    listed = [ROOT / each for each in re.findall(r"'([\w/]+\.md)'", str(nav)) if each != API]
    waiting, found = [*pages, *listed], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in found or not (path.is_file() and path.is_relative_to(ROOT)):
            continue
        found.add(path)
        if path.name == "index.html":  # the report's own page, with all that lies beside it
            waiting += path.parent.rglob("*.*")
        elif path.suffix == ".md":
            linked = TARGET.findall(path.read_text(encoding="utf-8"))
            waiting += [(path.parent / target).resolve() for target in linked if "://" not in target]
    return found


def _api() -> str:
    modules = {name: m2clip._WHERE.get(name, "api") for name in m2clip.__all__}
    places = [*(f"{module}.{name}" for name, module in modules.items()), "mteb.Encoder"]
    return "\n".join([TITLE, *(f"::: m2clip.{place}\n" for place in places)])


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to folders as plain text: a site has no listing of a folder."""
    folder = (ROOT / page.file.src_uri).parent

    def text_of_folder(link: re.Match[str]) -> str:
        return link[1] if (folder / link[2]).is_dir() else link[0]

    return LINK.sub(text_of_folder, markdown)
