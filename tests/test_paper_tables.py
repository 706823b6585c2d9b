"""The paper's tables: its numbers stand only where they belong, and steps are plain arithmetic."""

import csv
import hashlib
import json
from dataclasses import replace
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import made_up_runs as made
from m2clip import experiment, options, profiles, weights
from m2clip.config import Backbone
from m2clip.errors import UserError
from m2clip.report import (
    accuracy,
    claims,
    complexity,
    declared,
    facts,
    overlap,
    pages,
    published,
    verdicts,
)
from m2clip.report.differences import label
from m2clip.report.grid import csv_text, shown, sources
from m2clip.report.numbers import Number
from m2clip.report.rendering import render
from m2clip.report.row import read as read_row
from m2clip.runs import RunKey, digest
from m2clip.stages.complexity import full_size

TABLES = ("table1", "table2", "table3", "table4", "fig1", "fig2a", "fig2b", "fig4a", "fig4b", "fig4c")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The real declarations, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    return tmp_path


def run_all():
    configs = made.resolve()
    for row, config in configs.items():
        made.run(row, config)
    made.complexity(configs)
    return configs


def test_every_row_fits_and_is_trained_once():
    for name in ("embedded", "smoke"):
        profile = profiles.read(name)
        configs = {
            row: experiment.resolve(row, profile) for row in experiment.rows()
        }  # checks layers and heads
        for (one, config), (other, same) in combinations(configs.items(), 2):
            assert digest(config) != digest(same), f"{one} and {other} are one run"
    for row in experiment.rows():
        full_size(row, experiment.differences(row))


def test_every_row_is_shown_and_all_tables_are_asked_for():
    asked = declared.read(profiles.params()["tables"], experiment.rows())
    assert set(TABLES) < set(asked)
    assert set(declared.shown(asked)) == set(experiment.rows())


def test_mistakes_in_a_table_are_named():
    def broken(**values):
        made.edit("experiments/tables.yaml", lambda content: content["tables"]["fig4c"].update(values))
        return declared.read(["fig4c"], experiment.rows())

    with pytest.raises(UserError, match=r"tables.fig4c.published: there is no file table9"):
        broken(published="table9")
    with pytest.raises(UserError, match=r"tables.fig4c.reference: there is no row clip; known are .*'cmc'"):
        broken(published="", reference=["clip"])


def test_each_line_of_the_paper_is_one_row_of_ours():
    profile = profiles.read(made.PROFILE)
    configs = {row: experiment.resolve(row, profile) for row in experiment.rows()}
    recipes = {row: experiment.recipe(row, profile).get("train", {}) for row in configs}
    for name in published.FILES:
        lines = [line for line in published.read(name).lines if line.over is not None]
        assert lines
        for line in lines:
            found = [row for row in configs if line.is_of(configs[row], profile, recipes[row])]
            assert len(found) == 1, (line.cells, found)


def test_the_released_site_is_the_released_code_s_in_its_own_table():
    _, lines = made.grid("audit")
    assert lines["site-mlp"]["label"].text == "Before the FFN alone (the released code's site)"
    _, lines = made.grid("fig4a")
    assert lines["site-mlp"]["label"].text == "Before the FFN alone (beyond the paper)"
    made.edit("experiments/tables.yaml", lambda c: c["tables"]["audit"].update(labels={"clip": "X"}))
    with pytest.raises(UserError, match=r"tables.audit.labels: there is no row clip"):
        declared.read(["audit"], experiment.rows())


def test_each_config_is_counted_once_and_called_without_its_frames():
    configs = made.resolve()
    made.complexity(configs)
    found = made.results()
    shown = pages.shown_rows(found)
    counts = complexity.table(shown, found)
    headers = [column.header for column in counts.columns]
    lines = [dict(zip(headers, line.cells, strict=True)) for line in counts.lines]
    assert len({(line["Model"], line["Rows"]) for line in lines}) * 3 == len(lines)
    listed = [name for line in lines if line["Frames"] == "8" for name in line["Rows"].split(", ")]
    assert sorted(listed) == sorted(experiment.rows()), "each row in one line"
    assert len({line["Rows"] for line in lines if "frames-16" in line["Rows"] or "main" in line["Rows"]}) == 1
    without = [row for row in shown if row.name not in ("main", "ssv2")]
    labels = {line.label for line in complexity.table(without, found).lines}
    assert "M2-CLIP" in labels and not any("frames" in label for label in labels)


def test_labels_that_a_training_set_has_too_are_told_below_table_3():
    run_all()
    made.sheet("ucf101", "dataset,labels\nucf101,20\n")
    made.sheet("hmdb51", "dataset,labels\nhmdb51,10\n")
    head = "label,training_set,its_label,match\n"
    twice = "a b,k400,a b,exact\na b,k400,b a,words\nc d,ssv2,c d,exact\n"
    made.sheet("ucf101_overlap", head + twice)
    made.sheet("hmdb51_overlap", head)
    table, _ = made.grid("table3")
    told = "Of the {} labels of Synth-{}, {} are among those of Synth-K400"
    note = f"{told.format(20, 'UCF101', 1)}. {told.format(10, 'HMDB51', 0)}."
    assert note in table.notes
    table, _ = made.grid("table1")
    assert "among those" not in " ".join(table.notes)
    found = made.results()
    both = overlap.all_told(profiles.DATASETS, pages.shown_rows(found), found)
    assert both["ucf101"] == f"{told.format(20, 'UCF101', 1)}, 1 of Synth-SSv2"
    assert set(both) == {"ucf101", "hmdb51"}


def test_published_cells_stay_what_the_paper_prints():
    table3 = published.read("table3_zero_shot").lines
    assert str(table3[0].text("clip_finetuned")) == "n/a"
    assert table3[0].number("hmdb51").std is None
    table, _ = made.grid("table1")
    lines = [
        dict(zip([column.key for column in table.columns], one.cells, strict=True)) for one in table.lines
    ]
    with Path("experiments/published/table1_k400.csv").open() as file:
        for told, cells in zip(lines, csv.DictReader(file), strict=True):
            for key in ("top1", "top5"):
                assert shown(told[f"published_{key}"]) == (f"{float(cells[key]):.1f}" if cells[key] else "—")
            assert shown(told["published_gmacs"]) == cells["gflops_per_view"]
            assert shown(told["published_zero_shot"]) == ("✓" if cells["zero_shot"] == "true" else "✗")
    steps = [told["published_step"].value for told in lines if told["published_step"]]
    assert steps == pytest.approx([0, 0.3, 0.7]), "of M2-CLIP alone, from 8 frames"


def test_a_method_stands_beside_its_published_line_in_columns_of_its_own():
    run_all()
    table, lines = made.grid("table2")
    of_paper = {at for at, column in enumerate(table.columns) if column.key.startswith("published_")}
    of_runs = set(range(1, len(table.columns))) - of_paper
    for line in table.lines:
        for column, cell in zip(table.columns, line.cells, strict=True):
            files = {source.file.parent.name for source in sources(cell)}
            ours = bool(files & {"evaluation", "training"})
            assert not (ours and "published" in files), (line.name, column.key)
            assert not ours or column.header.startswith("Measured "), column.header
        if not line.name:
            assert all(shown(line.cells[at]) in ("—", "not run") for at in of_runs), line.label
    read = list(csv.DictReader(csv_text(table).splitlines()))
    beside = {line["row"]: line for line in read if line["row"]}
    ours = ("ssv2", "ssv2-32", *(f"{name}-ssv2" for name in ("st-adapter", "ila", "dualpath", "aim")))
    longer = {"st-adapter-32-ssv2", "aim-32-ssv2", "vita-clip-16-ssv2", "ila-16", "evl-16"}
    assert set(beside) == {*ours, "stan-ssv2", *longer}
    assert beside["st-adapter-ssv2"]["published_top1"] == "67.1000"
    assert float(beside["st-adapter-ssv2"]["top1"]) == pytest.approx(
        lines["st-adapter-ssv2"]["top1"].value, abs=1e-4
    )
    last = beside["ssv2-32"]
    assert float(last["step_low"]) < float(last["step"]) < float(last["step_high"])
    headings = [heading for heading, _ in table.blocks()]
    assert headings == [
        published.GROUPS[key] for key in ("full_finetuning", "peft_unimodal", "peft_multimodal")
    ]
    assert render("table.tex.j2", table=table).count(r"\multicolumn{10}{l}") == 3


def test_a_published_method_that_is_not_run_says_so_and_a_system_without_a_row_does_not():
    table, _ = made.grid("table2")
    at = [column.key for column in table.columns].index("top1")
    told = {line.label: shown(line.cells[at]) for line in table.lines}
    assert told["EVL ViT-B/16 (Lin et al. 2022b)"] == "not run"
    assert told["ViViT-L (Arnab et al. 2021)"] == "—"
    assert {line["top1"] for line in csv.DictReader(csv_text(table).splitlines())} == {""}, "no word in a CSV"


def test_every_row_that_a_published_line_names_is_one_of_a_method():
    known = {name.replace("_", "-") for name in options.known()} | set(experiment.rows())
    for name in published.LISTED:
        on, lines = "ssv2" if name == "table2_ssv2" else "k400", published.read(name).lines
        assert any(line.rows for line in lines), name
        for line in lines:
            for row in line.rows:
                assert row in known or row.removesuffix("-ssv2") in known, row
                assert row not in experiment.rows() or experiment.row_of(row).dataset == on, row
            assert len(line.rows) <= 1


def test_every_method_on_a_dataset_is_in_its_table_and_says_why_it_cannot_do_zero_shot():
    run_all()
    for name, dataset in (("methods", "k400"), ("methods_ssv2", "ssv2")):
        table, lines = made.grid(name)
        assert set(experiment.first_rows(dataset)) <= set(lines)
        assert len(lines) == len(table.lines)
    table, lines = made.grid("methods")
    for row, cells in lines.items():
        reason = experiment.resolve(row).options.no_zero_shot
        note = f"{shown(cells['label'])} has no zero-shot: {reason}."
        assert (note in table.notes) == bool(reason), row
        assert (cells["ucf101_top1"] is None) == bool(reason)
    assert shown(lines["st-adapter"]["top1_text"]) == "—"


def test_both_predictions_of_a_method_stand_beside_each_other():
    configs = made.resolve()
    made.run("main", configs["main"])
    path = RunKey(made.PROFILE, "main", 0).metrics
    metrics = json.loads(path.read_text())
    metrics["supervised"]["top1_by_head"] = {"eq11": 12.5, "vc": metrics["supervised"]["top1"]}
    path.write_text(json.dumps(metrics))
    for name in ("table1", "methods"):
        _, lines = made.grid(name)
        assert lines["main"]["top1_text"].value == 12.5
        assert lines["main"]["top1"].value == metrics["supervised"]["top1"]
        assert {str(source.key) for source in lines["main"]["top1_text"].sources} == {
            "supervised.top1_by_head.eq11"
        }


def test_which_methods_tune_clip_is_read_off_the_counts():
    made.resolve()
    counts = "row,frames,trainable_total,frozen_total,gmacs_view\nclip,8,0,1000,1\nmain,8,90,999,1\n"
    Path("reports/complexity.csv").write_text(counts)
    _, lines = made.grid("table3")
    assert [shown(lines[row]["tuned_clip"]) for row in ("clip", "main")] == ["✗", "✗"]
    Path("reports/complexity.csv").write_text(counts.replace("999", "400"))
    assert shown(made.grid("table3")[1]["main"]["tuned_clip"]) == "✓"


def test_table_1_has_what_is_counted():
    run_all()
    _, lines = made.grid("table1")
    assert shown(lines["frames-32"]["gmacs_view"]) == "640.5"
    assert lines["frames-32"]["parameters_m"].value == 16


def test_a_number_of_the_paper_stands_where_the_config_is_the_papers():
    run_all()
    _, lines = made.grid("fig4a")
    shown = {row: cells["published_top1"].value for row, cells in lines.items() if cells["published_top1"]}
    theirs = {"front": 80.4, "back": 82.9, "te": 83.1, "td": 81.8, "sequential": 83.3, "main": 83.4}
    assert shown == theirs, "nothing on SSv2, nothing at another site"
    steps = {row: cells["published_step"].value for row, cells in lines.items() if cells["published_step"]}
    assert steps == pytest.approx({row: value - 83.4 for row, value in theirs.items()})
    _, lines = made.grid("table4")
    assert lines["ted"]["published_step"].value == pytest.approx(24.0)
    assert lines["clip"]["published_step"].is_reference
    assert lines["clip-ssv2"]["published_top1"] is None


@pytest.mark.parametrize(
    ("file", "change", "row"),
    [
        ("params.yaml", lambda c: c["decoder"].update(heads=["contrastive", "cmc"]), "main"),
        ("params.yaml", lambda c: c["train"].update(lr=0.5), "main"),
        ("params.yaml", lambda c: c["data"].update(frames=4), "main"),
        ("experiments/rows/m2clip.yaml", lambda c: c["te"]["adapters"]["visual"].update(site="mlp"), "te"),
    ],
)
def test_a_changed_row_shows_no_number_of_the_paper(file, change, row):
    made.edit(file, change)
    run_all()
    _, lines = made.grid("fig4a")
    assert lines[row]["published_top1"] is lines[row]["published_step"] is None
    assert lines["td"]["published_step"].value == pytest.approx(-1.6), "the paper's steps are its own"
    explored = row == "main"
    assert (lines["td"]["step"] is None) == explored, "no step is counted from another model than the paper's"
    assert lines["td-ssv2"]["step"] is not None
    assert lines[row]["top1"] is not None


def test_on_the_papers_data_and_backbone_its_numbers_stand_beside_ours(monkeypatch):
    run_all()
    table, _ = made.grid("fig4a")
    assert not any(column.key.endswith("from_paper") for column in table.columns), "these are generated"
    monkeypatch.setattr(made, "PROFILE", "paper")
    configs = run_all()
    assert configs["main"].train.epochs is None and configs["main"].train.steps == 40073
    _, lines = made.grid("fig4a")
    main = lines["main"]
    assert (main["label"].text, main["published_top1"].value) == ("M2-CLIP", 83.4)
    assert main["from_paper"].value == pytest.approx(main["top1"].value - 83.4)
    assert main["from_paper"].marks == "†" and main["step"].is_reference
    assert lines["te"]["from_paper"].value == pytest.approx(lines["te"]["top1"].value - 83.1)
    assert lines["site-mlp"]["from_paper"] is lines["front-ssv2"]["from_paper"] is None
    _, lines = made.grid("table4")
    theirs = {row: cells["published_top1"].value for row, cells in lines.items() if cells["published_top1"]}
    assert theirs == {"clip": 56.5, "ted": 80.5, "contrastive": 81.4, "main": 83.4}
    _, lines = made.grid("table1")
    assert lines["frames-32"]["from_paper"].value == pytest.approx(lines["frames-32"]["top1"].value - 84.1)
    _, lines = made.grid("table2")
    assert lines["ssv2"]["from_paper"] and lines["ssv2"]["step"].is_reference
    _, lines = made.grid("table3")
    assert lines["main"]["ucf101_from_paper"] and lines["main"]["hmdb51_from_paper"]


def test_no_number_of_the_paper_stands_beside_other_labels(monkeypatch):
    monkeypatch.setattr(made, "PROFILE", "paper")
    run_all()
    judged = verdicts.judge(made.results(), claims.read(experiment.rows()))
    assert {one.claim.trained_on for one in judged if one.printed} == {"k400"}
    for told in ("as annotated", "not checked", ""):
        made.sheet("k400", f'dataset,splits,class_ids\nk400,"train {made.TRAINING["k400"]:,}",{told}\n')
        found = made.results()
        for name in ("table1", "table3", "table4", "fig4a", "fig4c"):
            table, lines = made.grid(name, found)
            keys = [column.key for column in table.columns]
            assert not any("published" in key or "from_paper" in key for key in keys), name
            assert all(heading.startswith("Measured here") for heading, _ in table.blocks())
            assert lines["main"]["label"].text == "M2-CLIP"
        _, lines = made.grid("table2", found)
        assert lines["ssv2"]["from_paper"], "SSv2 is the paper's"
        judged = verdicts.judge(found, claims.read(experiment.rows()))
        assert not any(one.printed for one in judged)
        of_k400 = [one for one in judged if one.claim.trained_on == "k400"]
        assert any(one.difference for one in of_k400), "it is judged all the same"
        assert any(text.startswith("The labels of K400 are not") for text in pages.introduction(found, None))


def test_a_zero_shot_set_with_other_labels_has_no_number_of_the_paper(monkeypatch):
    monkeypatch.setattr(made, "PROFILE", "paper")
    run_all()
    made.sheet("ucf101", "dataset,class_ids\nucf101,as annotated\n")
    table, lines = made.grid("table3")
    assert "ucf101_from_paper" not in lines["main"] and lines["main"]["hmdb51_from_paper"]
    keys = [column.key for column in table.columns]
    assert "published_ucf101" not in keys and "published_hmdb51" in keys
    assert lines["main"]["ucf101_top1"]
    _, lines = made.grid("table1")
    assert lines["main"]["from_paper"]
    made.sheet("hmdb51", "dataset,class_ids\nhmdb51,not checked\n")
    table, _ = made.grid("table3")
    assert all(line.name for line in table.lines), "no line of the paper"
    told = "The labels of UCF101, HMDB51 are not the published ones"
    assert any(text.startswith(told) for text in pages.introduction(made.results(), None))


def test_openai_s_weights_are_the_papers_as_a_file_too(monkeypatch, tmp_path):
    monkeypatch.setattr(made, "PROFILE", "paper")
    file = tmp_path / "ViT-B-16.pt"
    file.write_bytes(b"not OpenAI's")
    made.edit("experiments/profiles/paper.yaml", lambda c: c["backbone"].update(pretrained=str(file)))

    def shown():
        configs = run_all()
        weights.record({config.backbone for config in configs.values()}, "paper")
        table, lines = made.grid("fig4a")
        return {column.key for column in table.columns}, lines

    assert "from_paper" not in shown()[0]
    monkeypatch.setattr(weights, "OPENAI", hashlib.sha256(file.read_bytes()).hexdigest())
    keys, lines = shown()
    assert "from_paper" in keys
    assert lines["main"]["from_paper"].value == pytest.approx(lines["main"]["top1"].value - 83.4)
    file.unlink()
    assert "from_paper" in made.grid("fig4a")[1]["main"], "the report needs no weights"
    other = replace(Backbone(), pretrained=str(file), temperature=0.1)
    assert not weights.of_paper(other, "paper") and weights.of_paper(Backbone(), "paper")
    file.write_bytes(b"others")
    assert "from_paper" not in shown()[0]


def test_the_digest_is_that_of_the_official_address():
    source = Path(find_spec("open_clip").origin).with_name("pretrained.py").read_text()
    assert f"/{weights.OPENAI}/ViT-B-16.pt" in source


@pytest.mark.parametrize(
    "recipe",
    [{"epochs": 6, "warmup_epochs": 1}, {"steps": 40000}, {"lr": 2e-3}, {"batch": 144}, {"lr_batch": 128}],
)
def test_another_recipe_than_the_profiles_is_not_the_papers(recipe, monkeypatch):
    monkeypatch.setattr(made, "PROFILE", "paper")
    made.edit("params.yaml", lambda content: content["train"].update(recipe))
    configs = made.resolve()
    made.run("main", configs["main"])
    _, lines = made.grid("fig4a")
    assert lines["main"]["label"].text.startswith("M2-CLIP, train.")
    assert lines["main"]["published_top1"] is lines["main"]["from_paper"] is None


def test_a_dataset_that_the_profile_leaves_out_makes_no_other_model(monkeypatch):
    monkeypatch.setattr(made, "PROFILE", "paper")
    made.edit("experiments/profiles/paper.yaml", lambda content: content["videos"].update(hmdb51=None))
    profile, main = profiles.read("paper"), made.resolve()["main"]
    assert main.evaluate.zero_shot == ("ucf101",)
    assert label(main, profile) == "M2-CLIP"
    facts.sheets("paper").joinpath("k400.csv").unlink()
    assert label(main, profile) != "M2-CLIP", "without the number of videos nobody can tell"


def test_a_profile_of_fewer_frames_shows_no_number_of_the_paper():
    profile = profiles.read("smoke")
    ablation = published.read("fig4c_decoder")
    assert not any(ablation.line(row, experiment.resolve(row, profile), profile) for row in experiment.rows())


def load(*names, seeds=(0,)):
    """Rows by name, of some seeds."""
    return {name: read_row(profiles.read(made.PROFILE), name, seeds) for name in names}


def step(one, other):
    found = accuracy.difference(one, other, "k400")
    return found and found.number


def test_steps_are_plain_arithmetic():
    configs = made.resolve()
    for name in ("main", "te"):
        made.run(name, configs[name])
    found = load("main", "te", "td")
    files = (RunKey(made.PROFILE, name, 0).outcomes for name in ("main", "te"))
    hits = (json.loads(file.read_text())["k400"]["hits"]["vc"] for file in files)
    one, other = (np.array(list(map(int, bits))) for bits in hits)
    apart = 100 * (other - one)
    number = step(found["te"], found["main"])
    assert number.value == pytest.approx(apart.mean())
    draws = np.random.default_rng(7).integers(len(apart), size=(20000, len(apart)))
    ends = np.percentile(apart[draws].mean(axis=1), (2.5, 97.5))
    assert number.interval == pytest.approx(tuple(ends), abs=100 / len(apart))
    assert step(found["td"], found["main"]) is None
    RunKey(made.PROFILE, "te", 0).outcomes.unlink()
    again = load("main", "te")
    bare = step(again["te"], again["main"])
    assert (bare.value, bare.interval, bare.std, bare.marks) == (number.value, None, None, "†")


def test_steps_and_correlations_show_how_seeds_differ():
    made.edit("params.yaml", lambda content: content.update(seeds=[0, 1, 2]))
    configs = made.resolve()
    for seed in range(3):
        for name in ("ssv2", "st-adapter-text-ssv2", "te-ssv2"):
            made.run(name, configs[name], seed)
    table, lines = made.grid("fig4a")
    found = load("ssv2", "te-ssv2", seeds=range(3))
    top1 = {name: [run.metrics["supervised"]["top1"] for run in one.runs] for name, one in found.items()}
    apart = np.subtract(top1["te-ssv2"], top1["ssv2"])
    number = lines["te-ssv2"]["step"]
    assert (number.value, number.std, number.marks) == (
        pytest.approx(apart.mean()), pytest.approx(apart.std(ddof=1)), ""
    )  # fmt: skip
    assert shown(number).startswith(f"{Number(value=number.value, signed=True)} ± {number.std:.1f} [")
    assert "Mean ± standard deviation over seeds: top-1, step." in table.notes
    (read,) = [line for line in csv.DictReader(csv_text(table).splitlines()) if line["row"] == "te-ssv2"]
    assert float(read["step_std"]) == pytest.approx(number.std, abs=1e-4)

    table, lines = made.grid("fig2b")
    assert "Mean ± standard deviation over seeds: correlation." in table.notes
    assert "top-1" not in " ".join(table.all_notes()).lower()
    files = (RunKey(made.PROFILE, "ssv2", seed).label_features for seed in range(3))
    maps = [np.corrcoef(np.load(file).astype(float)) for file in files]
    means = [one[~np.eye(len(one), dtype=bool)].mean() for one in maps]
    number = lines["ssv2"]["correlation"]
    assert (number.value, number.std) == pytest.approx((np.mean(means), np.std(means, ddof=1)))
    assert shown(number) == f"{np.mean(means):.3f} ± {np.std(means, ddof=1):.3f}"


def test_steps_and_correlations_of_one_seed_and_of_too_few_are_marked():
    configs = made.resolve()
    for name in ("ssv2", "st-adapter-text-ssv2", "te-ssv2", "clip-ssv2"):
        made.run(name, configs[name])
    for asked, mark in (([0], "†"), ([0, 1], "†‡")):
        made.edit("params.yaml", lambda content, seeds=asked: content.update(seeds=seeds))
        table, lines = made.grid("fig4a")
        assert lines["te-ssv2"]["step"].marks == mark and lines["te-ssv2"]["step"].std is None
        assert "† one seed." in table.all_notes() and "over seeds" not in " ".join(table.notes)
        assert shown(lines["te-ssv2"]["step"]).endswith(f"]{mark}")
        _, lines = made.grid("fig2b")
        assert lines["ssv2"]["correlation"].marks == mark and lines["ssv2"]["correlation"].std is None
        _, lines = made.grid("table4")
        assert not shown(lines["clip-ssv2"]["step"]).endswith(mark), "the reference"
        assert lines["ssv2"]["published_step"] is None and lines["ssv2"]["step"].marks == mark


def test_error_bars_over_videos_and_over_seeds():
    configs = made.resolve()
    for seed in range(3):
        made.run("main", configs["main"], seed)
    alone, many = (load("main", seeds=seeds)["main"] for seeds in ([0], [0, 1, 2]))
    top1 = [run.metrics["supervised"]["top1"] for run in many.runs]
    share = top1[0] / 100
    plain_error = 100 * (share * (1 - share) / (made.VIDEOS - 1)) ** 0.5
    assert sum(accuracy.error_bar(alone, "k400")) / 2 == pytest.approx(1.96 * plain_error, rel=0.05)
    assert accuracy.error_bar(many, "k400") == pytest.approx([np.std(top1, ddof=1)] * 2)
    (run,) = alone.runs
    found = accuracy.tested(run, "ucf101")
    splits = run.metrics["zero_shot"]["ucf101"]["splits"].values()
    means = (found.hits * found.members).sum(axis=1) / found.members.sum(axis=1)
    assert means.mean() == pytest.approx(np.mean([split["top1"] for split in splits]))
    draws = np.random.default_rng(0).integers(made.VIDEOS, size=(4000, made.VIDEOS))
    members = found.members.astype(bool)  # a bootstrap over videos
    means = [np.mean([found.hits[draw][part[draw]].mean() for part in members]) for draw in draws]
    assert sum(accuracy.error_bar(alone, "ucf101")) / 2 == pytest.approx(1.96 * np.std(means), rel=0.12)


def test_an_error_bar_reaches_as_far_as_its_interval_on_each_side():
    made.run("main", made.resolve()["main"])
    path = RunKey(made.PROFILE, "main", 0).outcomes
    kept = json.loads(path.read_text())
    bits = "1" * (made.VIDEOS - 3) + "0" * 3
    kept["k400"]["hits"] = dict.fromkeys(kept["k400"]["hits"], bits)
    path.write_text(json.dumps(kept))
    below, above = accuracy.error_bar(load("main")["main"], "k400")
    hit = np.array([bit == "1" for bit in bits], float)
    draws = np.random.default_rng(3).integers(len(hit), size=(20000, len(hit)))
    low, high = np.percentile(100 * hit[draws].mean(axis=1), (2.5, 97.5))
    mean = 100 * hit.mean()
    assert (below, above) == pytest.approx((mean - low, high - mean), abs=100 / len(hit) / 2)
    assert below > above + 1, "three videos short of all: there is more room below"


def test_ticks_are_read_off_the_config():
    run_all()
    _, lines = made.grid("fig4a")
    columns = ("front", "back", "te", "td", "sequential", "parallel", "site")
    assert [shown(lines["front"][key]) for key in columns] == ["✓", "✗", "✓", "✓", "✗", "✓", "before MHSA"]
    assert [shown(lines["te"][key]) for key in columns[2:6]] == ["✓", "✗", "—", "—"]
    assert shown(lines["site-both"]["site"]) == "before both"
    _, lines = made.grid("fig4b")
    counts = [lines[row]["text_layers"].value for row in ("text-0", "main", "text-2", "text-4", "text-all")]
    assert counts == [0, 1, 2, 4, 6]
    _, lines = made.grid("table4")
    ticks = [
        [shown(lines[row][key]) for key in ("ted", "text_adapter", "multi_task")]
        for row in ("clip", "ted", "main")
    ]
    assert ticks == [["✗", "✗", "✗"], ["✓", "✗", "✗"], ["✓", "✓", "✓"]]


def test_published_protocols_have_sources_and_agree_with_the_paper_where_it_prints_them():
    table = published.protocols()
    path = Path("experiments/published/zero_shot_protocols.csv")
    with path.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert len(table.lines) == len(lines) > 10 and all(line["source"] for line in lines)
    with Path("experiments/published/table3_zero_shot.csv").open(encoding="utf-8") as file:
        printed = {line["method"]: line for line in csv.DictReader(file)}
    checked = 0
    for line in (
        line
        for line in lines
        if line["measured_by"] in ("its authors", "X-CLIP") and line["method"] in printed
    ):
        for key in ("ucf101", "ucf101_std", "hmdb51", "hmdb51_std"):
            assert line[key] == printed[line["method"]][key], (line["method"], key)
            checked += 1
    assert checked == 20  # ActionCLIP's is X-CLIP's run of it
    assert [line["measured_by"] for line in lines if line["method"] == "ActionCLIP"] == ["X-CLIP", "FROSTER"]
    (easy,) = (line for line in lines if line["method"] == "EZ-CLIP")
    assert (easy["ucf101"], easy["hmdb51"], easy["k600"]) == ("79.1", "52.9", "")
    assert "second-hand" in next(
        line["source"] for line in lines if line["weights_averaged"] and line["ucf101"] == "81.0"
    )
    keys = [column.key for column in table.columns]
    frozen = {
        line.cells[keys.index("measured_by")].text: line for line in table.lines if "Frozen" in line.label
    }
    assert {by: line.cells[keys.index("ucf101")].value for by, line in frozen.items()} == {
        "FROSTER": 73.8, "TC-CLIP": 63.2
    }  # fmt: skip
    assert str(frozen["TC-CLIP"].cells[1].sources[0]) == f"{path}: line 3, ucf101"
    assert "Published" in table.columns[0].header and "nothing here is measured" in table.notes[0]
