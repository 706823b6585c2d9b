"""The paper's figures: drawn from all, some or no runs; published and synthetic points never share axes."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import made_up_runs as made
from m2clip.report import correlation
from m2clip.report.figures import drawing, reversed_pairs, steps, style
from m2clip.report.figures.style import NO_RUN
from m2clip.report.outcomes import Step
from m2clip.report.results import load
from m2clip.report.tables.making import of_table
from m2clip.report.tables.published import read
from m2clip.rows import profile, rows
from m2clip.stages import report
from m2clip.synthetic.templates import PAIRS

FIGURES = ("fig1", "fig2a", "fig2b", "fig4a", "fig4b", "fig4c")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The real declarations, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    return tmp_path


def rendered(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["report", made.PROFILE])
    report.main()
    folder = Path("reports") / made.PROFILE
    return (folder / "README.md").read_text(), {path.name for path in (folder / "figures").glob("*")}


def run(names):
    configs = made.resolve()
    for row in names:
        made.run(row, configs[row])
    made.complexity(configs)


@pytest.mark.parametrize(
    ("ran", "drawn"),
    [
        (None, set(FIGURES)),
        (("clip", "main", "st-adapter"), {"fig1", "fig2a", "fig4a", "fig4b", "fig4c"}),
        ((), {"fig4a", "fig4c"}),
    ],
)
def test_all_some_and_no_runs(monkeypatch, ran, drawn):
    run(rows() if ran is None else ran)
    page, files = rendered(monkeypatch)
    assert {name for name in FIGURES if f"{name}.png" in files} == drawn
    assert all(f"{name}.pdf" in files for name in drawn)
    asked, _, _ = made.world()
    for name, spec in asked.tables.items():
        assert f"### {spec.title}" in page
        assert {f"{name}.{ending}" for ending in ("md", "csv", "tex")} <= {
            path.name for path in Path(f"reports/{made.PROFILE}/tables").iterdir()
        }
    asked_for = [kind for spec in asked.tables.values() for kind in spec.figures if kind in drawing.KINDS]
    also = {"fig1-published", "fig2b-names", "fig4a-reversed", "fig4c-heads"} & {
        Path(name).stem for name in files
    }
    empty = page.count(" has no run yet.\n") + page.count(" is empty: ")
    assert empty == len(asked_for) - len(drawn) - len(also)
    assert [page.index(f"### {spec.title}") for spec in asked.tables.values()] == sorted(
        page.index(f"### {spec.title}") for spec in asked.tables.values()
    )
    for name in drawn:
        image = Image.open(f"reports/{made.PROFILE}/figures/{name}.png")
        assert image.width == pytest.approx(84 / 25.4 * 300, abs=2)
    assert f"{len(ran if ran is not None else rows())} of {len(rows())} runs are here" in page


def test_the_same_bytes_each_time(monkeypatch):
    run(("clip", "main", "ssv2", "st-adapter-text-ssv2", "te"))
    folder = Path("reports") / made.PROFILE
    contents = []
    for _ in range(2):
        rendered(monkeypatch)
        contents.append({path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()})
    assert contents[0] == contents[1]


def drawn_axes(monkeypatch, name):
    """The values along x of each panel of a figure of steps."""
    kept = []

    def keep(figure, path):
        panels = [[x for line in ax.lines for x in np.ravel(line.get_xdata())] for ax in figure.axes]
        kept.append(([ax.get_title() for ax in figure.axes], panels))

    monkeypatch.setattr(steps, "save", keep)
    asked, found, context = made.world()
    drawing.draw(name, ["steps"], *of_table(asked.tables[name], found, context), Path("figures"))
    return kept[0]


def test_the_interval_of_a_step_is_drawn_from_its_low_to_its_high_end(monkeypatch):
    found = steps.Steps(("Row",), {}, {"k400": {"Row": Step(2.0, 1.5, 6.0)}})
    monkeypatch.setattr(steps, "steps", lambda rows, context: found)
    ends = []

    def keep(figure, path):
        ends.extend(bar.get_segments()[0][:, 0].tolist() for bar in figure.axes[1].collections)

    monkeypatch.setattr(steps, "save", keep)
    steps.draw([], made.world()[2], Path("steps"))
    assert [1.5, 6.0] in ends


def test_pairs_are_those_of_the_reference_on_the_dataset_with_pairs(monkeypatch):
    one, other = PAIRS[0]
    monkeypatch.setattr(made, "LABELS", [one, other])
    run(("main", "te-ssv2", "ssv2", "site-both-ssv2"))
    asked, found, context = made.world()
    chosen, here = of_table(asked.tables["fig4a"], found, context)
    assert reversed_pairs.model(chosen, here).name == "ssv2"
    assert reversed_pairs.model(chosen, context).name == "ssv2", "a table without references"
    others = [row for row in chosen if row.name != "ssv2"]
    assert reversed_pairs.model(others, here).name == "site-both-ssv2"
    titles = []
    monkeypatch.setattr(
        reversed_pairs, "save", lambda figure, path: titles.append(figure.axes[1].get_title(loc="left"))
    )
    assert isinstance(reversed_pairs.draw(chosen, here, Path("x")), str)
    assert titles == ["M2-CLIP, by pair"]


def test_a_figure_that_is_empty_says_why():
    run(("ssv2",))
    asked, found, context = made.world()
    place = of_table(asked.tables["fig4a"], found, context)
    assert reversed_pairs.draw(*place, Path("x")) == reversed_pairs.NO_PAIRS
    assert reversed_pairs.draw([], place[1], Path("x")) == NO_RUN


@pytest.mark.parametrize("name", ["fig4a", "fig4c"])
def test_published_and_measured_steps_share_no_axes(monkeypatch, name):
    run(rows())
    asked, found, context = made.world()
    titles, (theirs, ours) = drawn_axes(monkeypatch, name)
    assert titles == ["Published, K400", "Measured here"]
    told = steps.steps(*of_table(asked.tables[name], found, context))
    published = {step.points for step in told.published.values()}
    measured = {step.points for part in told.measured.values() for step in part.values()}
    assert published & measured == {0.0}, "made up so that only the reference is the same"
    assert set(theirs) == published
    assert set(ours) == measured


def test_only_steps_know_the_papers_numbers():
    asked, _, _ = made.world()
    for spec in asked.tables.values():
        assert set(spec.figures) <= {"steps", "reversed_pairs", "head_curves"} or not spec.published
    assert len(read("fig4c_decoder").lines) == 4


def test_a_new_row_is_shown_and_a_removed_one_leaves_nothing(monkeypatch):
    visual = {"adapters": {"visual": {"bottleneck": 0.25}}}
    made.edit("experiments/rows.yaml", lambda content: content["rows"].update({"zz-thin": visual}))
    made.edit("experiments/tables.yaml", lambda content: content["tables"]["fig4a"]["rows"].append("zz-thin"))
    made.edit("experiments/tables.yaml", lambda content: content["tables"]["fig2a"]["rows"].append("zz-thin"))
    made.edit("params.yaml", lambda content: content.update(tables=["fig2a", "fig4a"]))
    run(("main", "zz-thin"))
    page, _ = rendered(monkeypatch)
    assert page.count("| M2-CLIP, adapters.visual.bottleneck=0.25 | zz-thin |") == 3, "counted by frames"
    assert page.count("| M2-CLIP, adapters.visual.bottleneck=0.25 |") == 3 + 3, "two tables, and what ran"
    asked, found, context = made.world()
    told = steps.steps(*of_table(asked.tables["fig4a"], found, context))
    assert "M2-CLIP, adapters.visual.bottleneck=0.25" in told.measured["k400"]
    for table in ("fig2a", "fig4a"):
        made.edit("experiments/tables.yaml", lambda c, t=table: c["tables"][t]["rows"].remove("zz-thin"))
    made.edit("experiments/rows.yaml", lambda content: content["rows"].pop("zz-thin"))
    made.resolve()
    rendered(monkeypatch)
    files = [path for path in Path("reports", made.PROFILE).rglob("*") if path.is_file()]
    assert not [
        path for path in files if b"zz-thin" in path.read_bytes() or b"bottleneck" in path.read_bytes()
    ]


def test_colours_are_the_same_everywhere():
    found = style.colours({"M2-CLIP": "main", "ST-Adapter": "st-adapter", "mine": "zz-thin"})
    assert found == style.colours({"M2-CLIP": "ssv2", "ST-Adapter": "st-adapter-ssv2", "mine": "zz-thin"})
    assert len(set(found.values())) == 3
    assert style.colours({"M2-CLIP, x=1": "main"}) == {"M2-CLIP, x=1": style.EXPLORED}
    assert len(set(style.METHODS.values())) == len(style.METHODS)


def test_the_most_alike_labels_are_chosen_once():
    run(("st-adapter-text-ssv2", "ssv2"))
    found = load(profile(made.PROFILE), ("st-adapter-text-ssv2", "ssv2"), [0], {})
    features = [row.runs[0].label_features for row in found]
    plain = [np.array([[np.corrcoef(a, b)[0, 1] for b in one] for a in one]) for one in features]
    means = (plain[0].sum(axis=1) - 1) / (len(made.LABELS) - 1)
    order = list(np.argsort(-means))
    told = correlation.compare(found)
    assert told.labels == tuple(made.LABELS[at] for at in order)
    for row, whole in zip(found, plain, strict=True):
        assert told.maps[row.name] == pytest.approx(whole[np.ix_(order, order)])
        pairs = [whole[a, b] for a in range(6) for b in range(6) if a != b]
        assert told.mean(row) == pytest.approx(np.mean(pairs))
    assert correlation.compare(found[::-1]).labels != told.labels
    lines = correlation.pairs(found[1]).splitlines()
    assert lines[0] == "label,other,correlation"
    assert len(lines) == 1 + 36
    assert float(lines[2].split(",")[2]) == pytest.approx(plain[1][0, 1], abs=1e-4)


def test_at_most_forty_labels():
    random = np.random.default_rng(0).normal(size=(50, 12))
    whole = np.corrcoef(random)
    chosen = correlation.most_alike(whole)
    assert len(chosen) == 40
    means = (whole.sum(axis=1) - 1) / 49
    assert min(means[chosen]) >= max(np.delete(means, chosen))
