"""The page of the report: whole by a parser, alive in a real browser; labels that look like markup."""

import csv
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

import browser
import made_up_runs as made
from m2clip import profiles
from m2clip.experiment import rows
from m2clip.report import provenance, trace
from m2clip.report.grid import Column, Grid, Line, order
from m2clip.report.numbers import Number
from m2clip.report.pages import Page
from m2clip.report.parts import Section
from m2clip.report.rendering import latex as escape_latex
from m2clip.report.rendering import markdown as escape_markdown
from m2clip.report.rendering import render

HARD = made.HARD
VOID = {"meta", "img", "input", "br", "link"}
BY_TABLE = {
    "fig1", "fig1-published", "fig2a", "fig2b", "fig2b-names", "fig4a", "fig4a-reversed", "fig4b", "fig4c",
    "fig4c-heads", "curves",
}  # fmt: skip


@pytest.fixture(scope="session")
def folder(rendered):
    return rendered.folder / "reports" / made.PROFILE


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Every element with its attributes, the text of table cells, and whether tags are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open, self.cells = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def section(page, key):
    """The HTML of a section, to the start of the next."""
    return page[page.index(f'<section id="{key}">') :].partition("</section>")[0]


def test_one_page_with_pictures_beside_it_that_asks_nothing_of_a_network(folder, page):
    read = Reader(page)
    assert not read.open
    beside = {attributes.get(name, "#") for _, attributes in read.found for name in ("src", "href")}
    beside = {address for address in beside if address[0] != "#"}
    assert len(beside) > 30
    assert all((folder / address).is_file() for address in beside)
    assert not any(Path(address).is_absolute() or ".." in address for address in beside)
    assert not read.all("link")
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|data:", page)
    assert not re.search(r"(https?:)?//[a-z]", page)
    assert len(page) < 2_000_000


def test_names_lead_somewhere_and_pictures_have_texts(page):
    read = Reader(page)
    ids = Counter(attributes["id"] for _, attributes in read.found if "id" in attributes)
    assert set(ids.values()) == {1}
    links = [a["href"][1:] for a in read.all("a") if a["href"].startswith("#")]
    assert set(links) <= set(ids)
    numbers = [a for a in read.all("a") if a.get("class") == "number"]
    assert len(numbers) > 100
    for number in numbers:
        assert {f"source-{key}" for key in number["data-sources"].split()} <= set(ids)
        json.loads(number["data-facts"])
    images = read.all("img")
    assert len(images) > 10
    assert all(len(image["alt"]) > 20 for image in images)
    assert all("scope" in head for head in read.all("th"))


def test_what_ran_is_said_first(page):
    top = page[: page.index("<nav")]
    assert f"{len(rows()) - 1} of {len(rows())} runs are here." in top
    assert "Generated data." in top
    assert f"profile {made.PROFILE}" in top
    assert "standin-ViT-S-16" in top
    assert f"{made.PROFILE}/te/0" in page, "what has not run is named"


def test_published_and_measured_numbers_are_never_in_one_column(page):
    both = 0
    for table in re.findall(r'<table class="grid">.*?</table>', page, re.DOTALL):
        heads = re.findall(r'class="sort">(.*?)<', table)
        columns = [set() for _ in heads]
        for row in re.findall(r"<tr>(.*?)</tr>", table.partition("</thead>")[2], re.DOTALL):
            for kinds, cell in zip(columns, re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL), strict=True):
                kinds |= set(re.findall(r'data-sources="(run|published)-', cell))
        of_paper = [head for head, kinds in zip(heads[1:], columns[1:], strict=True) if "published" in kinds]
        assert not any(len(kinds) > 1 for kinds in columns[1:]), heads
        both += bool(of_paper) and any("run" in kinds for kinds in columns[1:])
    assert both >= 5, "tables with columns of either kind"
    table = section(page, "of-table1")
    assert 'data-sources="published-table1_k400"' in table
    assert "run-main-0" in table


def test_hard_labels_in_every_format(folder, page):
    for text in (page, (folder / "README.md").read_text(), (folder / "tables/table4.md").read_text()):
        assert "<b>&" not in text
    assert page.count("</script>") == 1
    assert HARD in Reader(page).cells
    alts = [image["alt"] for image in Reader(page).all("img")]
    assert sum(HARD in alt for alt in alts) > 2
    markdown = (folder / "tables/table4.md").read_text()
    assert f"| {escape_markdown(HARD)} |" in markdown
    assert (
        len({line.count("|") - line.count("\\|") for line in markdown.splitlines() if line[:1] == "|"}) == 1
    )
    with (folder / "tables/table4.csv").open(newline="") as file:
        assert HARD in {line["label"] for line in csv.DictReader(file)}
    latex = (folder / "tables/table4.tex").read_text()
    expected = (
        r"\textless{}b\textgreater{}\&\textbar{}\_\%\$\#\{\}\textbackslash{}"
        "\"'" + r"\textless{}/script\textgreater{}"
    )
    assert escape_latex(HARD) == expected
    assert f"\n{expected} & " in latex


def test_each_table_is_a_section_of_the_menu_after_what_was_found(page):
    read = Reader(page)
    menu = [
        a["href"][1:]
        for a in read.all("a")
        if a["href"].startswith("#") and not {"class", "data-sources"} & set(a)
    ]
    sections = [one["id"] for one in read.all("section")]
    assert menu == sections and len(sections) == len(set(sections)) > 15
    first, claims, audit = (section(page, key) for key in ("summary", "claims", "released-code"))
    assert sections[0] == "summary" and 'id="main"' in first and 'id="verdicts"' in first
    for key, part in (
        ("run-ted-0", claims),
        ("published-table4_components", claims),
        ("run-released-0", audit),
    ):
        assert re.search(f'data-sources="[^"]*{key}[ "]', part), key
    assert "ted-over-clip" in claims and "one seed" in claims
    assert "*" not in re.sub(r"<[^>]*>", "", claims) and "<p>- " not in claims
    assert not re.search(r"<a [^>]*>—</a>", page), "what is missing opens nothing"
    assert "Site of the TED-Adapter" in audit and "214" in audit


def test_a_claim_stands_on_the_first_screen_with_the_words_of_its_page(page):
    words = r'<span class="verdict (\w+)">([^<]*)'
    told, first = (re.findall(words, section(page, key)) for key in ("claims", "summary"))
    assert told and first == told
    assert {kind for kind, _ in told} == {"open"}
    assert {re.split(r"[:(]", word)[0].strip() for _, word in told} == {"one seed", "not run yet"}


SHOW = """
const shown = () => [...document.querySelectorAll("main > section")]
  .filter((one) => one.getBoundingClientRect().height > 0).map((one) => one.id);
const told = [shown()];
for (const key of ["of-table1", "source-run-main-0", "of-fig4a"]) {
  location.hash = key;
  await new Promise((done) => setTimeout(done, 60));
  told.push([shown(), document.querySelector("nav [aria-current]")?.hash]);
}
return [told, document.documentElement.scrollHeight];
"""


def test_one_section_is_shown_at_a_time(page, tmp_path):
    (first, *others), height = browser.run(page, SHOW, tmp_path)
    assert first == ["summary"]
    assert others == [
        [["of-table1"], "#of-table1"], [["sources"], "#sources"], [["of-fig4a"], "#of-fig4a"]
    ]  # fmt: skip
    assert height < 6000


SORT = """
const made = document.getElementById("made");
const table = made.nextElementSibling.querySelector("table");
const cell = (row) => row.cells[1]?.textContent.trim() ?? "head";
const read = () => [...table.tBodies].map((body) => [...body.rows].map(cell));
const head = table.tHead.rows[0].cells[1], button = head.querySelector("button");
const told = [read()];
for (let at = 0; at < 3; at++) {
  button.focus();
  button.click();
  told.push([head.getAttribute("aria-sort"), read()]);
}
return [...told, document.activeElement === button];
"""


def page_of(table):
    """A page of one table alone."""
    only = Section(key="only", title="Only", parts=(table,))
    page = Page(profile="made", synthetic=False, about="", intro=(), sections=(only,), behind=())
    return render("index.html.j2", page=page, behind=provenance.of_cell)


def test_sorting_keeps_groups_apart_and_missing_values_last(tmp_path):
    numbers = ((10.0, None, 9.5, -1.0), (2.0, None, 30.0))
    lines = tuple(
        Line(("x", None if n is None else Number(value=n, digits=1)), block=f"g{at}")
        for at, part in enumerate(numbers)
        for n in part
    )
    columns = (Column("row", "Row", text=True), Column("n", "N"))
    whole = page_of(Grid(key="made", title="Made", columns=columns, lines=lines))
    before, up, down, again, focused = browser.run(whole, SORT, tmp_path)
    assert before == [["head", "10.0", "—", "9.5", "-1.0"], ["head", "2.0", "—", "30.0"]]
    assert up == ["ascending", [["head", "-1.0", "9.5", "10.0", "—"], ["head", "2.0", "30.0", "—"]]]
    assert down == ["descending", [["head", "10.0", "9.5", "-1.0", "—"], ["head", "30.0", "2.0", "—"]]]
    assert again == ["none", before]
    assert focused


OPEN = """
location.hash = "table4";
await new Promise((done) => setTimeout(done, 50));
const links = [...document.querySelectorAll("#table4 + div a.number")];
const link = links.find((one) => one.dataset.sources === "run-ted-0" && one.dataset.facts.includes("top1"));
link.focus();
link.click();
const dialog = document.getElementById("behind");
const told = { open: dialog.open, inside: dialog.contains(document.activeElement) };
told.text = dialog.textContent;
told.bold = dialog.querySelector("b");
dialog.querySelector("button").click();
await new Promise((done) => setTimeout(done, 50));
return { ...told, closed: !dialog.open, back: document.activeElement === link, tab: link.tabIndex };
"""


def test_a_number_opens_its_provenance(page, tmp_path):
    told = browser.run(page, OPEN, tmp_path)
    assert (told["open"], told["inside"], told["closed"], told["back"], told["tab"]) == (True,) * 4 + (0,)
    assert HARD in told["text"]
    assert told["bold"] is None
    for name in (
        f"experiments/runs/{made.PROFILE}/ted/0/evaluation/metrics.json: supervised.top1",
        "ted.train.yaml", "Seed",
        "Committed-0, evaluated e-ted", "train ted 0; evaluate ted", "training 60.5 s, evaluation 7.0 s",
        "Made up, none, 3 cores", "`m2clip trace ted`",
    ):  # fmt: skip
        assert name in told["text"], name


THEME = """
const colour = () => getComputedStyle(document.body).backgroundColor;
const button = document.getElementById("theme");
const told = [colour()];
for (let at = 0; at < 3; at++) { button.click(); told.push([button.textContent.trim(), colour()]); }
return told;
"""


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(page, tmp_path, dark):
    white, black = "rgb(255, 255, 255)", "rgb(18, 20, 23)"
    first, *chosen = browser.run(page, THEME, tmp_path, dark=dark)
    system = black if dark else white
    assert first == system
    assert chosen == [["Theme: light", white], ["Theme: dark", black], ["Theme: system", system]]


WIDE = """
const beyond = [...document.querySelectorAll("main *, header *")].filter((one) =>
  !one.closest(".scroll") && !one.closest(".skip") && one.getBoundingClientRect().right > innerWidth + 1);
const loaded = (one) => new Promise((done) => {
  const same = new Image();
  same.onload = () => done(same.naturalWidth > 0);
  same.onerror = () => done(false);
  same.src = one.src;
});
const shown = (await Promise.all([...document.images].map(loaded))).every(Boolean);
const named = beyond.map((one) => one.outerHTML.slice(0, 80));
return [innerWidth, document.documentElement.scrollWidth, named, shown];
"""


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(folder, page, tmp_path, width):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    inner, whole, beyond, shown = browser.run(page, WIDE, tmp_path, width=width)
    assert inner == width
    assert whole <= width
    assert not beyond
    assert shown


def test_every_cell_of_a_table_tells_the_files_of_its_origin(folder, page):
    with (folder / "provenance.csv").open(newline="") as file:
        lines = [
            line for line in csv.DictReader(file) if line["table"] in ("table1", "claims.md", "audit.md")
        ]
    told = [link["data-facts"] for link in Reader(page).all("a") if link.get("class") == "number"]
    files = {value for facts in told for name, value in json.loads(facts) if name == "From"}
    assert len(lines) > 300
    for line in lines:
        assert (f"{line['file']}: {line['key']}" if line["key"] else line["file"]) in files, line


@pytest.mark.parametrize(
    ("text", "number"), [("[−1.5, +2.0]", -1.5), ("[+0.3, +2.0]", 0.3), ("1,234", 1234.0), ("—", None)]
)
def test_texts_of_numbers_are_sorted_as_numbers(text, number):
    assert order(text) == number


def test_values_beside_the_paper_s_figures_are_said_to_be_those_of_its_tables(page):
    for name in ("fig1-values", "fig2a-values"):
        table = page[page.index(f'id="{name}"') :][:20_000]
        assert table.index("From the paper&#39;s Tables 1-3, not read off the figure") < 200
        assert "this choice is ours" in table
        assert "table1_k400.csv: line " in table


def test_a_figure_without_pairs_says_so(folder, page):
    for text in (page, (folder / "README.md").read_text()):
        assert "The figure fig4a-reversed is empty: no two of the labels" in text


def test_the_readme_has_the_complexity_too(folder):
    text = (folder / "README.md").read_text()
    part = text[text.index("## Complexity") : text.index("## What ran")]
    (line,) = (line for line in part.splitlines() if line.startswith("| M2-CLIP |") and "| 8 |" in line)
    _, names, *numbers = line.strip("| ").split(" | ")
    assert numbers == ["8", "16,000,000", "160.500"]
    alike = {"main", "ssv2", "frames-16", "frames-32", "ssv2-32", "released-flip", "released-sampling"}
    assert alike < set(names.split(", ")), "they differ in data and frames alone"
    assert not {"sequential", "released-vc-dropout", "te"} & set(names.split(", "))
    assert "frames |" not in part.replace("| Frames |", ""), "no label says a number of frames"
    assert part.count("Rows on SSv2 are counted with the 400 labels of K400 too.") == 1
    page = (folder / "index.html").read_text()
    assert page.count("Rows on SSv2 are counted with the 400 labels of K400 too.") == 1
    assert text.count("are counted with the 400 labels of K400 on SSv2 too.") == 1, "caption of Fig. 2a"
    assert "No run has been drawn yet." in text[text.index("## Pictures") : text.index("## Complexity")]


def test_figures_are_described_by_their_numbers(folder):
    text = (folder / "README.md").read_text()
    alts = dict(re.findall(r'<img src="figures/(\S+)" width="\d+" alt="([^"<>]*)">', text))
    steps = (folder / "tables/fig4c.csv").read_text()
    top = {line["row"]: float(line["top1"]) for line in csv.DictReader(steps.splitlines())}
    assert f"{top['cmc'] - top['contrastive']:+.1f}".replace("-", "−") in alts["fig4c.png"]
    assert "M2-CLIP 83.4 % supervised, 78.7 % zero-shot, 16 M parameters" in alts["fig1-published.png"]
    assert "0 with" not in alts["fig4b.png"]


def test_every_figure_is_drawn_under_the_name_that_users_know(rendered, folder, monkeypatch):
    monkeypatch.chdir(rendered.folder)
    drawn = {figure.name: figure for figure in rendered.figures}
    asked = profiles.params()["tables"]
    trained = {"main", "ssv2"}
    by_name = {f"{kind}-{row}" for kind in ("confusion", "gains") for row in trained}
    assert {name for name, figure in drawn.items() if figure.caption} == (
        BY_TABLE - {"fig4a-reversed"}
    ) | by_name
    assert drawn["fig4a-reversed"].why.startswith("is empty: no two of the labels")
    for figure in drawn.values():
        assert figure.table in asked
        if figure.caption:
            sizes = {}
            for ending in (".png", "-dark.png", ".pdf", ".csv"):
                path = folder / f"figures/{figure.name}{ending}"
                assert path.is_file()
                sizes[ending] = Image.open(path).size if path.suffix == ".png" else None
            wide = sizes[".png"][0] > 84 / 25.4 * 300 + 2
            assert figure.alt and figure.alt.endswith(".")
            assert wide or sizes[".png"][0] == pytest.approx(84 / 25.4 * 300, abs=2)
            assert not figure.wide or wide
    content = (folder / "figures/curves.pdf").read_bytes()
    assert b"CreationDate" not in content
    assert "Software" not in Image.open(folder / "figures/curves.png").info


def test_trace_follows_every_figure_that_the_page_shows(rendered, folder, monkeypatch):
    monkeypatch.chdir(rendered.folder)
    traced, followed = trace.load(None, lambda key, sha: ""), 0
    for file in sorted((folder / "figures").glob("*.pdf")):
        row = traced.results.tables[file.stem].rows[0] if file.stem in traced.results.tables else None
        assert list(trace.lines(traced, file.stem, row, None)), file.stem
        followed += 1
    assert followed > 10
