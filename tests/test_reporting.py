"""What is printed is what was measured, or an em dash; on made-up runs, and the same bytes each time."""

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image

import report_files as fake
from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.parsing import build
from m2clip.report import columns, declared, levels, longer, pages, results
from m2clip.report.declared import Spec
from m2clip.report.differences import difference, label
from m2clip.report.figures.style import wrapped
from m2clip.report.grid import Column, Grid, Line, csv_text, shown, sources
from m2clip.report.names import Names
from m2clip.report.numbers import Number
from m2clip.report.rendering import latex, markdown, render
from m2clip.report.row import mean
from m2clip.report.tables import make
from m2clip.runs import LogLine, RunKey
from m2clip.stages import report

ROOT = Path(__file__).parents[1]
CLIP, SSV2 = fake.ROWS["fake-clip"], fake.ROWS["fake-ssv2"]
HARD = "a_b & 50% <x>"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """A repository of made-up rows, in which every test runs."""
    monkeypatch.chdir(tmp_path)
    fake.declare()
    return tmp_path


def rendered(monkeypatch):
    """Every file that the stage writes, by path."""
    monkeypatch.setattr(sys, "argv", ["report", "fake"])
    report.main()
    return files()


def files():
    """The content of every file under reports, by path."""
    paths = sorted(path for path in Path("reports").rglob("*") if path.is_file())
    return {path.as_posix(): path.read_bytes() for path in paths}


def again(root):
    """Render in another process, with another order of hashes; say which heavy libraries it loads."""
    script = (
        "import sys; from m2clip.stages import report, sheets;"
        "sys.argv = ['report', 'fake']; report.main(); assert 'seaborn' in sys.modules;"
        "print([name for name in ('torch', 'mlflow', 'dvc') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "7"}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()[-1]


def results_of(names, seeds=(0,), **spec):
    """The report's results of one made-up table of these rows."""
    fake.declare(seeds=seeds)
    asked = {"made-up": Spec(title="T", rows=tuple(names), **spec)}
    return results.read(profiles.read("fake"), asked)


def table_of(names, seeds=(0,), columns=("label", "top1", "top5", "ucf101", "chance"), **spec):
    return make(results_of(names, seeds, columns=columns, **spec).places["made-up"])


def formats(table):
    """As Markdown, CSV and LaTeX."""
    return {
        "md": render("table.md.j2", alone=table),
        "csv": csv_text(table),
        "tex": render("table.tex.j2", table=table),
    }


def lines(table):
    return [[shown(cell) for cell in line.cells] for line in table.lines]


def test_a_run_that_is_not_there_and_nan_are_missing():
    fake.facts("k400", 4)
    fake.run("main")
    fake.resolve("fake-clip", CLIP)
    assert lines(table_of(["main", "fake-clip", "fake-ssv2"])) == [
        ["M2-CLIP", "50.0†", "—", "20.0 ± 10.0†", "25.0"],
        ["Fake CLIP", "not run", "not run", "not run", "25.0"],
        ["fake-ssv2", "not run", "not run", "not run", "—"],
    ]
    content = formats(table_of(["fake-clip"]))
    assert "| Fake CLIP | not run | not run | not run | 25.0 |" in content["md"]
    assert r"Fake CLIP & not run & not run & not run & 25.0 \\" in content["tex"]
    block = "Measured here: Synth-K400; zero-shot on Synth-UCF101"
    assert content["csv"].splitlines()[1] == f"fake-clip,0,{block},Fake CLIP,,,,,,,25.0000"


def test_seeds_become_mean_and_deviation():
    fake.facts("k400", 4)
    for seed, top1 in enumerate((40.0, 50.0, 60.0)):
        fake.run("main", seed=seed, top1=top1, zero_shot=(10.0 + seed, 20.0 + seed))
        fake.run("fake-clip", CLIP, seed=seed, top1=12.0)
    many = table_of(["main", "fake-clip"], seeds=(0, 1, 2))
    assert lines(many)[0] == ["M2-CLIP", "50.0 ± 10.0", "—", "16.0 ± 7.1", "25.0"]
    assert lines(many)[1][1] == "12.0", "nothing of CLIP depends on a seed"
    assert "over seeds" in " ".join(many.all_notes())
    assert [line.seeds for line in many.lines] == [3, 3]
    assert lines(table_of(["main"], seeds=(0, 1, 9)))[0][1] == "45.0 ± 7.1‡"
    alone = table_of(["main"])
    assert lines(alone)[0][1] == "40.0†"
    assert "† one seed." in alone.all_notes()
    assert "†" not in " ".join(table_of(["fake-clip"]).all_notes())


def test_zero_shot_by_every_protocol():
    for seed, start in ((0, 10.0), (1, 20.0)):
        fake.run("main", seed=seed)
        path = RunKey("fake", "main", seed).metrics
        metrics = json.loads(path.read_text())
        metrics["zero_shot"]["ucf101"] |= {
            "full": {"top1": start},
            "half": {"top1": start + 5, "draws": [start, start + 10]},
            "no_text_adapter": {"splits": {"test1": {"top1": start}, "test2": {"top1": start + 2}}},
        }
        path.write_text(json.dumps(metrics))
    keys = ("ucf101", "ucf101_full", "ucf101_half", "ucf101_no_text_adapter", "hmdb51_half")
    table = table_of(["main"], (0, 1), keys)
    assert lines(table)[0] == [
        "20.0 ± 10.0", "15.0 ± 7.1", "20.0 ± 7.1", "16.0 ± 1.4", "—"
    ]  # fmt: skip
    assert [column.key for column in table.columns][2:4] == [
        "ucf101_half_top1",
        "ucf101_no_text_adapter_top1",
    ]


def test_a_trained_row_near_chance_is_marked_and_its_step_too():
    fake.facts("k400", 4)
    fake.run("main", top1=34.9)
    fake.run("fake-clip", CLIP, top1=25.0)
    asked = {"columns": ("label", "top1", "step"), "reference": ("fake-clip",)}
    table = table_of(["fake-clip", "main"], **asked)
    assert lines(table) == [
        ["Fake CLIP", "25.0", "reference"],
        ["M2-CLIP", "34.9†§", "+9.9†§"],
    ], "who trains nothing is at chance for another reason"
    assert "Chance is 25.0 % on Synth-K400." in table.notes
    assert "§ within 10 points of chance: it has not learned the labels" in " ".join(table.all_notes())
    content = formats(table)
    assert "34.9†§" in content["md"] and r"34.9$^\dagger$$^\S$" in content["tex"]
    fake.run("main", top1=35.1)
    assert "§" not in formats(table_of(["fake-clip", "main"], **asked))["md"]
    fake.run("main", top1=34.9)
    fake.facts("k400", "")
    unknown = table_of(["fake-clip", "main"], **asked)
    assert lines(unknown)[1][1] == "34.9†" and "§" not in formats(unknown)["md"], "chance is not known"


def test_the_steps_from_a_reference_near_chance_are_marked():
    fake.facts("k400", 4)
    fake.run("other", {"decoder": {"heads": ["vc"]}}, top1=26.0)
    fake.run("main", top1=90.0)
    asked = {"columns": ("label", "top1", "step"), "reference": ("other",), "labels": {"other": "Other"}}
    assert lines(table_of(["other", "main"], **asked)) == [
        ["Other", "26.0†§", "reference"],
        ["M2-CLIP", "90.0†", "+64.0†§"],
    ]


def test_chance_is_told_of_every_set_but_where_a_column_has_it():
    for dataset, labels in (("k400", 4), ("ssv2", 8), ("ucf101", 5)):
        fake.facts(dataset, labels)
    fake.run("main")
    fake.run("fake-ssv2", SSV2)

    def notes(*keys):
        return " ".join(table_of(["main", "fake-ssv2"], columns=("label", *keys)).notes)

    sets = ("25.0 % on Synth-K400", "12.5 % on SSv2", "20.0 % on Synth-UCF101")
    assert f"Chance is {sets[0]}, {sets[1]} and {sets[2]}." in notes("top1", "ucf101")
    assert f"Chance is {sets[0]} and {sets[1]}." in notes("top1")
    assert f"Chance is {sets[2]}." in notes("top1", "chance", "ucf101")
    assert "Chance is" not in notes("top5")


def test_a_run_of_another_config_is_left_out():
    fake.run("main")
    fake.resolve("main", {"decoder": {"heads": ["vc"]}})
    assert lines(table_of(["main"]))[0][:2] == ["M2-CLIP, decoder.heads=[vc]", "not run"]


def test_escaping():
    assert markdown(HARD) == r"a\_b \& 50% \<x\>"
    assert markdown("c|d *e* [f](g) `h`") == r"c\|d \*e\* \[f\](g) \`h\`"
    assert latex(HARD) == r"a\_b \& 50\% \textless{}x\textgreater{}"
    assert latex("\\ {~^$#} 1 ± 2 ×") == (
        r"\textbackslash{} \{\textasciitilde{}\textasciicircum{}\$\#\} 1 $\pm$ 2 $\times$"
    )


def test_every_format_of_a_table():
    columns = (
        Column("label", "Row", text=True),
        Column("top1", "Top-1, %", endings=("", "_std")),
        Column("videos", "Videos"),
    )
    cells = (HARD, Number(value=1.26, std=0.25, marks="‡"), Number(value=1008))
    table = Grid(key="t", title=HARD, notes=("Note 5%.",), columns=columns, lines=(Line(cells, "x", 2),))
    content = formats(table)
    assert content["md"].splitlines()[2:5] == [
        "| Row | Top-1, % | Videos |",
        "| --- | ---: | ---: |",
        r"| a\_b \& 50% \<x\> | 1.3 ± 0.2‡ | 1,008 |",
    ]
    assert list(csv.reader(content["csv"].splitlines())) == [
        ["row", "seeds", "label", "top1", "top1_std", "videos"],
        ["x", "2", HARD, "1.2600", "0.2500", "1008"],
    ]
    assert r"a\_b \& 50\% \textless{}x\textgreater{} & 1.3 $\pm$ 0.2$^\ddagger$ & 1,008 \\" in content["tex"]
    assert r"\begin{tabular}{lrr}" in content["tex"]
    assert r"Note 5\%. $^\ddagger$ fewer seeds" in content["tex"]


def test_main_is_labelled_by_how_it_differs():
    profile = profiles.read("fake")
    config, _ = fake.resolve("main")
    assert (difference(config, profile), label(config, profile)) == ([], "M2-CLIP")
    over = {
        "adapters": {"visual": {"layers": [1, 2], "temporal_difference": False}},
        "decoder": {"heads": ["contrastive", "cmc"]},
        "data": {"frames": 8},
        "train": {"lr": 0.25, "workers": 3},
    }
    config, _ = fake.resolve("main", over)
    assert difference(config, profile) == [
        "data.frames=8",
        "adapters.visual.temporal_difference=false",
        "adapters.visual.layers=[1, 2]",
        "decoder.heads=[contrastive, cmc]",
        "train.lr=0.25",
    ]
    config, _ = fake.resolve("main", {"data": {"dataset": "ssv2"}})
    assert config.train.lr == 0.5, "the recipe of a dataset is the profile's"
    assert difference(config, profile) == ["data.dataset=ssv2"]
    assert label(config, profile) == "M2-CLIP", "the dataset stands beside every label"


def test_mistakes_in_tables_are_named():
    declared.read(["main"], fake.ROWS)
    with pytest.raises(
        UserError, match=r"params.yaml: tables: there is no table mian \(did you mean main\?\)"
    ):
        declared.read(["mian"], fake.ROWS)
    with pytest.raises(UserError, match=r"tables.main.rows: there is no row fake-ssv2"):
        declared.read(["main"], ["main", "fake-clip"])
    fake.declare(tables={"tables": {"main": {"title": "T", "rows": ["main"], "columns": ["topp1"]}}})
    with pytest.raises(
        UserError, match=r"tables.main.columns: there is no column topp1 \(did you mean top1\?\)"
    ):
        declared.read(["main"], fake.ROWS)
    fake.declare({"main": {"label": "Mine"}})
    with pytest.raises(UserError, match="main: must be empty"):
        declared.read([], fake.ROWS)


def test_the_stage_gives_the_same_bytes_without_torch(monkeypatch, tmp_path):
    fake.run("main")
    fake.run("fake-clip", CLIP, top1=20.0)
    fake.run("fake-ssv2", SSV2, zero_shot=())
    fake.facts("k400", 4)
    first = rendered(monkeypatch)
    assert again(tmp_path) == "[]", "no torch, MLflow or DVC is loaded"
    assert files() == first
    check_figures(first)
    figures = ("curves", "confusion-main", "confusion-fake-ssv2", "gains-main")
    assert {Path(path).name for path in first} == {
        "k400.csv", "README.md", "audit.md", "claims.md", "claims.csv", "provenance.csv", "index.html",
        "main.json", "found.md",
        "main_curves.csv", "main_confusion.csv", "main_correlation.csv",
        *(f"main.{ending}" for ending in ("md", "csv", "tex")),
        *(f"{name}{ending}" for name in figures for ending in (".png", "-dark.png", ".pdf", ".csv")),
    }  # fmt: skip
    assert json.loads(first["reports/fake/main.json"]) == {"k400_top1": 50.0, "ucf101_top1": 20.0}
    curves = first["reports/fake/plots/main_curves.csv"].decode().splitlines()
    assert curves[:2] == ["step,loss,contrastive,cmc,cmlm,vc", "2,0.5,0.5,0.5,0.5,0.5"]
    pairs = list(csv.reader(first["reports/fake/plots/main_confusion.csv"].decode().splitlines()))
    assert pairs[0] == ["actual", "predicted"]
    assert len(pairs) == 1 + 6
    assert pairs[3] == [fake.LABELS[1], HARD]
    page = first["reports/fake/README.md"].decode()
    assert "| Fake CLIP | Synth-K400 |" in page
    assert "Synth-SSv2" not in page, "only what the profile generates is generated"
    assert "| Synth-K400, M2-CLIP: points over clip from 10 | — | — |" in page


def check_figures(found):
    """As wide as a paper's column, without date or version."""
    assert b"CreationDate" not in found["reports/fake/figures/curves.pdf"]
    image = Image.open("reports/fake/figures/curves.png")
    assert image.width == pytest.approx(84 / 25.4 * 300, abs=2)
    assert "Software" not in image.info


def test_the_page_links_the_labels_that_are_not_unseen(monkeypatch):
    fake.run("main")
    fake.facts("k400", 4)
    fake.facts("ucf101", 5)
    sheet = Path("reports/fake/data/ucf101_overlap.csv")
    sheet.write_text("label,training_set,its_label,match\na b,k400,a b,exact\n")
    found = rendered(monkeypatch)
    told = "Of the 5 labels of Synth-UCF101, 1 are among those of Synth-K400"
    page = found["reports/fake/README.md"].decode()
    assert f"{told}." in page and "[ucf101_overlap.csv](data/ucf101_overlap.csv)" in page
    assert f"{told}." in found["reports/fake/index.html"].decode()
    sheet.unlink()
    assert "among those" not in rendered(monkeypatch)["reports/fake/README.md"].decode()


def test_a_removed_row_leaves_nothing_behind(monkeypatch):
    fake.run("main")
    fake.run("fake-ssv2", SSV2)
    fake.facts("k400", 4)
    assert any("fake-ssv2" in path for path in rendered(monkeypatch))
    kept = {name: values for name, values in fake.ROWS.items() if name != "fake-ssv2"}
    fake.declare(kept, tables={"tables": {"main": {"title": "T", "rows": ["main"]}}})
    fake.resolve("main", {"decoder": {"heads": ["vc"]}})
    after = rendered(monkeypatch)
    left_out = b"Made with another config than the declared one, so left out: fake/main/0."
    assert left_out in after["reports/fake/README.md"]
    assert not any("ssv2" in path or b"ssv2" in content.lower() for path, content in after.items())
    assert "reports/fake/data/k400.csv" in after, "the sheets are not the report's to clear"


def test_no_run_at_all(monkeypatch):
    fake.resolve("main")
    found = rendered(monkeypatch)
    assert b"Not run yet: fake/fake-clip/0; fake/main/0" in found["reports/fake/README.md"]
    assert found["reports/fake/main.json"] == b"{}\n"


def test_of_a_row_that_is_not_run_the_seeds_are_named_once():
    fake.run("main", seed=1)
    (row,) = results_of(["main"], seeds=(0, 1, 2)).rows.values()
    assert pages._not_run(row) == "fake/main/0, 2"


def test_levels():
    fake.facts("k400", 4)
    fake.run("main", top1=50.0)
    fake.run("clip", CLIP, top1=26.0)
    found = results_of(["clip", "main"])
    table = levels.informative(found, list(found.rows.values()))
    verdicts = {line.cells[0]: line.cells[2] for line in table.lines}
    assert verdicts["Every trained row: points above chance from 10"] == "met"
    assert verdicts["Every trained row: top-1, % to 97"] == "met"
    clip = found.rows["clip"].label
    assert verdicts[f"Synth-K400, {clip}: top-1, % from 60"] == "not met"
    assert verdicts["Synth-K400, te and td: standard errors apart from 2"] is None
    assert verdicts[f"Synth-K400, M2-CLIP: points over {clip} from 10"] == "met"
    assert not any("SSv2" in asked for asked in verdicts), "it is not generated"
    assert verdicts["Synth-K400, test videos from 1,000"] == "not met"
    fake.resolve("te", {"adapters": {"visual": {"temporal_difference": False}}})
    found = results_of(["clip", "main", "te"])
    table = levels.informative(found, list(found.rows.values()))
    told = {line.cells[0]: line.cells[1:] for line in table.lines}
    words, met = told["Every trained row: points above chance from 10"]
    assert (words, met) == ("at least 25.0: M2-CLIP on Synth-K400, of 1 of 2 rows", "met so far")


def test_levels_are_those_of_the_profile_s_world():
    """Each entry fits its world and its rows; another world is asked something else."""
    asked = {}
    for name in ("embedded", "evidence", "standard"):
        profile = yaml.safe_load((ROOT / f"experiments/profiles/{name}.yaml").read_text())
        counts = profile["synthetic"]["k400"]
        asked[name] = levels.read(counts.get("world", "small"))
        assert len(asked[name]) >= 2
        wanted = [level.least for level in asked[name] if level.measure == "videos" and level.set == "k400"]
        assert all(least <= counts["test"] for least in wanted)
    shown = [(one.set, one.measure, one.row, one.least, one.most) for one in asked["evidence"]]
    assert ("k400", "top1", "main", 70, 92) in shown and ("k400", "top1", "clip", 35, 65) in shown
    assert {one.set for one in asked["evidence"] if one.measure == "untrained"} == {"ucf101", "hmdb51"}
    known = "".join(path.read_text() for path in (ROOT / "experiments/rows").glob("*.yaml"))
    rows = {
        row.removesuffix("-ssv2") for some in asked.values() for one in some for row in (one.row, one.than)
    }
    assert all(re.search(rf"(?m)^{row}:", known) for row in rows - {"", "main", "ssv2"})


def test_a_level_has_two_ends_and_the_share_of_untrained_labels_is_of_labels_not_videos():
    fake.facts("k400", 4)
    fake.run("main", top1=93.0)
    fake.run("clip", CLIP, top1=50.0)
    lines = ["label,verb_trained", "a,yes", "a,yes", "a,yes", "b,no", "c,no"]
    Path("reports/fake/data/ucf101_classes.csv").write_text("\n".join(lines) + "\n")
    found = results_of(["clip", "main"])
    second = {name: {"world": "second", "test": 6} for name in ("k400", "ucf101")}
    found = replace(found, profile=replace(found.profile, synthetic=second), names=Names(tuple(second)))
    table = levels.informative(found, list(found.rows.values()))
    told = {line.cells[0]: line.cells[1:] for line in table.lines}
    assert told["Synth-K400, M2-CLIP: top-1, % from 70 to 92"] == ("93.0 %", "not met")
    assert told[f"Synth-K400, {found.rows['clip'].label}: top-1, % from 35 to 65"] == ("50.0 %", "met")
    assert told["Synth-UCF101, labels whose verb is never trained on, % from 50"] == ("67 % of 3", "met")


@pytest.mark.parametrize(
    ("slope", "verdict"), [(-0.01, "still falling"), (0.0, "none found"), (0.01, "rising")]
)
def test_convergence(slope, verdict):
    history = [LogLine(step, {"loss": 1 + slope * step + 0.01 * (step % 4 > 1)}) for step in range(2, 201, 2)]
    found = levels.ending(history)
    assert found.verdict.startswith(verdict)
    assert found.last - found.before == pytest.approx(20 * slope, abs=0.011)
    assert levels.ending(history[:4]) is None


def test_whether_more_steps_give_more_is_of_what_was_tried_with_the_present_recipe():
    fake.run("main", top1=50.0)
    fake.run("te", {"adapters": {"visual": {"temporal_difference": False}}}, top1=40.0)
    found = results_of(["main", "te"])
    assert longer.table(found, list(found.rows.values())) is None
    longer.FOLDER.mkdir(parents=True)
    train = found.rows["main"].config.train
    steps, lr = train.steps, train.lr
    lines = [
        f"main,{lr},{round(steps / 3)},40.0,", f"main,{lr},{steps},50.5,60.0", f"main,{lr},{3 * steps},52.4,",
        f"te,{lr},{steps},,30.0", f"te,{lr},{3 * steps},,32.0", f"te,{2 * lr},{3 * steps},,99.0",
    ]  # fmt: skip
    head = "row,lr,steps,validation_vc,validation_eq11"
    (longer.FOLDER / "fake.csv").write_text("\n".join([head, *lines]) + "\n")
    table = longer.table(found, list(found.rows.values()))
    told = {line.name: [shown(cell) for cell in line.cells[1:]] for line in table.lines}
    assert told == {
        "main": [f"{steps:,}", "40.0", "50.5", "52.4", "+1.9", "yes"],
        "te": [f"{steps:,}", "—", "30.0", "32.0", "+2.0", "no"],
    }
    assert [gain for _, gain in longer.gains(found, found.rows.values())] == pytest.approx([1.9, 2.0])
    assert [source.key for source in sources(table.lines[0].cells[5])] == [
        "line 3, validation_vc", "line 4, validation_vc",
    ]  # fmt: skip


def test_chance_is_a_matter_of_how_many_videos_were_tested():
    fake.facts("ssv2", 4)
    fake.run("clip-ssv2", CLIP | {"data": {"dataset": "ssv2"}}, top1=26.0)
    found = replace(results_of(["clip-ssv2"]), names=Names(("ssv2",)))
    table = levels.informative(found, list(found.rows.values()))
    (told,) = (line.cells for line in table.lines if "standard errors from chance" in line.cells[0])
    videos = found.rows["clip-ssv2"].runs[0].metrics["supervised"]["videos"]
    assert told[1].endswith(f"above 25.0 ± {(25 * 75 / videos) ** 0.5:.2f} %") and told[2] == "met"


def test_a_run_near_chance_has_not_learned_whatever_its_loss_does(monkeypatch):
    fake.run("main", top1=30.0)
    fake.run("fake-clip", CLIP, top1=25.0)
    fake.facts("k400", 4)
    page = rendered(monkeypatch)["reports/fake/README.md"].decode()
    (line,) = (line for line in page.splitlines() if line.startswith("| M2-CLIP on Synth-K400 | 0 |"))
    assert line.endswith("| has not learned: top-1 is 30.0 %, 25.0 % of 4 classes is chance |")
    fake.run("main", top1=50.0)
    found = results_of(["main"])
    (learned,) = levels.converged(found, list(found.rows.values())).lines
    assert "has not learned" not in shown(learned.cells[-1])


def test_long_labels_are_broken_where_one_reads_on():
    text = "M2-CLIP, adapters.visual.temporal_difference=false"
    assert wrapped(text, 26).split("\n") == ["M2-CLIP, adapters.visual.", "temporal_difference=false"]
    assert wrapped("moving something up", 17) == "moving something\nup"
    assert wrapped("unbreakable" * 3, 5) == "unbreakable" * 3


def test_a_mean_of_what_is_there():
    assert mean([None, float("nan"), "x", True]) is None
    assert mean([1, None]) == Number(value=1.0)
    assert mean([1.0, 3.0]) == Number(value=2.0, std=2**0.5)


@pytest.mark.parametrize(
    ("number", "text", "fields"),
    [
        (Number(value=-0.04, signed=True), "0.0", ["-0.0400", "", "", ""]),
        (
            Number(value=-1.26, signed=True, interval=(-2.0, 0.5)),
            "−1.3 [−2.0, +0.5]",
            ["-1.2600", "-2.0000", "0.5000", ""],
        ),
        (Number(value=0.5, std=0.125, digits=3, marks="†"), "0.500 ± 0.125†", ["0.5000", "", "", "0.1250"]),
        (Number(value=12345), "12,345", ["12345", "", "", ""]),
        (Number(value=0.0, is_reference=True), "reference", ["0.0000", "", "", ""]),
    ],
)
def test_a_number_is_written_in_one_way(number, text, fields):
    assert str(number) == text
    assert [number.fields().get(ending, "") for ending in ("", "_low", "_high", "_std")] == fields


def test_the_real_declarations_fit(monkeypatch):
    monkeypatch.chdir(ROOT)
    declared.read(profiles.params()["tables"], experiment.rows())
    for path in (ROOT / "experiments" / "published").glob("*.csv"):
        assert len({len(line) for line in csv.reader(path.read_text(encoding="utf-8").splitlines())}) == 1
    assert build(Spec, {"title": "T", "rows": ["main"]}).columns == columns.DEFAULT
