"""The audit says what the config says: every switch, both of its values, and a row that changes it alone."""

import csv
import dataclasses
import json
import re
import sys
import typing
from pathlib import Path

import open_clip
import pytest

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.models.prompts import make_prompts
from m2clip.options.m2clip import Options
from m2clip.parsing import build, plain
from m2clip.report import audit, declared, facts, results
from m2clip.report.differences import between, paper, written
from m2clip.report.grid import Grid, shown
from m2clip.report.numbers import Number
from m2clip.runs import RunKey
from m2clip.stages import complexity, resolve, smoke

CONFIG = [made.ROOT / "src/m2clip" / name for name in ("config.py", "options/m2clip.py")]


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The real declarations, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)


def switches():
    return {switch.key: switch for switch in audit.read().switches}


def sections(kind=Run, path=""):
    """Key path of every config dataclass by its name."""
    found = {kind.__name__: path}
    hints = typing.get_type_hints(kind)
    if kind is Run:  # M2-CLIP's options are written without `options.`
        hints |= typing.get_type_hints(Options)
    for name, hint in hints.items():
        if dataclasses.is_dataclass(hint):
            found |= sections(hint, f"{path}.{name}".lstrip("."))
    return found


def config_text():
    return "\n".join(path.read_text() for path in CONFIG)


def commented():
    """What the comments of the config's files say that the released code has, by key path."""
    found, path = {}, ""
    for line in config_text().splitlines():
        if begins := re.match(r"class (\w+):", line):
            path = sections().get(begins[1], "")
        if told := re.match(r"    (\w+): .*# (?:.*; )?released: (.*)$", line):
            found[f"{path}.{told[1]}"] = told[2]
    return found


def get_path(key, config=None):
    value = plain(config or Run())
    value |= value["options"]
    for part in key.split("."):
        value = value[part]
    return value


def test_every_released_value_in_the_config_stands_in_the_audit():
    told, known = commented(), switches()
    assert len(told) > 15
    for key, comment in told.items():
        assert key in known, key
        for whose, value in known[key].values.items():
            if whose != "paper" and value != known[key].values["paper"]:
                assert written(value) in comment, (key, comment)
    assert set(known) - set(told) == {"train.clip_gradient"}
    assert config_text().count("# released") + config_text().count("; released") == len(told)


def test_values_are_the_defaults_the_rows_and_listed_in_params():
    params, released = (
        profiles.params(),
        {name: experiment.resolve(name) for name in ("released", "released-ssv2")},
    )
    for key, switch in switches().items():
        section, *_, last = key.split(".")
        below = params[section]
        for part in key.split(".")[1:-1]:
            below = below[part]
        assert last in below, f"params.yaml lists {key}"
        assert written(get_path(key)) == written(switch.values[switch.ours]), key
        on_k400 = switch.values["released"]
        on_ssv2 = switch.values.get("ssv2", on_k400)
        for name, value in (("released", on_k400), ("released-ssv2", on_ssv2)):
            assert written(get_path(key, released[name])) == written(value), (name, key)


def test_the_released_rows_change_nothing_else():
    keys = set(switches())
    for name, dataset in (("released", "k400"), ("released-ssv2", "ssv2")):
        profile = profiles.read(made.PROFILE)
        changed = between(experiment.resolve(name, profile), paper(profile, dataset))
        recipe = {f"train.{key}" for key in experiment.recipe(name, profile).get("train", {})}
        others = {"data.dataset", "evaluate.crops", "evaluate.clips"} | recipe
        assert {text.partition("=")[0] for text in changed} <= keys | others


def test_the_row_of_a_switch_changes_it_alone_to_the_other_value():
    profile = profiles.read(made.PROFILE)
    for key, switch in switches().items():
        assert bool(switch.row) != bool(switch.cost), f"{key}: a row or a word on its cost"
        if switch.row:
            (other,) = {"paper", "released"} - {switch.ours}
            changed = between(experiment.resolve(switch.row, profile), paper(profile, "k400"))
            assert changed == [f"{key}={written(switch.values[other])}"]


def test_an_unknown_key_or_value_is_named():
    made.edit("experiments/audit.yaml", lambda content: content["switches"][0].update(key="decoder.sites"))
    with pytest.raises(UserError, match=r"audit.yaml: Site of the TED-Adapter: unknown key decoder.sites"):
        audit.read()
    made.edit(
        "experiments/audit.yaml",
        lambda content: content["switches"][0].update(key="data.crop"),
    )
    with pytest.raises(UserError, match=r"data.crop: expected one of short_side, resized, .*got 'attention'"):
        audit.read()


def test_the_rows_of_switches_are_made_of_them_unless_they_are_declared():
    made.edit("experiments/rows/m2clip.yaml", lambda content: content.pop("site-mlp"))
    row = experiment.declared()["site-mlp"]
    assert row.differences["options"] == {"adapters": {"visual": {"site": "mlp"}}} and row.file == audit.AUDIT
    own = experiment.declared()["shared-projections"].differences
    assert own["options"] == {"adapters": {"visual": {"projections": "shared"}}}, "the paper's, not ours"


def test_a_row_that_cannot_be_one_is_named_before_anything_is_trained(monkeypatch):
    made.edit("experiments/audit.yaml", lambda content: content["switches"][1].update(row="../x"))
    monkeypatch.setattr(sys, "argv", ["resolve", made.PROFILE])
    for read in (audit.read, resolve.main):
        with pytest.raises(UserError, match=r"audit.yaml: switches.1.row: '../x' is no name"):
            read()


def test_a_row_that_no_table_shows_is_told_where_rows_are_resolved(capsys):
    resolve._check_reporting()
    assert capsys.readouterr().out == ""
    made.edit("params.yaml", lambda content: content.update(tables=["main", "audit"]))
    resolve._check_reporting()
    (line,) = capsys.readouterr().out.splitlines()
    start, _, unseen = line.partition(" shows ")
    assert start == "experiments/tables.yaml: no table that params.yaml asks for"
    assert {"te", "ted"} <= set(unseen.split(", ")) and not {"main", "clip"} & set(unseen.split(", "))


def test_the_smoke_copy_keeps_the_switches_of_its_rows(monkeypatch):
    smoke.copy(made.ROOT, Path("copy"))
    monkeypatch.chdir("copy")
    kept = audit.read()
    found = results.read(profiles.read(), declared.read([], experiment.rows()), kept.rows(experiment.rows()))
    switches_shown, *_ = (part for part in audit.section(found, kept).parts if isinstance(part, Grid))
    names = [line.label for line in switches_shown.lines]
    assert names == [switch.what for switch in kept.switches], "no line of the row `released`, which is gone"
    assert {switch.row for switch in kept.switches} <= {""} and kept.switches and kept.others and kept.slips


def rendered():
    """The section of the audit as it stands, its switches' table, and all of its words."""
    given = audit.read()
    asked = declared.read([], experiment.rows())
    found = results.read(
        profiles.read(made.PROFILE), asked, (experiment.MAIN, *given.rows(experiment.rows()))
    )
    section = audit.section(found, given)
    table, *_ = (part for part in section.parts if isinstance(part, Grid))
    words = [str(part) for part in section.parts] + list(table.all_notes())
    return table, " ".join(words)


def line(page, what):
    """Of a switch its cells as one reads them, by the key of their column."""
    table, _ = page
    (found,) = [line for line in table.lines if line.label == what]
    return dict(zip([column.key for column in table.columns], map(shown, found.cells), strict=True))


def costs(page, what):
    told = line(page, what)
    return [told["cost"], told["ucf101_cost"]]


def test_costs_are_steps_from_main_or_not_measured():
    configs = made.resolve()
    for row in ("main", "site-mlp"):
        made.run(row, configs[row])
    page = rendered()
    numbers = {
        row: json.loads(RunKey(made.PROFILE, row, 0).metrics.read_text()) for row in ("main", "site-mlp")
    }
    top1, unseen = costs(page, "Site of the TED-Adapter")
    points = numbers["site-mlp"]["supervised"]["top1"] - numbers["main"]["supervised"]["top1"]
    assert re.match(rf"{re.escape(str(Number(value=points, signed=True)))} \[.*, .*\]†$", top1)
    mean = {
        row: sum(part["top1"] for part in of["zero_shot"]["ucf101"]["splits"].values()) / 3
        for row, of in numbers.items()
    }
    assert unseen.startswith(str(Number(value=mean["site-mlp"] - mean["main"], signed=True)))
    (cell,) = (
        cell for row, column, cell in page[0].cells() if (row.name, column.key) == ("site-mlp", "cost")
    )
    assert {source.run.row for source in cell.sources} == {"main", "site-mlp"}
    assert costs(page, "Dropout before VC") == [audit.NOT_MEASURED] * 2
    assert costs(page, "RandAugment")[0] == "on SSv2 alone; not measured by itself"
    assert line(page, "RandAugment")["released_value"] == "null; SSv2: rand-m7-n4-mstd0.5-inc1"
    assert costs(page, "All of these on K400") == [audit.NOT_MEASURED] * 2
    assert "trained on Synth-K400" in page[1] and "3.7" in page[1] and "† one seed." in page[1]


def test_the_cost_of_a_row_near_chance_is_marked():
    configs = made.resolve()
    for row in ("main", "site-mlp", "shared-projections"):
        made.run(row, configs[row])
    path = RunKey(made.PROFILE, "site-mlp", 0).metrics
    numbers = json.loads(path.read_text())
    numbers["supervised"]["top1"] = 12.0
    path.write_text(json.dumps(numbers))
    sheet = facts.sheets(made.PROFILE) / "k400.csv"
    sheet.write_text("dataset,labels\nk400,36\n")
    page = rendered()
    top1, unseen = costs(page, "Site of the TED-Adapter")
    assert top1.endswith("†§") and unseen.endswith("†"), "of zero-shot, chance on K400 says nothing"
    assert "§" not in costs(page, "Projections of enhancement and difference")[0]
    assert "§ within 10 points of chance: it has not learned the labels" in page[1]
    sheet.unlink()
    assert "§" not in rendered()[1]


def test_a_run_whose_row_is_not_resolved_counts_as_not_there():
    configs = made.resolve()
    for row in ("main", "site-mlp"):
        made.run(row, configs[row])
    RunKey(made.PROFILE, "site-mlp", 0).train_config.unlink()
    assert costs(rendered(), "Site of the TED-Adapter") == [audit.NOT_MEASURED] * 2


def test_here_is_what_main_has_under_the_profile(monkeypatch):
    def here(page):
        return {
            what: line(page, what)["here"] for what in ("Mirrored views", "Clipping of the gradient", text_lr)
        }

    text_lr = "Learning rate of the text adapters"
    made.resolve()
    assert here(rendered()) == dict.fromkeys(here(rendered()), "paper")
    assert line(rendered(), "Projections of enhancement and difference")["here"] == "released"
    monkeypatch.setattr(made, "PROFILE", "paper")
    made.edit("experiments/profiles/paper.yaml", lambda content: content["train"].update(clip_gradient=7.0))
    configs = made.resolve()
    for row in ("main", "released-flip", "released-text-lr", "site-mlp"):
        made.run(row, configs[row])
    page = rendered()
    told = {"Mirrored views": "released", "Clipping of the gradient": "7", text_lr: "released"}
    assert here(page) == told
    for what in ("Mirrored views", text_lr):
        assert costs(page, what) == [audit.SAME, "—"]
    assert audit.SAME not in costs(page, "Site of the TED-Adapter"), "it differs from main"
    assert re.match(r"[+−]", costs(page, "Site of the TED-Adapter")[0])
    assert "is not the paper's model" not in page[1]


def test_no_cost_is_counted_from_a_main_that_is_not_the_papers():
    made.edit("params.yaml", lambda content: content["decoder"].update(cmc_logits="softmax"))
    configs = made.resolve()
    for row in ("main", "site-mlp"):
        made.run(row, configs[row])
    page = rendered()
    assert costs(page, "Site of the TED-Adapter") == [audit.NOT_MEASURED] * 2
    assert "main is not the paper's model as it stands" in page[1]


def test_an_empty_folder_gives_a_page_without_costs():
    Path("experiments/audit.yaml").write_text("{}")
    made.edit("experiments/tables.yaml", lambda content: content["tables"].pop("audit"))
    table, words = rendered()
    assert [line.label for line in table.lines] == ["All of these on K400"]
    assert "is not the paper's" not in words
    assert build(audit.Audit, {}).switches == ()


def test_what_the_released_recipe_does_otherwise_is_told():
    others = {other.what: f"{other.released} {other.ours}" for other in audit.read().others}
    for what, words in {
        "Negatives of the contrastive head": ("36", "24"),
        "Schedule": ("0.933", "83.5", "96"),
        "Short videos under dense sampling": ("113",),
        "Sizes and places of random crops": ("224", "258"),
        "Numbers": ("logits in 16 bits",),
        "Temperature of CMC": ("100",),
        "Weights that get no gradient": ("594,816", "592,512"),
        "Labels": ("K400's labels alone",),
    }.items():
        assert all(word in others[what] for word in words), what
    assert "a bias of zero" in {s.what: s.released for s in audit.read().switches}["Initialisation of VC"]


def test_upper_case_in_the_released_prompt_is_no_other_token():
    tokenizer = open_clip.get_tokenizer("ViT-B-16")
    prompts = [make_prompts(("a b", "c"), f"{start} video of {{}}", tokenizer) for start in "aA"]
    assert prompts[0].ids.tolist() == prompts[1].ids.tolist()


def test_what_the_slips_say_of_other_methods_is_what_is_counted():
    """Each number that a slip gives of our counts stands in reports/complexity.csv, or is counted here."""
    with (made.ROOT / "reports/complexity.csv").open(encoding="utf-8", newline="") as file:
        lines = {(line["row"], line["frames"]): line for line in csv.DictReader(file)}

    def numbers(row, frames, *keys):
        line = lines[row, str(frames)]
        return {f"{float(line[key]) / (1 if 'gmacs' in key else 1e6):.1f}" for key in keys}

    labels = (made.ROOT / complexity.LABELS).read_text(encoding="utf-8").splitlines()
    narrow = {"method": "dualpath", "data": {"frames": 32}, "options": {"bottleneck": 1 / 6}}
    (counted,) = complexity.lines({"narrow": narrow}, tuple(labels), (32,))
    lines["narrow", "32"] = counted
    both = ("trainable_total", "gmacs_view")
    expected = {
        "BIKE": numbers("bike", 8, "trainable_total"),
        "EVL": numbers("evl", 8, "trainable_total"),
        "DUALPATH": numbers("dualpath", 32, *both) | numbers("narrow", 32, *both),
        "Vita-CLIP costs": numbers("vita-clip", 8, "gmacs_view") | numbers("vita-clip", 16, "gmacs_view")
        | numbers("clip", 8, "gmacs_view") | numbers("clip", 16, "gmacs_view"),
        "STAN-conv": numbers("stan", 8, "gmacs_view"),
    }  # fmt: skip
    for start, counts in expected.items():
        (slip,) = (slip for slip in audit.read().slips if slip.said.startswith(start))
        assert set(re.findall(r"\d+\.\d", slip.why)) == counts, start
