"""Claims: numbers of the paper are the paper's, intervals a plain bootstrap's, verdicts follow the rule."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.parsing import merge
from m2clip.report import accuracy, claims, claims_section, declared, published, results, statistics, verdicts
from m2clip.report.accuracy import Difference
from m2clip.report.grid import Grid, shown
from m2clip.report.numbers import Number
from m2clip.runs import RunKey
from m2clip.stages import resolve

SEEDS = (0, 1, 2)
ROWS = ("main", "te", "clip", "ssv2", "clip-ssv2")


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The real declarations, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    return tmp_path


def run(names, seeds=(0,)):
    """Made-up runs, and all rows as the report reads them."""
    configs = made.resolve()
    for row in names:
        for seed in seeds:
            made.run(row, configs[row], seed)
    made.complexity(configs)
    return run_again(seeds)


def run_again(seeds):
    """The rows as they are read once files were changed."""
    made.edit("params.yaml", lambda content: content.update(seeds=list(seeds)))
    return results.read(profiles.read(made.PROFILE), declared.read([], experiment.rows()), experiment.rows())


def judged(found, *names):
    stated = claims.read(experiment.rows())
    chosen = {name: stated[name] for name in names or stated}
    return {one.claim.name: one for one in verdicts.judge(found, chosen)}


def lines(found, *names):
    """Of each claim on the page its cells as one reads them, by the key of their column."""
    section = claims_section.section(list(judged(found, *names).values()), found)
    tables = [part for part in section.parts if isinstance(part, Grid)]
    keys = [column.key for column in claims_section.COLUMNS]
    return {
        line.name: dict(zip(keys, map(shown, line.cells), strict=True))
        for one in tables
        for line in one.lines
    }


def in_csv(*some):
    return list(csv.DictReader(claims_section.comma_separated(some).splitlines()))


def bits(row, dataset, seed=0):
    """Hits (N,) and members (S, N) straight from the file."""
    kept = json.loads(RunKey(made.PROFILE, row, seed).outcomes.read_text())[dataset]
    (hits,) = kept["hits"].values()
    return np.array(list(map(int, hits))), np.array(
        [list(map(int, part)) for part in kept["splits"].values()]
    )


def test_every_claim_fits_its_rows_and_its_set():
    profile = profiles.read(made.PROFILE)
    for name, claim in claims.read(experiment.rows()).items():
        configs = [experiment.resolve(row, profile) for row in claim.rows]
        own = {config.data.dataset for config in configs}
        assert len(own) == 1, name
        if not claim.zero_shot:
            assert own == {claim.set}, name
        else:
            assert own == {"k400"}, name
            assert all(claim.set in config.evaluate.zero_shot for config in configs), name
        assert not (claim.is_beyond and claim.published), name


def test_what_the_paper_asks_of_k400_is_asked_of_ssv2_too_and_marked_as_ours():
    stated, twins = claims.read(experiment.rows()), 0
    for name, claim in stated.items():
        if claim.section.startswith(("Table 4", "Figure 4a")) and claim.set == "k400":
            assert not claim.is_beyond
            assert claim.published
            twin = stated[f"{name}-ssv2"]
            assert twin.is_beyond
            assert twin.says == claim.says
            twins += 1
    assert twins > 5


def test_the_best_number_of_text_adapters_is_held_against_every_other():
    stated = claims.read(experiment.rows()).values()
    others = {row for row in experiment.rows() if row.startswith("text-")}
    assert len(others) > 2
    for dataset in ("k400", "ucf101"):
        asked = [one for one in stated if one.section.startswith("Figure 4b") and one.set == dataset]
        assert {one.worse[0] for one in asked if one.better == "main"} == others


def test_m2clip_is_held_against_st_adapter_without_text_on_both_sets():
    stated = claims.read(experiment.rows()).values()
    asked = {one.set: one for one in stated if "ST-Adapter without text" in one.says and "better" in one.says}
    assert {name: one.rows for name, one in asked.items()} == {
        "k400": ("main", "st-adapter"), "ssv2": ("ssv2", "st-adapter-ssv2")
    }  # fmt: skip


def test_the_paper_s_numbers_are_those_of_the_published_files():
    profile, checked = profiles.read(made.PROFILE), 0
    for name, claim in claims.read(experiment.rows()).items():
        if claim.published is None:
            continue
        table = published.read(claim.published.file)
        for row, number in zip(claim.rows, (claim.published.better, claim.published.worse), strict=True):
            line = table.line(row, experiment.resolve(row, profile), profile)
            if row.startswith("st-adapter"):
                lines = (cells for cells in table.lines if cells.cells["method"] == "ST-Adapter")
                line = next(line for line in lines if line.cells["frames"] == "8")
            assert line.value(table.accuracy) == number, (name, row)
            checked += 1
        towards = 1 if claim.direction == "higher" else -1
        assert claim.published.difference * towards > 0, name
    assert checked == 32


def test_a_row_that_is_not_declared_is_named_before_anything_is_trained(monkeypatch):
    made.edit("experiments/rows/m2clip.yaml", lambda content: content.pop("cmc"))
    made.edit("experiments/tables.yaml", lambda content: content.update(tables={}, labels={}))
    made.edit("params.yaml", lambda content: content.update(tables=[]))
    monkeypatch.setattr("sys.argv", ["resolve", made.PROFILE])
    with pytest.raises(UserError, match=r"claims.yaml: claims.*: there is no row cmc"):
        resolve.main()


@pytest.mark.parametrize(
    ("middle", "spread", "p", "direction", "said"),
    [
        (3, 1, 0.01, "higher", "holds"),
        (-3, 1, 0.01, "higher", "does not hold"),
        (-3, 1, 0.01, "lower", "holds"),
        (3, 1, 0.01, "lower", "does not hold"),
        (3, 1, 0.06, "higher", "undecided"),
        (1, 1, 0.01, "higher", "undecided"),
        (0.1, 0.3, 0.8, "higher", "no difference"),
        (0.1, 1, 0.8, "higher", "undecided"),
        (0.8, 0.3, 0.01, "higher", "holds"),
        (0.8, 0.3, 0.06, "higher", "undecided"),
    ],
)
def test_the_rule(middle, spread, p, direction, said):
    drawn = np.random.default_rng(1).normal(middle, spread, 9999)
    assert verdicts.verdict(drawn, p, 1 if direction == "higher" else -1) == said


def test_the_rule_on_the_page_names_the_numbers_that_are_used():
    text = " ".join(claims.rule())
    assert f"at most {verdicts.ALPHA} after Holm" in text
    assert f"within ±{verdicts.EQUAL:g} point" in text
    assert "before any" not in text


def test_what_is_decided_is_corrected_for_the_claims_of_its_section():
    found, stated = run(experiment.rows()), claims.read(experiment.rows())
    everything = {one.claim.name: one for one in verdicts.judge(found, stated)}
    for name, one in everything.items():
        family = [other for other in everything.values() if other.claim.section == one.claim.section]
        (alone,) = (only.p for only in verdicts.judge(found, {name: stated[name]}))
        assert (one.p is None) == (alone is None) == (one.drawn is None)
        if one.p is not None:
            tested = sum(other.p is not None for other in family)
            assert alone - 1e-12 <= one.p <= min(1.0, tested * alone) + 1e-12, name
            low, high = one.interval.low, one.interval.high
            assert ("decided but for Holm" in one.remarks) == (low * high > 0 and one.p > 0.05)


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ((1.0,), ()),
        ((1.0, 2.0), ("2 of 3 seeds",)),
        ((-1.0, -2.0, -3.0), ()),
        ((-1.0, 2.0, 3.0), ("seeds disagree in sign",)),
        ((0.0, 2.0, 3.0), ("seeds disagree in sign",)),
    ],
)
def test_a_verdict_says_what_weakens_it(seeds, told):
    stated = claims.read(experiment.rows())
    found = Difference(Number(value=fmean(seeds)), tuple(range(len(seeds))), seeds)
    alike, accurate = stated["correlation-falls"], stated["both-over-te"]
    because = "no interval: pairs of labels are not independent"
    assert verdicts.remarks(found, 3, alike, False) == (*told, because)
    because = "no interval: no outcomes of the same videos"
    assert verdicts.remarks(found, 3, accurate, False) == (*told, because)
    assert verdicts.remarks(found, 3, accurate, True) == told


def test_differences_are_paired_by_video_and_by_seed():
    found = run(("main", "ted", "contrastive", "clip", "te"), SEEDS)
    one = judged(found, "both-over-te")["both-over-te"]
    apart = [100.0 * (bits("main", "k400", seed)[0] - bits("te", "k400", seed)[0]) for seed in SEEDS]
    assert one.difference.by_seed == pytest.approx([seed.mean() for seed in apart])
    assert one.difference.number.value == pytest.approx(np.mean(apart))
    assert one.spread == pytest.approx(stdev(seed.mean() for seed in apart))
    assert one.difference.videos == made.VIDEOS
    drawn = statistics.draws(np.array(apart), np.ones((1, made.VIDEOS)))
    assert np.array_equal(one.drawn, drawn), "over videos and seeds"
    assert one.told() == verdicts.verdict(one.drawn, one.p, 1) + (
        " (seeds disagree in sign)" if len({seed.mean() > 0 for seed in apart}) > 1 else ""
    )


def test_a_seed_that_only_one_row_has_is_left_out_and_clip_is_the_same_under_each():
    run(("main", "te", "clip", "ted"), SEEDS)
    RunKey(made.PROFILE, "te", 1).metrics.unlink()
    for seed in (1, 2):
        RunKey(made.PROFILE, "clip", seed).metrics.unlink()
    found = run_again(SEEDS)
    one = judged(found, "both-over-te")["both-over-te"]
    assert one.difference.seeds == (0, 2)
    assert "2 of 3 seeds" in one.told()
    ted = judged(found, "ted-over-clip")["ted-over-clip"].difference
    clip = bits("clip", "k400")[0]
    assert ted.seeds == SEEDS
    assert ted.by_seed == pytest.approx([100 * (bits("ted", "k400", s)[0] - clip).mean() for s in SEEDS])


def test_zero_shot_is_the_mean_over_splits_and_a_video_counts_in_each_of_its_splits():
    run(("main", "text-0"))
    theirs = RunKey(made.PROFILE, "text-0", 0).outcomes  # the same splits as the other row, as on real data
    kept = json.loads(theirs.read_text())
    own = json.loads(RunKey(made.PROFILE, "main", 0).outcomes.read_text())
    kept["ucf101"]["splits"] = own["ucf101"]["splits"]
    theirs.write_text(json.dumps(kept))
    numbers = json.loads(RunKey(made.PROFILE, "text-0", 0).metrics.read_text())
    hits, members = bits("text-0", "ucf101")
    for number, part in enumerate(members, 1):
        numbers["zero_shot"]["ucf101"]["splits"][f"test{number}"]["top1"] = 100 * hits[part > 0].mean()
    RunKey(made.PROFILE, "text-0", 0).metrics.write_text(json.dumps(numbers))
    one = judged(run_again((0,)), "one-text-over-none-ucf101")["one-text-over-none-ucf101"]
    apart = 100.0 * (bits("main", "ucf101")[0] - hits)
    assert one.difference.number.value == pytest.approx(np.mean([apart[part > 0].mean() for part in members]))
    assert one.difference.videos == members.any(axis=0).sum() < made.VIDEOS
    assert (one.interval.low, one.interval.high) == pytest.approx(one.difference.number.interval)


def test_correlation_is_of_the_labels_that_the_worse_row_chooses():
    found = run(("ssv2", "st-adapter-text-ssv2"), SEEDS)
    one = judged(found, "correlation-falls")["correlation-falls"]
    means = {}
    for row in ("ssv2", "st-adapter-text-ssv2"):
        maps = [
            np.corrcoef(np.load(RunKey(made.PROFILE, row, s).label_features).astype(float)) for s in SEEDS
        ]
        means[row] = [
            np.mean([m[i, j] for i in range(len(m)) for j in range(len(m)) if i != j]) for m in maps
        ]
    expected = np.subtract(means["ssv2"], means["st-adapter-text-ssv2"])
    assert one.difference.by_seed == pytest.approx(expected)
    assert one.interval is None and one.p is None
    assert one.verdict == "not decided"
    assert "0 undecided, 1 not decided, " in claims_section.summary([one])
    assert "no interval: pairs of labels are not independent" in one.told()
    RunKey(made.PROFILE, "ssv2", 1).label_features.unlink()
    gone = judged(run_again(SEEDS), "correlation-falls")["correlation-falls"]
    assert gone.told() == "not run yet: label features of the same labels"


def test_a_row_near_chance_has_no_result_and_no_claim_of_accuracy_rests_on_it():
    names = ("main", "te", "clip", "ssv2", "st-adapter-text-ssv2")
    found = run(names)
    made.classes("ucf101")
    top1 = {row: found.rows[row].number("supervised", "top1").value for row in ("main", "te", "ssv2")}
    asked = ("both-over-te", "zero-shot-trained-verbs-ucf101", "correlation-falls")

    def told(labels):
        here = replace(found, sheets={name: {"labels": labels} for name in ("k400", "ssv2")})
        return judged(here, *asked).values()

    assert all(value > 30 for value in top1.values())
    assert not any("chance" in one.told() for one in told("6"))
    near = "is within 10 points of chance"
    both, unseen, alike = told("1")
    assert both.told() == f"no result: main {near}; te {near}"
    assert unseen.told() == f"no result: main {near} on Synth-K400", "CLIP trains nothing"
    assert both.difference is unseen.difference is None
    assert alike.remarks[-2:] == (f"ssv2 {near} on Synth-SSv2", f"st-adapter-text-ssv2 {near} on Synth-SSv2")


def test_a_verdict_of_one_seed_begins_with_these_words():
    for seeds, begins in (((0,), True), (SEEDS, False)):
        found = run(("main", "te"), seeds)
        one = judged(found, "both-over-te")["both-over-te"]
        assert one.told().startswith("one seed: ") == begins
        (line,) = in_csv(one)
        assert line["verdict"] == ("one seed: " if begins else "") + one.verdict
        assert ("; 1 of them by one seed" in claims_section.summary([one])) == begins
        told = lines(found, "both-over-te")["both-over-te"]
        assert next(iter(told.items())) == ("verdict", one.told()), "in the first column"


@pytest.mark.parametrize("verbs", ["trained", "untrained"])
def test_labels_with_trained_and_with_untrained_verbs_are_told_apart(verbs):
    found = run(("main", "clip"))
    shared = json.loads(RunKey(made.PROFILE, "main", 0).outcomes.read_text())["ucf101"]["splits"]
    clip = RunKey(made.PROFILE, "clip", 0).outcomes
    kept = json.loads(clip.read_text())
    kept["ucf101"]["splits"] = shared
    clip.write_text(json.dumps(kept))
    name = f"zero-shot-{verbs}-verbs-ucf101"
    gone = judged(run_again((0,)), name)[name]
    assert gone.told() == f"not run yet: Synth-UCF101, {verbs} verbs, of main, clip", "no sheet, no kinds"
    trained = made.classes("ucf101")
    found = run_again((0,))
    one = judged(found, name)[name]
    (ours, members), (theirs, _) = bits("main", "ucf101"), bits("clip", "ucf101")
    inside = np.array(trained) == (verbs == "trained")
    parts = [(part > 0) & inside for part in members]
    of_splits = [100 * (ours - theirs)[part].mean() for part in parts]
    assert one.difference.number.value == pytest.approx(np.mean(of_splits))
    assert one.difference.videos == np.any(parts, axis=0).sum() < made.VIDEOS
    (line,) = in_csv(one)
    assert line["measure"] == f"zero-shot, {verbs} verbs"
    made.sheet("ucf101_classes", "video,verb_trained\na,yes\n")
    assert "not run yet" in judged(run_again((0,)), name)[name].told(), "a sheet of other videos"


def test_of_every_zero_shot_set_both_kinds_of_verbs_are_asked():
    stated = claims.read(experiment.rows()).values()
    assert {(one.set, one.verbs) for one in stated if one.verbs != "all"} == {
        (dataset, verbs) for dataset in claims.UNSEEN for verbs in ("trained", "untrained")
    }


def test_the_size_of_correlations_and_the_largest_stand_beside_their_mean():
    found = run(("ssv2", "st-adapter-text-ssv2"))
    names = ("correlation-falls", "correlation-size-falls", "correlation-largest-falls")
    told = judged(found, *names)
    pairs = {}
    for row in ("ssv2", "st-adapter-text-ssv2"):
        one = np.corrcoef(np.load(RunKey(made.PROFILE, row, 0).label_features).astype(float))
        pairs[row] = one[~np.eye(len(one), dtype=bool)]
    for name, of in zip(names, (np.mean, lambda p: abs(p).mean(), lambda p: abs(p).max()), strict=True):
        expected = of(pairs["ssv2"]) - of(pairs["st-adapter-text-ssv2"])
        assert told[name].difference.number.value == pytest.approx(expected), name


def parameters(row, count):
    """Change what is counted of a row at full size."""
    path = Path("reports/complexity.csv")
    path.write_text(re.sub(rf"(?m)^({row},8),\w+", rf"\1,{count}", path.read_text()))


@pytest.mark.parametrize("dataset", ["k400", "ucf101", "hmdb51"])
def test_the_trade_is_over_the_best_rival_of_as_many_parameters_or_fewer(dataset):
    names, name = ("main", "clip", "st-adapter-text", "ted", "contrastive", "cmc", "cmlm"), f"trade-{dataset}"
    found = run(names, (0, 1))

    def mean_top1(row):
        over = []
        for seed in (0, 1):
            numbers = json.loads(RunKey(made.PROFILE, row, seed).metrics.read_text())
            splits = numbers["zero_shot"][dataset]["splits"].values() if dataset != "k400" else ()
            over.append(np.mean([one["top1"] for one in splits]) if splits else numbers["supervised"]["top1"])
        return np.mean(over)

    best, second, *_ = sorted(names[1:], key=mean_top1, reverse=True)
    one = judged(found, name)[name]
    assert f"the best is {best}" in one.told()
    plain = accuracy.difference(found.rows["main"], found.rows[best], dataset)
    assert one.difference.number.value == plain.number.value and one.difference.by_seed == plain.by_seed
    counted = {str(source.file) for source in one.difference.number.sources if not source.run}
    assert counted == {"reports/complexity.csv"}
    assert (one.drawn is None) == (dataset != "k400"), "made-up runs share videos where they are trained"
    parameters(best, 17000000)
    one = judged(run_again((0, 1)), name)[name]
    assert f"the best is {second}" in one.told(), "who has more parameters is no rival"
    for row in names[1:]:
        parameters(row, 17000000)
    told = judged(run_again((0, 1)), name)[name].told()
    assert told == "not run yet: a rival with as many trainable parameters as main"
    parameters("ted", "none")
    told = judged(run_again((0, 1)), name)[name].told()
    assert told == "not run yet: trainable parameters of ted"


def test_the_best_row_of_a_trade_can_win_or_lose_it():
    """Not so for a row that need only be first in one of two accuracies."""
    names = ("main", "clip", "st-adapter-text", "ted", "contrastive", "cmc", "cmlm")
    found, said = run(names), set()
    for hits in ("1" * made.VIDEOS, "0" * made.VIDEOS):
        key = RunKey(made.PROFILE, "main", 0)
        metrics, kept = json.loads(key.metrics.read_text()), json.loads(key.outcomes.read_text())
        metrics["supervised"]["top1"] = 100.0 * int(hits[0])
        kept["k400"]["hits"] = {"vc": hits}
        key.metrics.write_text(json.dumps(metrics))
        key.outcomes.write_text(json.dumps(kept))
        found = run_again((0,))
        said.add(judged(found, "trade-k400")["trade-k400"].verdict)
    assert said == {"holds", "does not hold"}


def explore(**over):
    """`main` as a person turns it in params.yaml, run anew with all that it is compared with."""
    made.edit("params.yaml", lambda content: content.update(merge(content, over)))
    return run(experiment.rows())


def test_an_explored_main_is_not_judged_as_the_paper_s_and_stands_beside_none_of_its_numbers():
    found = explore(adapters={"visual": {"temporal_difference": False}})
    everything = judged(found)
    of_main = {name: one for name, one in everything.items() if "main" in one.claim.rows}
    assert of_main
    for name, one in everything.items():
        assert (one.verdict == "not judged") == (name in of_main), name
    told = lines(found, *of_main)
    for name, one in of_main.items():
        assert one.told() == "not judged: main is explored: adapters.visual.temporal_difference=false"
        assert one.difference is None
        assert told[name]["paper_difference"] == "—"
    section = claims_section.section(list(of_main.values()), found)
    assert f"0 not run yet, {len(of_main)} not judged" in claims_section.summary(list(of_main.values()))
    words = " ".join(" ".join(part.all_notes()) for part in section.parts if isinstance(part, Grid))
    assert not [number for number in ("83.4", "78.7", "+1.4") if number in words]
    csv_lines = in_csv(*of_main.values())
    assert {(line["paper_difference"], line["paper_file"], line["difference"]) for line in csv_lines} == {
        ("",) * 3
    }
    assert {line["verdict"] for line in csv_lines} == {"not judged"}


def test_rows_on_another_set_are_refused_and_named():
    found = explore(data={"dataset": "ssv2"})
    told = "not judged: main is on Synth-SSv2, not on Synth-K400"
    everything = judged(found)
    of_main = {name for name, one in everything.items() if "main" in one.claim.rows}
    assert {"trade-k400", "trade-ucf101", "both-over-te", "zero-shot-trained-verbs-ucf101"} < of_main
    assert {name for name, one in everything.items() if one.told() == told} == of_main


def test_what_is_missing_is_named():
    run(("main", "te", "clip", "text-0"))
    for row in ("main", "clip"):
        key = RunKey(made.PROFILE, row, 0)
        numbers = json.loads(key.metrics.read_text())
        numbers["zero_shot"].pop("hmdb51")
        key.metrics.write_text(json.dumps(numbers))
    found = judged(run_again((0,)), "both-over-td", "zero-shot-trained-verbs-hmdb51")
    assert found["both-over-td"].told() == "not run yet: td"
    told = found["zero-shot-trained-verbs-hmdb51"].told()
    assert told == "not run yet: Synth-HMDB51, trained verbs, of main, clip"
    run(("main", "te"), (0, 1))
    RunKey(made.PROFILE, "main", 0).metrics.unlink()
    RunKey(made.PROFILE, "te", 1).metrics.unlink()
    apart = judged(run_again((0, 1)), "both-over-te")["both-over-te"]
    assert apart.told() == "not run yet: main and te share no seed"


def test_the_page_shows_every_claim_what_it_is_made_of_and_what_is_missing():
    found = run(ROWS)
    for dataset in ("ucf101", "hmdb51"):
        made.classes(dataset)
    stated, everything = claims.read(experiment.rows()), judged(found)
    told, in_file = lines(found), {line["claim"]: line for line in in_csv(*everything.values())}
    assert list(in_file) == list(stated) and set(told) == set(stated)
    section = claims_section.section(list(everything.values()), found)
    for part in section.parts:
        for line in part.lines if isinstance(part, Grid) else ():
            cells = dict(zip([column.key for column in part.columns], line.cells, strict=True))
            one, there = everything[line.name], all(row in ROWS for row in stated[line.name].rows)
            assert told[line.name]["claim"].endswith(f"({line.name})")
            assert ("not run yet: " in told[line.name]["verdict"]) != there, line.name
            assert (in_file[line.name]["difference"] != "") == there
            assert (cells["difference"] is not None) == there
            if there:
                runs = {source.run.row for source in cells["difference"].sources if source.run}
                assert runs == set(one.claim.rows)
            if one.claim.published:
                better, worse = cells["paper_difference"].sources
                assert str(better.file) == f"experiments/published/{one.claim.published.file}.csv"
                assert better.key.startswith("line ") and worse.key.startswith("line ")
    assert not any("nan" in cell for line in told.values() for cell in line.values())
    (over,) = {told[name]["rows"] for name in ("trade-ucf101", "trade-hmdb51")}
    labels = [found.rows[row].label for row in stated["trade-ucf101"].worse]
    assert over.endswith("over the best of " + "; ".join(labels)), "labels with commas are told apart"


def test_no_number_here_is_a_difference_to_the_paper_s():
    one = judged(run(("main", "te")), "both-over-te")["both-over-te"]
    between = one.difference.number.value - one.claim.published.difference
    told = [
        float(cell) for cell in in_csv(one)[0].values() if cell.replace("-", "").replace(".", "").isdigit()
    ]
    assert told and all(abs(number - between) > 1e-3 for number in told)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"worse": ["tee"]}, r"claims.both-over-te: there is no row tee \(did you mean te\?\)"),
        ({"measure": "top1"}, r"claims.both-over-te.measure: expected one of accuracy"),
        ({"worse": ["te", "td"]}, r"claims.both-over-te.worse: expected one row"),
        ({"on": ["k400", "ucf102"]}, r"claims.both-over-te.on.*: expected one of k400, ssv2, ucf101, hmdb51"),
        ({"on": []}, r"claims.both-over-te.on: expected one set or more"),
        ({"beyond": ["hmdb51"]}, r"claims.both-over-te.on: .*those of `beyond` among them"),
        (
            {"on": ["ucf101"], "beyond": [], "measure": "correlation"},
            r"claims.both-over-te.on: expected sets",
        ),
        ({"verbs": "trained"}, r"claims.both-over-te.verbs: expected all; only zero-shot tells verbs apart"),
        ({"sett": "k400"}, r"unknown key claims.both-over-te.sett"),
    ],
)
def test_mistakes_in_a_claim_are_named(values, told):
    made.edit("experiments/claims.yaml", lambda content: content["claims"]["both-over-te"].update(values))
    with pytest.raises(UserError, match=told):
        claims.read(experiment.rows())


@pytest.mark.parametrize("key", ["worse", "on", "says"])
def test_what_a_claim_lacks_is_named(key):
    made.edit("experiments/claims.yaml", lambda content: content["claims"]["both-over-te"].pop(key))
    with pytest.raises(UserError, match=rf"claims.both-over-te.{key}: is missing"):
        claims.read(experiment.rows())


def test_a_step_and_a_claim_of_the_same_rows_are_the_same_number():
    found = run(("main", "te"))
    one = judged(found, "both-over-te")["both-over-te"]
    step = found.step(found.rows["te"], found.rows["main"])
    assert step.value == pytest.approx(-one.difference.number.value)
    assert step.interval == pytest.approx((-one.interval.high, -one.interval.low), abs=0.6)
