"""Claims: numbers of the paper are the paper's, intervals a plain bootstrap's, verdicts follow the rule."""

import csv
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy.stats import ttest_rel

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.errors import UserError
from m2clip.parsing import merge
from m2clip.report import (
    accuracy,
    claims,
    claims_section,
    declared,
    history,
    longer,
    published,
    results,
    statistics,
    verdicts,
)
from m2clip.report.accuracy import Difference
from m2clip.report.grid import Grid, shown
from m2clip.report.numbers import Number
from m2clip.runs import RunKey
from m2clip.stages import resolve

SEEDS = (0, 1, 2)
ROWS = ("main", "contrastive", "clip", "ted", "text-2", "text-4", "text-all")
PAIR = "decoder-over-contrastive-vc"  # main by its classifier, contrastive by its texts


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


def in_words(one):
    """`one seed`, `holds (3 of 5 seeds)`, `not run yet: te`."""
    if one.why:
        return f"{one.verdict}: {one.why}"
    return f"{one.short()} ({'; '.join(one.remarks)})" if one.remarks else one.short()


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
    assert all({column.key for column in one.columns} <= {*keys} for one in tables)
    return {
        line.name: dict.fromkeys(keys, "—")
        | {column.key: shown(cell) for column, cell in zip(one.columns, line.cells, strict=True)}
        for one in tables
        for line in one.lines
    }


def in_csv(*some):
    return list(csv.DictReader(claims_section.comma_separated(some).splitlines()))


def bits(row, dataset, seed=0):
    """Hits (N,) of the last head and members (S, N) straight from the file."""
    kept = json.loads(RunKey(made.PROFILE, row, seed).outcomes.read_text())[dataset]
    *_, hits = kept["hits"].values()
    return np.array(list(map(int, hits))), np.array(
        [list(map(int, part)) for part in kept["splits"].values()]
    )


def test_columns_of_several_seeds_are_left_out_where_there_is_one_and_every_claim_says_what_it_expects():
    found = run(("main", "clip", "ted", "contrastive"))
    tables = claims_section.section(list(judged(found).values()), found).parts
    keys = {column.key for part in tables if isinstance(part, Grid) for column in part.columns}
    assert not keys & {"p", "spread"}
    expected = {name: line["expects"] for name, line in lines(found).items()}
    assert expected["keeps-generalisation-ucf101"] == "at least −1"
    assert expected["correlation-size"] == expected["more-text-adapters-vc"] == "below 0"
    assert expected["text-over-ted"] == "above 0"


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


def test_there_are_twenty_claims_or_fewer_and_each_head_has_its_own():
    stated = claims.read(experiment.rows())
    assert 10 < len(stated) <= 20
    profile = profiles.read(made.PROFILE)
    for name, claim in stated.items():
        heads = experiment.resolve(claim.better, profile).options.heads
        if not claim.zero_shot and not claim.statistic and {"vc", "contrastive"} <= set(heads):
            asked = (claim.rows, claim.asks, claim.set)
            twins = [one.head for one in stated.values() if (one.rows, one.asks, one.set) == asked]
            assert sorted(twins) == ["eq11", "vc"], name


def test_generalisation_is_asked_of_verbs_that_were_never_trained_on():
    stated = [one for one in claims.read(experiment.rows()).values() if one.zero_shot]
    assert {one.verbs for one in stated} == {"untrained"}
    keeps = {one.set: one for one in stated if one.asks == "no-loss"}
    assert {name: one.rows for name, one in keeps.items()} == dict.fromkeys(claims.UNSEEN, ("main", "clip"))


def test_more_text_adapters_are_asked_of_every_number_after_one_in_one_test():
    stated = claims.read(experiment.rows()).values()
    others = {row for row in experiment.rows() if row.startswith("text-")} - {"text-0"}
    asked = [one for one in stated if one.section.startswith("Figure 4b")]
    assert {(one.better, *sorted(one.worse)) for one in asked} == {("main", *sorted(others))}
    assert {(one.set, one.head) for one in asked} == {("k400", "eq11"), ("k400", "vc"), ("ucf101", "")}
    assert all(one.asks == "slope" and one.direction == "lower" for one in asked)


def test_the_paper_s_numbers_are_those_of_the_published_files():
    profile, checked = profiles.read(made.PROFILE), 0
    for name, claim in claims.read(experiment.rows()).items():
        if claim.published is None:
            continue
        table = published.read(claim.published.file)
        for row, number in zip(claim.rows[:2], (claim.published.better, claim.published.worse), strict=True):
            line = table.line(row, experiment.resolve(row, profile), profile)
            if row.startswith("st-adapter"):
                lines = (cells for cells in table.lines if cells.cells["method"] == "ST-Adapter")
                line = next(line for line in lines if line.cells["frames"] == "8")
            assert line.value(line.accuracy) == number, (name, row)
            checked += 1
        towards = 1 if claim.direction == "higher" else -1
        assert claim.published.difference * towards > 0, name
    assert checked == 20


def test_a_row_that_is_not_declared_is_named_before_anything_is_trained(monkeypatch):
    made.edit("experiments/rows/m2clip.yaml", lambda content: content.pop("cmc"))
    made.edit("experiments/tables.yaml", lambda content: content.update(tables={}, labels={}))
    made.edit("params.yaml", lambda content: content.update(tables=[]))
    monkeypatch.setattr("sys.argv", ["resolve", made.PROFILE])
    with pytest.raises(UserError, match=r"claims.yaml: claims.*: there is no row cmc"):
        resolve.main()


def asking(**given):
    """A claim that asks something else than the one of the file."""
    return replace(claims.read(experiment.rows())[PAIR], **given)


@pytest.mark.parametrize(
    ("middle", "spread", "p", "given", "said"),
    [
        (3, 1, 0.01, {}, "holds"),
        (-3, 1, 0.01, {}, "does not hold"),
        (-3, 1, 0.01, {"direction": "lower"}, "holds"),
        (3, 1, 0.01, {"direction": "lower"}, "does not hold"),
        (3, 1, 0.06, {}, "undecided"),
        (1, 1, 0.01, {}, "undecided"),
        (0.1, 0.3, 0.8, {}, "no difference"),
        (0.1, 1, 0.8, {}, "undecided"),
        (0.8, 0.3, 0.01, {}, "holds"),
        (0.8, 0.3, 0.06, {}, "undecided"),
        (3, 1, 0.01, {"asks": "no-loss"}, "holds"),
        (0.1, 0.3, 0.01, {"asks": "no-loss"}, "holds"),
        (0, 0.4, 0.01, {"asks": "no-loss"}, "holds"),
        (0.1, 1, 0.01, {"asks": "no-loss"}, "undecided"),
        (0.1, 0.3, 0.06, {"asks": "no-loss"}, "no difference"),
        (-0.7, 0.1, 0.01, {"asks": "no-loss"}, "does not hold"),
        (-3, 1, 0.01, {"asks": "no-loss"}, "does not hold"),
        (-3, 1, 0.06, {"asks": "no-loss"}, "undecided"),
    ],
)
def test_the_rule(middle, spread, p, given, said):
    drawn = np.random.default_rng(1).normal(middle, spread, 9999)
    test = statistics.of_draws(drawn, verdicts.EQUAL)
    assert verdicts.verdict(test, p, asking(**given)) == said


@pytest.mark.parametrize(
    ("middle", "p", "remarks"),
    [(3, 0.04, ()), (3, 0.06, ("decided but for Holm",)), (0.5, 0.06, ())],
)
def test_what_the_correction_alone_leaves_undecided_says_so(middle, p, remarks):
    """An interval from 1 to 5 is on one side of zero, one from -1.5 to 2.5 is not, whatever p is."""
    test = statistics.of_draws(np.random.default_rng(1).normal(middle, 1, 9999), verdicts.EQUAL)
    found = verdicts._decided(verdicts.Judged(claim=asking(), test=test), p, 5)
    assert (found.verdict, found.remarks) == ("holds" if p < 0.05 else "undecided", remarks)


def test_the_rule_on_the_page_names_the_numbers_that_are_used():
    text = " ".join(claims.rule())
    assert f"at most {verdicts.ALPHA} after Holm" in text
    assert f"within ±{verdicts.EQUAL:g} point" in text and f"a loss of {verdicts.EQUAL:g} point" in text
    assert f"±{verdicts.EQUAL / 100:g}." in text
    assert {2: "two", 3: "three", 4: "four"}[verdicts.LEAST_SEEDS] + " seeds or more" in text
    assert f"{statistics.DRAWS:,} draws" in text


def test_what_is_decided_is_corrected_for_the_claims_of_its_section():
    found, stated = run(experiment.rows(), SEEDS), claims.read(experiment.rows())
    everything, tested = {one.claim.name: one for one in verdicts.judge(found, stated)}, 0
    for name, one in everything.items():
        assert (one.p is None) == (one.test is None)
        if one.test is None:
            continue
        in_section = (other for other in everything.values() if other.claim.section == one.claim.section)
        family = [other for other in in_section if other.test is not None]
        count = len(family)
        assert one.test.p - 1e-12 <= one.p <= min(1.0, count * one.test.p) + 1e-12, name
        least = min(other.test.p for other in family)
        assert one.test.p > least or one.p == pytest.approx(min(1.0, count * least)), name
        by_seeds = [statistics.of_seeds(other.difference.by_seed, 1, floor_of(other)) for other in family]
        (own,) = (given for given, other in zip(by_seeds, family, strict=True) if other is one)
        assert own.p - 1e-12 <= one.p_seeds <= min(1.0, count * own.p) + 1e-12, name
        least = min(given.p for given in by_seeds)
        assert own.p > least or one.p_seeds == pytest.approx(min(1.0, count * least)), name
        tested += 1
    assert tested > 10


def floor_of(one):
    return -1.0 if one.claim.asks == "no-loss" else 0.0


def test_the_page_names_what_is_decided_and_is_not_by_the_seeds_alone():
    one = judged(run(("main", "contrastive"), SEEDS), PAIR)[PAIR]
    sure, unsure = replace(one, verdict="holds", p_seeds=0.04), replace(one, verdict="holds", p_seeds=0.06)
    undecided = replace(one, verdict="undecided", p_seeds=0.5)
    assert claims_section._by_seeds([sure, sure, undecided]) == "at most 0.05 for 2 of the 2 that are decided"
    told = claims_section._by_seeds([sure, unsure, undecided])
    assert told == f"at most 0.05 for 1 of the 2 that are decided, not for {PAIR}"


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
    found = Difference(Number(value=fmean(seeds)), tuple(range(len(seeds))), seeds)
    assert verdicts._remarks(found, 3, False) == (*told, "no interval: no outcomes of the same videos")
    assert verdicts._remarks(found, 3, True) == told


def test_differences_are_paired_by_video_and_by_seed():
    found = run(("main", "contrastive"), SEEDS)
    one = judged(found, PAIR)[PAIR]
    apart = [100.0 * (bits("main", "k400", seed)[0] - bits("contrastive", "k400", seed)[0]) for seed in SEEDS]
    assert one.difference.by_seed == pytest.approx([seed.mean() for seed in apart])
    assert one.difference.number.value == pytest.approx(np.mean(apart))
    assert one.spread == pytest.approx(stdev(seed.mean() for seed in apart))
    assert one.difference.videos == made.VIDEOS
    drawn = statistics.draws(np.array(apart), np.ones((1, made.VIDEOS)))
    assert one.test == statistics.of_draws(drawn, verdicts.EQUAL), "over videos and seeds"
    assert one.verdict == verdicts.verdict(one.test, one.p, one.claim)
    assert ("seeds disagree in sign" in in_words(one)) == (len({seed.mean() > 0 for seed in apart}) > 1)


def test_each_head_is_asked_on_its_own_and_a_row_without_it_answers_by_its_own():
    found = run(("main", "contrastive"), SEEDS)
    texts = "decoder-over-contrastive-eq11"
    one, other = judged(found, PAIR, texts).values()
    for claim, head in ((one, "vc"), (other, "eq11")):
        apart = []
        for seed in SEEDS:
            kept = json.loads(RunKey(made.PROFILE, "main", seed).outcomes.read_text())["k400"]["hits"][head]
            apart.append(np.array(list(map(int, kept))) - bits("contrastive", "k400", seed)[0])
        assert claim.difference.by_seed == pytest.approx([100 * seed.mean() for seed in apart]), head
        assert claim.test.interval == statistics.interval(
            statistics.draws(100.0 * np.array(apart), np.ones((1, made.VIDEOS)))
        )
    assert one.difference.by_seed != other.difference.by_seed


def test_a_slope_is_that_of_the_line_through_all_rows_from_the_first_to_the_last():
    rows = ("main", "text-2", "text-4", "text-all")
    found, name = run(rows, SEEDS), "more-text-adapters-vc"
    one = judged(found, name)[name]
    counts = [1, 2, 4, 6]
    for seed, told in zip(SEEDS, one.difference.by_seed, strict=True):
        top1 = [100 * bits(row, "k400", seed)[0].mean() for row in rows]
        assert told == pytest.approx(np.polyfit(counts, top1, 1)[0] * 5)
    by_video = [np.polyfit(counts, [bits(row, "k400", s)[0] for row in rows], 1)[0] * 500 for s in SEEDS]
    drawn = statistics.draws(np.array(by_video), np.ones((1, made.VIDEOS)))
    assert one.interval.low == pytest.approx(statistics.interval(drawn).low, abs=0.2)
    assert one.p is not None and one.claim.towards == -1


def test_what_is_undecided_says_what_would_decide_it(monkeypatch):
    found = run(("main", "contrastive"), SEEDS)
    monkeypatch.setattr(statistics, "needed", lambda *_: (2000, None))
    one = judged(found, PAIR)[PAIR]
    assert one.verdict == "undecided" and "about 2,000 videos would decide" in in_words(one)
    monkeypatch.setattr(statistics, "needed", lambda *_: (2000, 7))
    assert "about 7 seeds or 2,000 videos would decide" in in_words(judged(found, PAIR)[PAIR])
    monkeypatch.setattr(statistics, "needed", lambda *_: (None, None))
    assert "more of both seeds and videos would decide" in in_words(judged(found, PAIR)[PAIR])


def test_a_seed_that_only_one_row_has_is_left_out_and_clip_is_the_same_under_each():
    run(("main", "contrastive", "clip", "ted"), SEEDS)
    RunKey(made.PROFILE, "contrastive", 1).metrics.unlink()
    for seed in (1, 2):
        RunKey(made.PROFILE, "clip", seed).metrics.unlink()
    found = run_again(SEEDS)
    one = judged(found, PAIR)[PAIR]
    assert one.difference.seeds == (0, 2)
    assert in_words(one).startswith("2 seeds (2 of 3 seeds"), "too few for a verdict"
    ted = judged(found, "ted-over-clip")["ted-over-clip"].difference
    clip = bits("clip", "k400")[0]
    assert ted.seeds == SEEDS
    assert ted.by_seed == pytest.approx([100 * (bits("ted", "k400", s)[0] - clip).mean() for s in SEEDS])


def share_splits(rows, dataset, seeds=(0,)):
    """Give rows the splits of main, as on real data; their numbers follow."""
    own = json.loads(RunKey(made.PROFILE, "main", 0).outcomes.read_text())[dataset]["splits"]
    for row in rows:
        for seed in seeds:
            key = RunKey(made.PROFILE, row, seed)
            kept, numbers = json.loads(key.outcomes.read_text()), json.loads(key.metrics.read_text())
            kept[dataset]["splits"] = own
            key.outcomes.write_text(json.dumps(kept))
            hits, members = bits(row, dataset, seed)
            for number, part in enumerate(members, 1):
                split = numbers["zero_shot"][dataset]["splits"][f"test{number}"]
                split["top1"] = 100 * hits[part > 0].mean()
            key.metrics.write_text(json.dumps(numbers))


def test_zero_shot_is_the_mean_over_splits_and_a_video_counts_in_each_of_its_splits():
    run(("main", "clip"), SEEDS)
    share_splits(("main", "clip"), "ucf101", SEEDS)
    found, members = run_again(SEEDS), bits("main", "ucf101")[1]
    one = accuracy.difference(found.rows["main"], found.rows["clip"], "ucf101")
    for seed, told in zip(SEEDS, one.by_seed, strict=True):
        apart = 100.0 * (bits("main", "ucf101", seed)[0] - bits("clip", "ucf101", seed)[0])
        assert told == pytest.approx(np.mean([apart[part > 0].mean() for part in members]))
    assert one.videos == members.any(axis=0).sum() < made.VIDEOS


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("correlation-size", lambda pairs: abs(pairs).mean()),
        ("correlation-largest", lambda pairs: abs(pairs).max()),
    ],
)
def test_correlations_are_of_the_labels_that_the_worse_row_chooses_and_judged_over_seeds(name, of):
    found, told = run(("ssv2", "st-adapter-text-ssv2"), SEEDS), {}
    one = judged(found, name)[name]
    for row in ("ssv2", "st-adapter-text-ssv2"):
        keys = [RunKey(made.PROFILE, row, seed) for seed in SEEDS]
        maps = [np.corrcoef(np.load(key.label_features).astype(float)) for key in keys]
        told[row] = [of(one[~np.eye(len(one), dtype=bool)]) for one in maps]
    apart = np.subtract(told["ssv2"], told["st-adapter-text-ssv2"])
    assert one.difference.by_seed == pytest.approx(apart)
    reach = 4.302653 * apart.std(ddof=1) / np.sqrt(3)  # Student's t of two degrees of freedom
    assert (one.interval.low, one.interval.high) == pytest.approx(
        (apart.mean() - reach, apart.mean() + reach)
    )
    assert one.test.p == pytest.approx(ttest_rel(told["ssv2"], told["st-adapter-text-ssv2"]).pvalue)
    RunKey(made.PROFILE, "ssv2", 1).label_features.unlink()
    gone = judged(run_again(SEEDS), name)[name]
    assert in_words(gone) == "not run yet: label features of the same labels"


def test_a_row_near_chance_has_no_result_and_no_claim_rests_on_it():
    names = ("main", "contrastive", "clip", "ssv2", "st-adapter-text-ssv2")
    found = run(names)
    made.classes("ucf101")
    asked = (PAIR, "keeps-generalisation-ucf101", "correlation-size")

    def told(labels):
        here = replace(found, sheets={name: {"labels": labels} for name in ("k400", "ssv2")})
        return judged(here, *asked).values()

    assert not any("chance" in in_words(one) for one in told("6"))
    near = "is within 10 points of chance"
    both, unseen, alike = told("1")
    assert in_words(both) == f"no result: main {near}; contrastive {near}"
    assert in_words(unseen) == f"no result: main {near} on Synth-K400", "CLIP trains nothing"
    assert in_words(alike) == (
        f"no result: ssv2 {near} on Synth-SSv2; st-adapter-text-ssv2 {near} on Synth-SSv2"
    )
    assert both.difference is unseen.difference is alike.difference is None


@pytest.mark.parametrize(("seeds", "words"), [((0,), "one seed"), ((0, 1), "2 seeds"), (SEEDS, None)])
def test_of_fewer_than_three_seeds_there_is_a_difference_and_no_verdict(seeds, words):
    found = run(("main", "contrastive"), seeds)
    one = judged(found, PAIR)[PAIR]
    section = claims_section.section([one], found)
    points, first = section.parts[0].texts, claims_section.first_screen([one], found)
    assert one.interval is not None and one.difference is not None
    assert (one.verdict == "") == (one.p is None) == (words is not None)
    assert in_words(one).startswith(words or one.verdict)
    (line,) = in_csv(one)
    assert line["verdict"] == (words or one.verdict) and line["low"]
    assert (points[0].startswith("No claim is judged here")) == (words is not None)
    everything = " ".join([*points, *first[0].texts, *lines(found, PAIR)[PAIR].values()])
    said = [word for word in (verdicts.HOLDS, verdicts.FAILS, verdicts.UNDECIDED) if word in everything]
    assert bool(said) == (words is None)


def test_the_first_screen_says_in_a_sentence_a_verdict_which_claims_have_it():
    found = run(("main", "contrastive", "ted"), SEEDS)
    stated = claims.read(experiment.rows())
    said = {PAIR: "holds", "decoder-over-contrastive-eq11": "holds", "text-over-ted": "does not hold"}
    some = [
        verdicts.Judged(claim=stated[name], verdict=word, p=0.01, difference=None)
        for name, word in said.items()
    ]
    steps, *said, world = claims_section.sentences(some, found)
    assert steps.startswith("Whether they have converged is not known: none of the 3 trained rows behind")
    assert world == claims_section.GENERATED
    assert said == [
        "Holds here: The multi-task decoder on top of both adapters helps (by the classifier (VC), "
        "by texts (Eq. 11)).",
        "Does not hold here: A text adapter on top of the TED-Adapters helps (Synth-K400).",
    ]


def test_a_verdict_says_which_of_its_rows_gain_by_more_steps_or_were_not_tried():
    found = run(("main", "contrastive", "ted"), SEEDS)
    assert "more steps not tried: main, contrastive" in in_words(judged(found, PAIR)[PAIR])
    train = found.rows["main"].config.train
    longer.FOLDER.mkdir(parents=True)
    lines = [
        f"{row},{train.lr},{factor * train.steps},{top1},"
        for row, *both in (("main", 50.0, 51.9), ("contrastive", 50.0, 52.0))
        for factor, top1 in zip((1, 3), both, strict=True)
    ]
    file = longer.FOLDER / f"{found.profile.name}.csv"
    file.write_text("\n".join(["row,lr,steps,validation_vc,validation_eq11", *lines]) + "\n")
    one = judged(found, PAIR)[PAIR]
    assert "contrastive gains 2.0 points of supervised top-1 by three times the steps" in in_words(one)
    assert "not tried" not in in_words(one) and "main gains" not in in_words(one)
    said = claims_section.sentences([one], found)
    assert said[0].startswith(
        "Not converged: of the 2 trained rows behind the verdicts 2 were trained three times"
    )
    assert f"to 1 of them: {found.title(found.rows['contrastive'])} (+2.0). The" in said[0]
    file.write_text(file.read_text().replace("52.0", "51.0"))
    assert claims_section.sentences([one], found)[0].startswith(
        "Converged, as far as that was tried: of the 2"
    )
    file.unlink()
    assert claims_section.sentences([one], found)[0].startswith(
        "Whether they have converged is not known: none"
    )


def test_the_verdicts_of_an_earlier_commit_stand_beside_those_of_rows_with_other_steps():
    found = run(("main", "contrastive", "ted"), SEEDS)
    both = list(judged(found, PAIR, "text-over-ted").values())
    steps = {one.claim.name: found.rows[one.claim.better].config.train.steps for one in both}
    longer.FOLDER.mkdir(parents=True)

    def kept(factor):
        told = zip(("undecided", "holds"), steps.items(), strict=True)
        lines = (f"{name},{verdict},1.25,{factor * many},{'ab' * 20}" for verdict, (name, many) in told)
        text = "\n".join(["claim,verdict,difference,steps,commit", *lines, "gone,holds,1,1,c"])
        (longer.FOLDER / f"{found.profile.name}_claims.csv").write_text(text + "\n")

    def page():
        _, table = claims_section.first_screen(both, found)
        return claims_section.sentences(both, found)[1], [column.key for column in table.columns], table

    assert "earlier" not in page()[1]
    kept(1)  # the same steps
    assert "earlier" not in page()[1]
    kept(3)
    assert {one.verdict for one in both} == {"undecided"}
    said, keys, table = page()
    place, many = keys.index("earlier"), 3 * steps[PAIR]
    assert str(table.lines[0].cells[place]) == f"undecided, +1.2 ({many:,} steps)"
    assert said == (
        f"With {many:,} steps in place of {many // 3:,} (commit abababababab) the claims were judged before: "
        f"1 of the 2 that are judged again have the same verdict; a different one: text-over-ted."
    )


def test_kept_verdicts_are_those_of_their_commit():
    for file in sorted((made.ROOT / longer.FOLDER).glob("*_claims.csv")):
        lines = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        path = f"reports/{file.stem.removesuffix('_claims')}/claims.csv"
        asked = subprocess.run(
            ["git", "show", f"{lines[0]['commit']}:{path}"],
            cwd=made.ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if asked.returncode:
            pytest.skip("this clone has no history")
        there = {line["claim"]: line for line in csv.DictReader(asked.stdout.splitlines())}
        assert len({line["commit"] for line in lines}) == 1
        for line in lines:
            own = there[line["claim"]]
            assert all(line[key] == own[key] for key in ("verdict", "difference", "low", "high"))
        assert len(lines) == sum(bool(line["p_holm"]) for line in there.values())


def test_the_page_says_when_the_rule_changed_and_which_runs_came_after(tmp_path):
    def git(*words):
        me = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *me, *words], check=True, capture_output=True, text=True).stdout.strip()

    file = Path("rule.yaml")
    assert "git does not tell" in history.told(file, [])[0]
    git("init", "-q")
    commits = []
    for content in ("a", "b", None):
        if content:
            file.write_text(content)
            git("add", str(file))
        git("commit", "-q", "--allow-empty", "-m", "x")
        commits.append(git("rev-parse", "HEAD"))
    before, rule, after = commits
    since, made_at = history.told(file, [before, rule, after, f"{after}-dirty", "0" * 40, None])
    assert since.startswith(f"rule.yaml was last changed in commit {rule[:12]} of 20")
    assert made_at.startswith("The 6 runs of these rows were trained at the commits ")
    assert f"{after[:12]} with changes (1)" in made_at and "unknown (1)" in made_at
    assert made_at.endswith(" By git's history 3 of them were trained with that change in place.")
    file.write_text("c")
    since, made_at = history.told(file, [after])
    assert since.endswith("and has changes on top that are not committed.") and "after that" not in made_at


def test_of_generated_sets_only_the_labels_with_untrained_verbs_count():
    name = "keeps-generalisation-ucf101"
    run(("main", "clip"))
    share_splits(("main", "clip"), "ucf101")
    gone = judged(run_again((0,)), name)[name]
    assert in_words(gone) == "not run yet: Synth-UCF101, untrained verbs, of main, clip", "no sheet, no kinds"
    untrained = ~np.array(made.classes("ucf101"))
    found = run_again((0,))
    one = judged(found, name)[name]
    (ours, members), (theirs, _) = bits("main", "ucf101"), bits("clip", "ucf101")
    parts = [(part > 0) & untrained for part in members]
    of_splits = [100 * (ours - theirs)[part].mean() for part in parts]
    assert one.difference.number.value == pytest.approx(np.mean(of_splits))
    assert one.difference.videos == np.any(parts, axis=0).sum() < made.VIDEOS
    (line,) = in_csv(one)
    assert line["measure"] == "zero-shot, untrained verbs"
    real = replace(found, names=replace(found.names, synthetic=()))
    whole = judged(real, name)[name]
    assert whole.difference.videos == members.any(axis=0).sum(), "of a real set all labels count"
    assert claims_section.kind(whole.claim, real) == "zero-shot"
    made.sheet("ucf101_classes", "video,verb_trained\na,yes\n")
    assert "not run yet" in in_words(judged(run_again((0,)), name)[name]), "a sheet of other videos"


def test_untrained_verbs_alone_leave_the_trained_ones_out_and_the_other_way_round():
    run(("main", "clip"))
    share_splits(("main", "clip"), "ucf101")
    trained, found = np.array(made.classes("ucf101")), run_again((0,))
    (ours, members), (theirs, _) = bits("main", "ucf101"), bits("clip", "ucf101")
    for verbs, inside in (("trained", trained), ("untrained", ~trained)):
        one = accuracy.difference(found.rows["main"], found.rows["clip"], "ucf101", verbs)
        parts = [(part > 0) & inside for part in members]
        assert one.number.value == pytest.approx(np.mean([100 * (ours - theirs)[p].mean() for p in parts]))


def parameters(row, count):
    """Change what is counted of a row at full size."""
    path = Path("reports/complexity.csv")
    path.write_text(re.sub(rf"(?m)^({row},8),\w+", rf"\1,{count}", path.read_text()))


def test_the_best_of_several_has_as_many_parameters_or_fewer():
    names, name = ("main", "clip", "st-adapter-text", "ted", "contrastive", "cmc", "cmlm"), "best-zero-shot"
    run(names, (0, 1))
    share_splits(names, "ucf101", (0, 1))
    untrained, members = ~np.array(made.classes("ucf101")), bits("main", "ucf101")[1]
    found, name = run_again((0, 1)), f"{name}-ucf101"

    def mean_top1(row):
        hits = [bits(row, "ucf101", seed)[0] for seed in (0, 1)]
        return np.mean([[one[(part > 0) & untrained].mean() for part in members] for one in hits])

    best, second, *_ = sorted(names[1:], key=mean_top1, reverse=True)
    one = judged(found, name)[name]
    assert f"the best is {best}" in in_words(one)
    plain = accuracy.difference(found.rows["main"], found.rows[best], "ucf101", "untrained")
    assert one.difference.number.value == plain.number.value and one.difference.by_seed == plain.by_seed
    counted = {str(source.file) for source in one.difference.number.sources if not source.run}
    assert counted == {"reports/complexity.csv", "reports/embedded/data/ucf101_classes.csv"}
    parameters(best, 17000000)
    one = judged(run_again((0, 1)), name)[name]
    assert f"the best is {second}" in in_words(one), "who has more parameters is no rival"
    for row in names[1:]:
        parameters(row, 17000000)
    told = in_words(judged(run_again((0, 1)), name)[name])
    assert told == "not run yet: a rival with as many trainable parameters as main"
    parameters("ted", "none")
    told = in_words(judged(run_again((0, 1)), name)[name])
    assert told == "not run yet: trainable parameters of ted"


def test_the_better_of_several_can_win_or_lose():
    found, said = run(("main", "back", "front"), SEEDS), set()
    for hits in ("1" * made.VIDEOS, "0" * made.VIDEOS):
        for row in ("back", "front"):
            for seed in SEEDS:
                key = RunKey(made.PROFILE, row, seed)
                metrics, kept = json.loads(key.metrics.read_text()), json.loads(key.outcomes.read_text())
                metrics["supervised"]["top1_by_head"]["eq11"] = 100.0 * int(hits[0])
                kept["k400"]["hits"]["eq11"] = hits
                key.metrics.write_text(json.dumps(metrics))
                key.outcomes.write_text(json.dumps(kept))
        found = run_again(SEEDS)
        said.add(judged(found, "all-over-half-eq11")["all-over-half-eq11"].verdict)
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
        differs = "adapters.visual.temporal_difference=false; train.lr=0.01"  # the rate that row `te` has
        assert in_words(one) == f"not judged: main is explored: {differs}"
        assert one.difference is None
        assert told[name]["paper_difference"] == "—"
    section = claims_section.section(list(of_main.values()), found)
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
    assert {"all-over-half-vc", "best-zero-shot-ucf101", PAIR, "keeps-generalisation-ucf101"} < of_main
    assert {name for name, one in everything.items() if in_words(one) == told} == of_main


def test_what_is_missing_is_named():
    run(("main", "contrastive", "clip", "te"))
    made.classes("hmdb51")
    for row in ("main", "clip"):
        key = RunKey(made.PROFILE, row, 0)
        kept = json.loads(key.outcomes.read_text())
        kept.pop("hmdb51")
        key.outcomes.write_text(json.dumps(kept))
    found = judged(run_again((0,)), "both-over-either-vc", "keeps-generalisation-hmdb51")
    assert in_words(found["both-over-either-vc"]) == "not run yet: td"
    told = in_words(found["keeps-generalisation-hmdb51"])
    assert told == "not run yet: Synth-HMDB51, untrained verbs, of main, clip"
    run(("main", "contrastive"), (0, 1))
    RunKey(made.PROFILE, "main", 0).metrics.unlink()
    RunKey(made.PROFILE, "contrastive", 1).metrics.unlink()
    apart = judged(run_again((0, 1)), PAIR)[PAIR]
    assert in_words(apart) == "not run yet: main and contrastive share no seed"


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
    (over,) = {told[name]["rows"] for name in ("best-zero-shot-ucf101", "best-zero-shot-hmdb51")}
    labels = [found.rows[row].label for row in stated["best-zero-shot-ucf101"].worse]
    assert over.endswith("over the best of " + "; ".join(labels)), "labels with commas are told apart"


def test_no_number_here_is_a_difference_to_the_paper_s():
    one = judged(run(("main", "contrastive")), PAIR)[PAIR]
    between = one.difference.number.value - one.claim.published.difference
    told = [
        float(cell) for cell in in_csv(one)[0].values() if cell.replace("-", "").replace(".", "").isdigit()
    ]
    assert told and all(abs(number - between) > 1e-3 for number in told)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"worse": ["tee"]}, r"claims.text-over-ted: there is no row tee \(did you mean te\?\)"),
        ({"worse": []}, r"claims.text-over-ted.worse: expected a row"),
        ({"asks": "slope"}, r"claims.text-over-ted.worse: expected two rows or more, of a slope"),
        ({"heads": []}, r"claims.text-over-ted.heads: expected one or more"),
        ({"heads": ["cmc"]}, r"claims.text-over-ted.heads.*: expected one of"),
        (
            {"on": ["ucf101"], "heads": ["vc"]},
            r"claims.text-over-ted.heads: expected none of zero-shot",
        ),
        ({"measure": "top1"}, r"claims.text-over-ted.measure: expected one of accuracy"),
        (
            {"worse": ["te", "td"], "measure": "correlation-size"},
            r"claims.text-over-ted.worse: expected one row, of a correlation",
        ),
        (
            {"on": ["k400", "ucf102"]},
            r"claims.text-over-ted.on.*: expected one of k400, ssv2, ucf101, hmdb51",
        ),
        ({"on": []}, r"claims.text-over-ted.on: expected one set or more"),
        ({"beyond": ["hmdb51"]}, r"claims.text-over-ted.on: .*those of `beyond` among them"),
        (
            {"on": ["ucf101"], "beyond": [], "measure": "correlation-size"},
            r"claims.text-over-ted.on: expected sets",
        ),
        ({"verbs": "trained"}, r"claims.text-over-ted.verbs: expected all; only zero-shot tells verbs apart"),
        ({"sett": "k400"}, r"unknown key claims.text-over-ted.sett"),
    ],
)
def test_mistakes_in_a_claim_are_named(values, told):
    made.edit("experiments/claims.yaml", lambda content: content["claims"]["text-over-ted"].update(values))
    with pytest.raises(UserError, match=told):
        claims.read(experiment.rows())


@pytest.mark.parametrize("key", ["worse", "on", "says"])
def test_what_a_claim_lacks_is_named(key):
    made.edit("experiments/claims.yaml", lambda content: content["claims"]["text-over-ted"].pop(key))
    with pytest.raises(UserError, match=rf"claims.text-over-ted.{key}: is missing"):
        claims.read(experiment.rows())


def test_a_step_and_a_claim_of_the_same_rows_are_the_same_number():
    found = run(("ted", "contrastive"))
    one = judged(found, "text-over-ted")["text-over-ted"]
    step = found.step(found.rows["ted"], found.rows["contrastive"])
    assert step.value == pytest.approx(-one.difference.number.value)
    assert step.interval == pytest.approx((-one.interval.high, -one.interval.low), abs=0.6)
