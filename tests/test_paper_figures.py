"""The paper's figures by their frames: values, order and what is missing; and each drawn once."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import made_up_runs as made
from m2clip import experiment, profiles
from m2clip.report import correlation, declared, results
from m2clip.report.figures import (
    all_figures,
    confusion,
    curves,
    fig1,
    fig1_published,
    fig2a,
    fig2b,
    fig4a,
    fig4a_reversed,
    fig4b,
    fig4c,
    fig4c_heads,
    labels,
    style,
)  # fmt: skip
from m2clip.report.numbers import Source
from m2clip.runs import RunKey
from m2clip.synthetic.templates import PAIRS


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """The real declarations, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    made.declare(tmp_path)
    return tmp_path


def run(names, seeds=(0,)):
    configs = made.resolve()
    for row in names:
        for seed in seeds:
            made.run(row, configs[row], seed)
            if configs[row].train.steps:
                made.write_history(RunKey(made.PROFILE, row, seed), configs[row].options.heads)
    made.complexity(configs)


def read(*more):
    """All tables with what ran of them."""
    asked = declared.read(profiles.params()["tables"], experiment.rows())
    return results.read(profiles.read(made.PROFILE), asked, ["main", *more])


def frame_of(figure, found):
    return figure.frame(found.places[figure.TABLE])


def by_row(frame, **where):
    """Lines of a frame by row, of those that are as asked."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame.set_index("row")


def test_the_same_bytes_each_time():
    run(("clip", "main", "te"))
    found = read()
    contents = []
    for folder in map(Path, ("one", "two")):
        for key in ("fig1", "fig4b"):
            module = all_figures.modules()[key]
            all_figures._drawn(key, frame_of(module, found), module.__name__, folder)
        contents.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert len(contents[0]) == 8
    assert contents[0] == contents[1]


def test_without_a_run_there_is_what_the_paper_printed():
    run(())
    drawn = all_figures.draw(read(), Path("figures"))
    assert {one.name for one in drawn if one.caption} == {"fig1-published", "fig4a", "fig4c"}
    whys = {one.name: one.why for one in drawn if not one.caption}
    assert whys.pop("fig4a-reversed").startswith("is empty: no two of the labels that were run")
    assert set(whys) == {"fig1", "fig2a", "fig2b", "fig2b-names", "fig4b", "fig4c-heads", "curves"}
    assert set(whys.values()) == {"has no run yet"}
    assert not list(Path("figures").glob("fig2a*"))


def test_circles_are_the_tables_numbers_and_a_missing_run_has_none():
    run(("clip", "main", "ted"))
    found = read()
    frame = frame_of(fig1, found)
    assert list(dict.fromkeys(frame["zero_shot_set"])) == ["Synth-UCF101", "Synth-HMDB51"]
    assert set(frame["trained_on"]) == {"Synth-K400"}
    there = by_row(frame, zero_shot_set="Synth-HMDB51")
    shown = [row for row in found.places["fig1"].rows if row.config is None or row.config.options.zero_shot]
    assert list(there.index) == [row.name for row in shown] and "st-adapter" not in there.index
    for name in ("clip", "main", "ted"):
        row = found.rows[name]
        assert there.loc[name, "supervised"] == found.top1(row).value
        assert there.loc[name, "zero_shot"] == found.top1(row, "hmdb51").value
        assert (
            there.loc[name, "supervised_low"]
            < there.loc[name, "supervised"]
            < there.loc[name, "supervised_high"]
        )
        assert there.loc[name, "parameters_m"] == 16.0
    assert there.loc["cmc", ["supervised", "zero_shot"]].isna().all()
    assert "Contrastive, CMC" not in fig1.alt(frame)
    with style.paper():
        upper, lower = fig1.draw(frame).axes
        texts = [text.get_text() for text in upper.texts]
        assert {"CLIP zero-shot", "M2-CLIP", "TED-Adapter alone"} <= set(texts)
        assert upper.get_xlabel().startswith("no run yet: ") and "Contrastive" in upper.get_xlabel()
        assert lower.get_xlabel().startswith("supervised top-1 on Synth-K400, %\nno run yet: ")


def test_a_circle_far_below_many_others_is_an_arrow_with_its_number():
    line = {"zero_shot_set": "A", "trained_on": "B", "row": "", "parameters_m": 5.0}
    line |= {f"supervised_{end}": np.nan for end in ("low", "high")}
    line |= {f"zero_shot_{end}": np.nan for end in ("low", "high")}
    heights = [*np.linspace(60, 80, 9), 12.5]
    lines = [
        {**line, "label": f"m{at}", "supervised": 50 + at, "zero_shot": y} for at, y in enumerate(heights)
    ]
    with style.paper():
        for count, low in ((10, 50), (4, 55)):
            ax = fig1.draw(pd.DataFrame(lines[-count:])).axes[0]
            texts = " ".join(text.get_text() for text in ax.texts)
            assert ("m9: 12.5 %" in texts) == (count == 10), "few circles squash none"
            assert (ax.get_ylim()[0] > low) == (count == 10)
            assert "m8" in texts


def test_published_circles_are_the_papers_alone():
    frame = frame_of(fig1_published, read())
    line = frame[(frame["label"] == "M2-CLIP") & frame["zero_shot_set"].str.startswith("UCF101")].iloc[0]
    assert (line["supervised"], line["zero_shot"], line["parameters_m"]) == (83.4, 78.7, 16)
    assert {source.file.parent.name for sources in frame["sources"] for source in sources} == {"published"}
    assert frame["zero_shot_set"].str.endswith("published").all()
    assert len(set(style.colours(frame["label"].tolist()).values())) == frame["label"].nunique()


def test_a_bar_or_a_word_for_every_method():
    run(("st-adapter", "main", "ssv2"))
    found = read()
    frame = frame_of(fig2a, found)
    assert len(frame) == 3 * 4
    words = {(one.label, one.group): one.missing for one in frame.itertuples()}
    assert words["ST-Adapter", "zero-shot Synth-UCF101"] == "none"
    assert words["ST-Adapter with text", "supervised Synth-K400"] == "no run yet"
    assert words["M2-CLIP", "supervised Synth-SSv2"] == ""
    line = frame[(frame["label"] == "M2-CLIP") & (frame["group"] == "zero-shot Synth-HMDB51")].iloc[0]
    assert line["top1"] == found.top1(found.rows["main"], "hmdb51").value
    assert f"zero-shot Synth-HMDB51: M2-CLIP {line['top1']:.1f} %." in fig2a.alt(frame)


def test_error_bars_say_what_they_are():
    run(("main", "text-0"))
    one = all_figures._drawn("fig4b", frame_of(fig4b, read()), fig4b.__name__, Path("figures"))
    assert one.caption.endswith(all_figures.ONE_SEED)
    made.edit("params.yaml", lambda content: content.update(seeds=[0, 1]))
    run(("main", "text-0"), seeds=(0, 1))
    frame = frame_of(fig4b, read())
    drawn = all_figures._drawn("fig4b", frame, fig4b.__name__, Path("figures"))
    assert drawn.caption.endswith(all_figures.SEEDS)
    line = by_row(frame, panel="supervised Synth-K400").loc["main"]
    std = read().top1(read().rows["main"]).std
    assert (line["top1"] - line["top1_low"], line["top1_high"] - line["top1"]) == pytest.approx((std, std))


def test_the_number_of_text_adapters():
    run(("main", "text-0", "text-all"))
    frame = by_row(frame_of(fig4b, read()), panel="supervised Synth-K400")
    counts = dict(frame["text_adapters"])
    assert (counts["text-0"], counts["main"], counts["text-2"]) == (0, 1, 2)
    assert frame["top1"].notna().to_dict() == {
        name: name in ("main", "text-0", "text-all") for name in frame.index
    }
    assert not frame["explored"].any()


@pytest.mark.parametrize("figure", [fig4a, fig4c])
def test_published_and_measured_steps_share_no_axes(figure):
    run(experiment.rows())
    found = read()
    frame, place = frame_of(figure, found), found.places[figure.TABLE]
    published = frame[frame["published"]]
    assert set(published["panel"]) == {"Published K400"}
    assert set(frame[~frame["published"]]["panel"]) == {
        f"Measured Synth-{name}" for name in (("K400", "SSv2") if figure is fig4a else ("K400",))
    }
    for row in place.rows:
        step = found.step(row, place.reference(row))
        line = by_row(frame, published=False).loc[row.name]
        assert line["step"] == step.value
        assert set(line["sources"]) == set(step.sources)
        assert line["reference"] == step.is_reference
        if step.interval:
            assert (line["low"], line["high"]) == step.interval
    with style.paper():
        axes = figure.draw(frame).axes
        drawn = [{x for line in ax.lines for x in np.ravel(line.get_xdata())} - {0} for ax in axes]
    assert drawn[0] == set(published["step"].dropna()) - {0}
    assert not drawn[0] & set.union(*drawn[1:]), "made up so that none is the same"
    assert {id(ax.get_shared_x_axes()) for ax in axes} and not any(
        ax.get_shared_x_axes().joined(ax, axes[0]) for ax in axes[1:]
    )


def steps_frame(values):
    """A measured panel of these steps, each with an interval of a point to both sides."""
    names = [f"row {at}" for at in range(len(values))]
    frame = pd.DataFrame({"label": names, "step": values}).assign(
        panel="Measured K400", low=np.array(values) - 1, high=np.array(values) + 1, published=False
    )
    return frame.assign(reference=frame["step"] == 0)


def test_the_interval_of_a_step_is_drawn_from_its_low_to_its_high_end():
    with style.paper():
        ax = fig4a.draw(steps_frame([0.0, 2.0, -3.0])).axes[0]
        ends = [bar.get_segments()[0][:, 0].tolist() for bar in ax.collections]
    assert [1.0, 3.0] in ends and [-4.0, -2.0] in ends


def test_one_step_does_not_squash_the_others():
    with style.paper():
        ax = fig4a.draw(steps_frame([0.0, 2.0, -3.0, -40.0])).axes[0]
        low, high = ax.get_xlim()
        texts = [text.get_text() for text in ax.texts]
    assert -8 < low < -4 and 3 < high < 8
    assert texts == ["−40.0"], "its number stands at the edge"
    with style.paper():
        assert fig4a.draw(steps_frame([0.0, 2.0, -3.0])).axes[0].texts[:] == []


def test_a_row_of_ones_own_is_a_step():
    visual = {"adapters": {"visual": {"bottleneck": 0.25}}}
    made.edit("experiments/rows/m2clip.yaml", lambda content: content.update({"zz-thin": visual}))
    made.edit("experiments/tables.yaml", lambda content: content["tables"]["fig4a"]["rows"].append("zz-thin"))
    run(("main", "zz-thin"))
    found = read()
    line = by_row(frame_of(fig4a, found), panel="Measured Synth-K400").loc["zz-thin"]
    assert line["label"] == "M2-CLIP, adapters.visual.bottleneck=0.25"
    assert line["step"] == found.step(found.rows["zz-thin"], found.rows["main"]).value
    assert by_row(frame_of(fig4a, found), published=True)["step"].isna()["zz-thin"], (
        "the paper has no such row"
    )


def test_pairs_are_those_of_the_reference_on_the_dataset_with_pairs(monkeypatch):
    one, other = PAIRS[0]
    monkeypatch.setattr(made, "LABELS", [one, other])
    run(("main", "te-ssv2", "ssv2", "site-both-ssv2"))
    found = read()
    frame = frame_of(fig4a_reversed, found)
    assert list(frame[frame["part"] == "by row"].dropna(subset=["right"])["row"]) == [
        "te-ssv2", "ssv2", "site-both-ssv2",
    ]  # fmt: skip
    assert frame[frame["part"] == "by row"]["right"].isna().sum() == 5, "a row without a run is there"
    assert frame["part"].iloc[-1] == "M2-CLIP, by pair"
    assert frame["row"].iloc[-1] == "ssv2"
    place = found.places["fig4a"]
    alone = dataclasses.replace(place, references=())
    monkeypatch.setitem(found.places, "fig4a", alone)
    assert frame_of(fig4a_reversed, found)["row"].iloc[-1] == "site-both-ssv2", "without a reference the last"


def test_confusion_counts_the_rows_of_the_table(monkeypatch):
    run(("main", "clip", "te"))
    found = read()
    frames = confusion.frames(found.places["main"])
    assert list(frames) == ["confusion-main"], "clip is not trained, ssv2 not run"
    frame = frames["confusion-main"]
    assert (frame["percent"] == 100).all() and (frame["true"] == frame["predicted"]).all()
    assert frame["sources"].iloc[0] == (Source((key := RunKey(made.PROFILE, "main", 0)).confusion, "", key),)
    assert "100.0 % of 60 videos are right." in confusion.alt(frame)


def test_curves_have_every_log_line_and_a_row_without_a_run_says_so():
    run(("main",))
    frame = frame_of(curves, read())
    assert list(dict.fromkeys(frame["title"])) == ["M2-CLIP on Synth-K400", "M2-CLIP on Synth-SSv2"]
    there = frame.dropna(subset=["loss"])
    assert (there["row"] == "main").all() and len(there) == 4 * 20
    last = there[there["step"] == 100].set_index("head")["loss"]
    assert last.to_dict() == pytest.approx({"contrastive": 0.05, "CMC": 1.05, "CMLM": 2.05, "VC": 3.05})
    assert "M2-CLIP on Synth-SSv2: no run yet" in curves.alt(frame)


def test_no_line_of_a_head_hides_another():
    run(("contrastive", "cmc", "main"))
    frame = frame_of(fig4c_heads, read())
    assert set(frame[frame["head"] == "CMC"]["row"]) == {"cmc", "main"}
    with style.paper():
        lines = [line for line in fig4c_heads.draw(frame).axes[0].lines if len(line.get_xdata())]
        widths = [line.get_linewidth() for line in lines]
    assert len(lines) == 3 and widths == sorted(widths, reverse=True) and len(set(widths)) == 3


def test_a_label_of_many_classes_stays_readable():
    names = [f"label {number}" for number in range(60)]
    matrix = pd.DataFrame(0, index=names, columns=names)
    for number in range(60):
        matrix.iloc[number, number if number >= 50 else (number + 1) % 60] = 2
    found = confusion.shares(matrix)
    assert list(found.index) == names[: confusion.MOST]
    assert found[confusion.OTHERS].iloc[-1] == 100
    assert (found.sum(axis=1) == 100).all()


def test_what_a_figure_is_made_of():
    run(("main", "clip", "te", "ssv2"))
    found = read("te")
    assert {"fig1", "fig4a-reversed", "confusion", "curves", "temporal_difference"} <= set(
        all_figures.names(found)
    )
    part = next(part for part in all_figures.parts("fig4a", found) if part.name == "te")
    assert {source.file.name for source in part.sources if source.run} == {"metrics.json", "outcomes.json"}
    assert {source.run.row for source in part.sources if source.run} == {"te", "main"}
    assert sum(source.file.name == "fig4a_ted_adapter.csv" for source in part.sources) == 2
    assert part.row is found.rows["te"]
    key = RunKey(made.PROFILE, "te", 0)
    assert [part.sources for part in all_figures.parts("confusion-te", found)] == [
        (Source(key.confusion, "", key),)
    ]
    assert {source.run.row for part in all_figures.parts("gains-te", found) for source in part.sources} == {
        "te", "clip",
    }  # fmt: skip
    assert [part.name for part in all_figures.parts("curves", found)] == ["main", "ssv2"]
    assert (
        all_figures.parts("temporal_difference", found)[0].sources[0].file
        == RunKey(made.PROFILE, "main", 0).weights
    )
    assert all_figures.parts("fig1-publish", found) == []
    assert all(part.row is None and part.label for part in all_figures.parts("fig1-published", found))


def test_the_csv_is_the_frame():
    run(("main", "text-0"))
    frame = frame_of(fig4b, read())
    all_figures._drawn("fig4b", frame, fig4b.__name__, Path("figures"))
    written = pd.read_csv("figures/fig4b.csv")
    assert list(written.columns) == list(frame.columns)
    assert written["top1"].to_numpy() == pytest.approx(frame["top1"].to_numpy(), abs=1e-4, nan_ok=True)
    assert written["sources"][1].count("metrics.json: supervised.top1") == 1


def test_names_at_points_cover_neither_each_other_nor_a_circle():
    points = np.array([[87.7, 91.0], [87.7, 90.5], [86.4, 90.0], [85.6, 88.2], [84.7, 85.2], [62.0, 77.0]])
    names = [
        "Contrastive, CMC",
        "Contrastive, CMC, CMLM",
        "M2-CLIP",
        "Contrastive alone",
        "TED-Adapter alone",
        "CLIP",
    ]
    with style.paper():
        figure, ax = plt.subplots(figsize=(style.COLUMN, 60 * style.MM), layout="constrained")
        ax.scatter(*points.T, s=45)
        ax.margins(0.15)
        figure.canvas.draw()
        labels.label_points(ax, points, names, np.full(len(points), 45.0), np.empty((0, 2, 2)))
        boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
        circles = ax.transData.transform(points)
        assert [text.get_text() for text in ax.texts if text.get_text()] == names
        for at, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[at + 1 :])
            assert not any(box.contains(*middle) for middle in circles)
            assert ax.get_window_extent().contains(box.x0, box.y0) and ax.get_window_extent().contains(
                box.x1, box.y1
            )


def test_colours_are_the_same_everywhere():
    found = style.colours(["M2-CLIP", "ST-Adapter", "mine"])
    assert found == style.colours(["M2-CLIP", "ST-Adapter", "mine", "M2-CLIP"])
    assert style.colours(["ST-Adapter", "M2-CLIP"]) == {key: found[key] for key in ("ST-Adapter", "M2-CLIP")}
    assert len(set(found.values())) == 3
    assert len({*style.LABELS.values(), *style.SPARE}) == len(style.LABELS) + len(style.SPARE)


def test_the_most_alike_labels_are_chosen_once():
    run(("st-adapter-text-ssv2", "ssv2"))
    found = read()
    chosen = found.places["fig2b"].rows
    features = [row.runs[0].label_features for row in chosen]
    plain = [np.array([[np.corrcoef(a, b)[0, 1] for b in one] for a in one]) for one in features]
    means = (plain[0].sum(axis=1) - 1) / (len(made.LABELS) - 1)
    order = list(np.argsort(-means))
    frame = frame_of(fig2b, found)
    for row, whole in zip(chosen, plain, strict=True):
        lines = frame[frame["row"] == row.name]
        assert list(dict.fromkeys(lines["one"])) == [made.LABELS[at] for at in order]
        drawn = lines.pivot(index="at", columns="other_at", values="correlation").to_numpy()
        assert drawn == pytest.approx(whole[np.ix_(order, order)])
        pairs = np.array([whole[a, b] for a in range(6) for b in range(6) if a != b])
        told = lines[["mean", "mean_size", "largest_size"]].iloc[0]
        assert list(told) == pytest.approx([pairs.mean(), abs(pairs).mean(), abs(pairs).max()])
    assert correlation.compare(chosen[::-1]).labels != correlation.compare(chosen).labels
    assert "mean |r|" in fig2b.levels(lines) and "-" not in fig2b.levels(lines), "a true minus sign"
    lines = correlation.pairs(chosen[1]).splitlines()
    assert lines[0] == "label,other,correlation"
    assert len(lines) == 1 + 36
    assert float(lines[2].split(",")[2]) == pytest.approx(plain[1][0, 1], abs=1e-4)


def test_a_map_without_a_run_says_so():
    run(("st-adapter-text-ssv2",))
    frame = frame_of(fig2b, read())
    with style.paper():
        axes = fig2b.draw(frame).axes
    assert [text.get_text() for text in axes[1].texts] == ["no run yet"]
    assert "M2-CLIP: no run yet" in fig2b.alt(frame)


def test_at_most_forty_labels():
    random = np.random.default_rng(0).normal(size=(50, 12))
    whole = np.corrcoef(random)
    chosen = correlation.most_alike(whole)
    assert len(chosen) == 40
    means = (whole.sum(axis=1) - 1) / 49
    assert min(means[chosen]) >= max(np.delete(means, chosen))
