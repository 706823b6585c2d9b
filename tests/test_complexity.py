"""Parameters and multiply-adds at full size: the published anchors, and a formula written out by hand."""

from pathlib import Path

import pytest
import torch

import report_files
from m2clip import profiles
from m2clip.config import Run
from m2clip.errors import UserError
from m2clip.evaluation import complexity as counter
from m2clip.evaluation import kept_complexity as keeper
from m2clip.evaluation.complexity import complexity
from m2clip.parsing import build, plain
from m2clip.stages import complexity as stage

LABELS = tuple(
    (Path(__file__).parent.parent / "experiments" / "labels" / "kinetics400.txt")
    .read_text(encoding="utf-8")
    .splitlines()
)
RELEASED = {"vc_feature": "width", "temporal_convolution": True, "mask_words": "prompt"}
D, M, E, LAYERS = 768, 196, 512, 12
TEXT_WIDTH, TEXT_BOTTLENECK = 512, 384


def count(differences=None, frames=8):
    (cost,) = complexity(build(Run, differences or {}), LABELS, (frames,))
    return cost


def block_macs(tokens, width):
    """Queries, keys, values and output; scores and their sums; the feed-forward network."""
    return tokens * 4 * width**2 + 2 * tokens**2 * width + tokens * 2 * 4 * width**2


def view_macs(frames, enhancements=0, differences=0, bottleneck=384, convolution=False):
    tokens = M + 1
    frame = M * D * 3 * 16**2 + LAYERS * block_macs(tokens, D) + D * E
    frame += enhancements * tokens * (2 * D * bottleneck + 3 * bottleneck)
    frame += differences * M * (2 * D * bottleneck + 9 * bottleneck)
    frame += convolution * (2 * E * E // 2 + 3 * E // 2)
    return frames * frame


def text_macs(texts, tokens, adapters):
    text = LAYERS * block_macs(tokens, TEXT_WIDTH) + adapters * tokens * 2 * TEXT_WIDTH * TEXT_BOTTLENECK
    return texts * (text + TEXT_WIDTH * E)


def test_clip_alone_is_the_published_140_billion():
    clip = count({"method": "clip"})
    assert clip.macs_view == view_macs(8)
    assert round(clip.macs_view / 1e9, 1) == 140.5
    assert clip.trainable_total == 0


@pytest.mark.parametrize(("frames", "counted"), [(8, 162.85), (16, 325.7), (32, 651.4)])
def test_m2clip_is_what_was_counted_on_the_released_code_at_every_number_of_frames(frames, counted):
    macs = count(frames=frames).macs_view
    assert macs == view_macs(frames, enhancements=12, differences=12)
    assert macs / 1e9 == pytest.approx(counted, abs=0.05)


def test_every_component_of_the_papers_model_is_pinned():
    cost = count()
    assert cost.trainable == {
        "temporal_enhancement": 7_110_144,
        "temporal_difference": 7_137_792,
        "text_adapters": 394_112,
        "cmlm_adapter": 394_112,
        "word_head": 528_901,
        "vc": 205_200,
        "temporal_convolution": 0,
    }
    assert cost.trainable_total == 15_770_261
    assert cost.frozen == 149_620_736


def test_the_released_decoder_has_the_16_138_136_of_the_papers_table():
    cost = count({"decoder": RELEASED})
    assert cost.trainable_total == 16_138_136
    assert cost.trainable["temporal_convolution"] == 263_936
    assert cost.trainable["vc"] == 769 * 400


def test_only_projections_of_their_own_meet_the_papers_16_million():
    shared = count({"decoder": RELEASED, "adapters": {"visual": {"projections": "shared"}}})
    saved = 12 * (2 * 768 * 384 + 384 + 768)  # one pair less in each of twelve TED-Adapters
    assert shared.trainable_total == 16_138_136 - saved
    assert round(shared.trainable_total / 1e6) == 9


@pytest.mark.parametrize(
    ("differences", "arguments"),
    [
        ({"visual": {"site": "both"}}, {"enhancements": 24, "differences": 24}),
        ({"visual": {"layers": "front"}}, {"enhancements": 5, "differences": 5}),
        ({"visual": {"layers": [3], "temporal_difference": False}}, {"enhancements": 1}),
        ({"visual": {"temporal_enhancement": False, "fusion": "sequential"}}, {"differences": 12}),
        ({"visual": {"bottleneck": 0.25}}, {"enhancements": 12, "differences": 12, "bottleneck": 192}),
    ],
)
def test_a_view_costs_what_the_formula_says(differences, arguments):
    assert count({"adapters": differences}, frames=3).macs_view == view_macs(3, **arguments)


def test_the_temporal_convolution_is_part_of_a_view():
    macs = count({"decoder": RELEASED}, frames=3).macs_view
    assert macs == view_macs(3, enhancements=12, differences=12, convolution=True)


@pytest.mark.parametrize(("layers", "adapters"), [(0, 0), (1, 1), ("all", 12)])
def test_the_text_side_is_all_labels_once_without_their_padding(layers, adapters):
    cost = count({"adapters": {"text": {"layers": layers}}}, frames=1)
    assert cost.macs_text == text_macs(400, 11, adapters)


def test_the_text_formula_gives_the_published_3_billion_for_one_text_of_77_tokens():
    assert round(text_macs(1, 77, 1) / 1e9, 2) == 3.01


def test_fused_attention_hides_no_product_and_is_given_back(make_model, backbone):
    on_cpu, _ = make_model(double=False)
    config = build(Run, {"backbone": plain(backbone)})
    on_meta, _ = counter.build_model(config, ("archery",), seed=0, device="meta")
    counted = []
    for model, device in ((on_cpu, "cpu"), (on_meta.eval(), "meta")):
        video = torch.empty(1, 2, 3, 32, 32, device=device)
        counted.append(counter.multiply_adds(lambda m=model, v=video: m.video(v))[0])
        assert torch.backends.mha.get_fastpath_enabled()
    assert counted[0] == counted[1]


def test_the_stage_gives_a_line_for_every_row_and_number_of_frames():
    declared = {"main": {"data": {"dataset": "ssv2"}}, "te": {"adapters": {"visual": {"layers": [1]}}}}
    table = stage.lines(declared, LABELS, frames=(8, 16))
    assert [(line["row"], line["frames"]) for line in table] == [
        ("main", "8"),
        ("main", "16"),
        ("te", "8"),
        ("te", "16"),
    ]
    assert all(tuple(line) == stage.COLUMNS for line in table)
    assert table[0]["gmacs_view"] == "162.847" and table[0]["trainable_total"] == "15770261"
    assert sum(int(table[2][component]) for component in stage.COMPONENTS) == int(table[2]["trainable_total"])


@pytest.mark.parametrize(
    ("differences", "part"),
    [
        ({"adapters": {"visual": {"layers": [13]}}}, "adapters.visual.layers: there is no layer 13"),
        ({"adapters": {"text": {"layers": 13}}}, "adapters.text.layers: 13"),
        ({"decoder": {"head": ["vc"]}}, "unknown key decoder.head"),
    ],
)
def test_what_does_not_exist_at_full_size_is_named_with_its_row(differences, part):
    with pytest.raises(UserError) as caught:
        stage.lines({"main": {}, "mine": differences}, LABELS, (8,))
    assert str(caught.value).startswith("row mine at full size (ViT-B-16): ")
    assert part in str(caught.value)


def test_the_stage_reads_rows_and_params_and_writes_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["complexity"])
    monkeypatch.setattr(stage, "FRAMES", (8,))
    labels = tmp_path / stage.LABELS
    labels.parent.mkdir(parents=True)
    labels.write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    profiles.PARAMS.write_text("profile: smoke\nseeds: [0]\nadapters: {text: {layers: 2}}\n")
    report_files.declare_rows({"main": {}, "clip": {"method": "clip"}})
    stage.main()
    written = stage.OUTPUT.read_bytes()
    assert b"\r" not in written
    head, main, clip = written.decode().splitlines()
    assert head.split(",") == list(stage.COLUMNS)
    assert main.startswith("main,m2clip,8,7110144,7137792,788224,")
    assert clip == "clip,clip,8,0,0,0,0,0,0,0,0,0,149620736,140.508,166.794,0.000"


def test_a_config_is_counted_once_as_long_as_nothing_that_decides_it_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counted = []

    def count(config, labels, frames):
        counted.append((config.method, len(labels), frames))
        cost = counter.Complexity(
            trainable={"vc": 3}, frozen=5, frames=8, macs_view=7, macs_compare=11, macs_text=len(counted)
        )
        return [cost, cost]

    monkeypatch.setattr(keeper, "complexity", count)
    one = keeper.kept_complexity(Run(), ["a"], (8,))
    assert one == keeper.kept_complexity(build(Run, {}), ("a",), [8]) and one[1].trainable == {"vc": 3}
    other = build(Run, {"data": {"frames": 4}})
    for config, labels, frames in ((other, ("a",), (8,)), (Run(), ("b",), (8,)), (Run(), ("a",), (8, 16))):
        assert keeper.kept_complexity(config, labels, frames)[0].macs_text == len(counted)
    monkeypatch.setattr(keeper.closure, "of_row", lambda stage, method: f"other {stage} {method}")
    keeper.kept_complexity(Run(), ("a",), (8,))
    assert len(counted) == 5
