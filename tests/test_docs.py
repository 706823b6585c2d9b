"""`make docs`: the site is built without a warning, has every page and figure, and fetches nothing."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import m2clip

ROOT = Path(__file__).parents[1]
NEEDED = ("mkdocs", "material", "mkdocstrings")


class Addresses(HTMLParser):
    """What a page links to, and what it loads."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect"):
            self.loads.add(given["href"])
        elif given.get("src"):
            self.loads.add(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in NEEDED:
        pytest.importorskip(name, reason="requirements-docs.txt is not installed")
    folder = tmp_path_factory.mktemp("site")
    offline = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    told = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | offline | {"PYTHONPATH": "src", "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    return folder


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere_and_nothing_is_fetched(site):
    pages = [page for page in site.rglob("*.html") if page.name not in ("404.html", "report.html")]
    assert len(pages) > 15
    for page in pages:
        found = Addresses(page.read_text(encoding="utf-8"))
        assert not [each for each in found.loads if re.match(r"(https?:)?//", each)], page
        for address in (found.links | found.loads) - {"."}:
            path = unquote(address.partition("#")[0])
            if path and not re.match(r"\w+:", path):
                assert (page.parent / path).is_file(), (page, address)


@pytest.mark.slow
def test_the_site_has_the_docs_the_functions_and_the_figures_of_the_last_run(site):
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / "docs" / page.with_suffix(".html").name).is_file()
    api = (site / "docs/api.html").read_text(encoding="utf-8")
    for name in m2clip.__all__:
        assert re.search(rf'<h2 id="m2clip\.[\w.]*{name}"', api), name
    there, here = site / "reports/embedded", ROOT / "reports/embedded"
    figures = set(
        re.findall(r'src="(figures/[\w-]+\.png)"', (here / "README.md").read_text(encoding="utf-8"))
    )
    page = (there / "index.html").read_text(encoding="utf-8")
    assert len(figures) > 10 and all(f'src="{figure}"' in page for figure in figures)
    same = [*figures, "tables/main.csv", "figures/fig1-dark.png", "figures/fig1.pdf"]
    assert all((there / name).read_bytes() == (here / name).read_bytes() for name in same)
    assert (there / "report.html").read_bytes() == (here / "index.html").read_bytes()
