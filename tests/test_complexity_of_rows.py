"""Rows at full size for 8, 16 and 32 frames, against sums written out by hand from their declarations.

Of M2-CLIP, CLIP and ST-Adapter; the counts of the other methods are in their own tests (tests/methods/).
Nothing of the package is used but the count that is tested and how a row differs: its cost is written layer
by layer from the paper's equations and ST-Adapter's.
"""

from pathlib import Path

import pytest

from m2clip import experiment
from m2clip.stages import complexity as stage

ROOT = Path(__file__).parents[1]
LABELS = (ROOT / stage.LABELS).read_text(encoding="utf-8").splitlines()
METHODS = ("m2clip", "clip", "st_adapter")
ROWS = {name: experiment.differences(name) for name in experiment.rows()}
ROWS = {name: over for name, over in ROWS.items() if over.get("method", "m2clip") in METHODS}
ROWS = {name: {**over, **over.get("options", {})} for name, over in ROWS.items()}
# ViT-B/16: width, patches, tokens, layers, joint space; the text tower's width; tokens of the longest prompt.
D, M, L, LAYERS, E, TEXT, LONGEST = 768, 14 * 14, 14 * 14 + 1, 12, 512, 512, 11
HALF, THREE_QUARTERS = 384, 384
LAYERS_NAMED = {"all": 12, "none": 0, "front": 5, "back": 7}


def asked(row, *path, default):
    """A value of the row's declaration, or what the paper's model has there."""
    for key in path:
        row = row.get(key, {})
    return row if row != {} else default


def sites(row):
    """How many image blocks and sites get an adapter."""
    layers = asked(row, "adapters", "visual", "layers", default="all")
    own = ("options", "site") if row.get("method") == "st_adapter" else ("adapters", "visual", "site")
    both = asked(row, *own, default="attention") == "both"
    return (LAYERS_NAMED[layers] if isinstance(layers, str) else len(layers)) * (2 if both else 1)


def visual_adapter(row):
    """Of one adapter: parameters by part, and multiply-adds a frame."""
    projections = D * HALF + HALF + HALF * D + D
    if row.get("method", "m2clip") == "clip":
        return {}, 0
    if row.get("method") == "st_adapter":  # a 3x1x1 convolution of each channel, on the patches alone
        return {"other": projections + 3 * HALF + HALF}, M * (D * HALF + 3 * HALF + HALF * D)
    parts, macs = {}, 0
    if asked(row, "adapters", "visual", "temporal_enhancement", default=True):  # Eq. 6, on all tokens
        parts["temporal_enhancement"] = projections + 3 * HALF + HALF
        macs += L * (D * HALF + 3 * HALF + HALF * D)
    if asked(row, "adapters", "visual", "temporal_difference", default=True):  # Eq. 7, on the patches
        shared = asked(row, "adapters", "visual", "projections", default="separate") == "shared"
        parts["temporal_difference"] = (0 if shared else projections) + 9 * HALF + HALF
        macs += M * (D * HALF + 9 * HALF + HALF * D)
    return parts, macs


def transformer(tokens, width):
    """Multiply-adds of a block: four projections, scores and their sums, two layers four times as wide."""
    return 4 * tokens * width * width + 2 * tokens * tokens * width + 2 * tokens * width * 4 * width


def text_layers(row):
    if row.get("method", "m2clip") != "m2clip":
        return 0
    layers = asked(row, "adapters", "text", "layers", default=1)
    both = asked(row, "adapters", "text", "site", default="mlp") == "both"
    return (12 if layers == "all" else layers) * (2 if both else 1)


def trained_heads(row):
    """M2-CLIP's are declared; CLIP trains nothing; ST-Adapter ends in a classifier or in text."""
    if row.get("method", "m2clip") == "m2clip":
        return asked(row, "decoder", "heads", default=["contrastive", "cmc", "cmlm", "vc"])
    text = row["method"] == "clip" or asked(row, "options", "head", default="classifier") == "text"
    return ["contrastive"] if text else ["vc"]


def trainable(row):
    heads = trained_heads(row)
    words = {word.lower() for label in LABELS for word in label.split()}
    if asked(row, "decoder", "mask_words", default="label") == "prompt":  # and the released code's "name"
        words |= {"a", "video", "of", "name"}
    own = ("options", "feature") if row.get("method") == "st_adapter" else ("decoder", "vc_feature")
    features = D if asked(row, *own, default="joint") == "width" else E
    text_adapter = TEXT * THREE_QUARTERS + THREE_QUARTERS + THREE_QUARTERS * TEXT + TEXT
    word_head = TEXT * TEXT + TEXT + 2 * TEXT + TEXT * len(words) + len(words)
    counts = {part: sites(row) * count for part, count in visual_adapter(row)[0].items()}
    counts["text_adapters"] = text_layers(row) * text_adapter
    counts["cmlm_adapter"] = text_adapter if "cmlm" in heads else 0
    counts["word_head"] = word_head if "cmlm" in heads else 0
    if asked(row, "decoder", "temporal_convolution", default=False):
        counts["temporal_convolution"] = 2 * E * E // 2 + E // 2 + E + 3 * E // 2 + E // 2
    counts["vc"] = features * len(LABELS) + len(LABELS) if "vc" in heads else 0
    return counts


def macs_view(row, frames):
    patches = M * 3 * 16 * 16 * D
    adapters = sites(row) * visual_adapter(row)[1]
    released = asked(row, "decoder", "temporal_convolution", default=False)
    after = 2 * E * E // 2 + 3 * E // 2 if released else 0
    return frames * (patches + LAYERS * transformer(L, D) + adapters + D * E + after)


def macs_text(row):
    adapters = text_layers(row) * LONGEST * 2 * TEXT * THREE_QUARTERS
    return len(LABELS) * (LAYERS * transformer(LONGEST, TEXT) + adapters + TEXT * E)


@pytest.fixture(scope="module")
def table():
    """Rows that cost the same are counted once."""
    lines = stage.lines(ROWS, tuple(LABELS), (8,))
    some = {row: ROWS[row] for row in ("main", "clip", "st-adapter", "site-both")}
    lines += stage.lines(some, tuple(LABELS), tuple(frames for frames in stage.FRAMES if frames > 8))
    return {(line["row"], int(line["frames"])): line for line in lines}


def test_the_stage_counts_8_16_and_32_frames():
    assert stage.FRAMES == (8, 16, 32)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_a_row_costs_what_is_written_out(row, table):
    expected = trainable(ROWS[row])
    lines = {frames: line for (name, frames), line in table.items() if name == row}
    assert 8 in lines
    for frames, line in lines.items():
        assert line["method"] == ROWS[row].get("method", "m2clip")
        counted = {part: int(line[part]) for part in stage.COMPONENTS if int(line[part])}
        assert counted == {part: count for part, count in expected.items() if count}
        assert int(line["trainable_total"]) == sum(expected.values())
        assert line["gmacs_view"] == f"{macs_view(ROWS[row], frames) / 1e9:.3f}"
        assert line["gmacs_text"] == f"{macs_text(ROWS[row]) / 1e9:.3f}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "frames", "counted"),
    [
        ("st-adapter", 8, 151.6), ("st-adapter", 32, 606.5), ("clip", 8, 140.5), ("site-both", 8, 185.2),
        ("main", 8, 162.8), ("main", 16, 325.7), ("main", 32, 651.4),
    ],
)  # fmt: skip
def test_the_public_implementations_cost_the_same(row, frames, counted, table):
    """Counted on their own code by torch's counter: multiply-adds of the image tower for one view."""
    assert round(float(table[row, frames]["gmacs_view"]), 1) == counted


@pytest.mark.slow
def test_st_adapters_own_parameters_are_the_published_7_11_million(table):
    assert round(int(table["st-adapter", 8]["other"]) / 1e6, 2) == 7.11


@pytest.mark.slow
def test_components_apart_are_the_same_counts(table):
    of_row = {}
    for row, config, cost in stage.costs(
        {row: ROWS[row] for row in ("main", "st-adapter")}, tuple(LABELS), (8,)
    ):
        of_row[row] = {
            (line["kind"], line["component"]): line["count"] for line in stage.components(row, config, cost)
        }
        assert all(line["method"] == config.method for line in stage.components(row, config, cost))
    main, adapter = of_row["main"], of_row["st-adapter"]
    expected = {("trainable", part): str(count) for part, count in trainable(ROWS["main"]).items() if count}
    frozen = table["main", 8]["frozen_total"]
    assert {key: value for key, value in main.items() if key[0] != "gmacs"} == expected | {
        ("frozen", "all"): frozen
    }
    gmacs = {part: float(value) for (kind, part), value in main.items() if kind == "gmacs"}
    assert gmacs == pytest.approx(
        {"view": macs_view(ROWS["main"], 8) / 1e9, "text": macs_text(ROWS["main"]) / 1e9,
         "compare": 2 * len(LABELS) * E / 1e9}, abs=1e-6,
    )  # fmt: skip
    assert ("gmacs", "text") not in adapter, "a classifier reads no text"
    assert {part for kind, part in adapter if kind == "trainable"} == {"adapters", "vc"}


def test_a_method_is_counted_at_the_frames_that_fit_it():
    """A grid of DUALPATH has 16 frames: there is no line for 8, and no mistake either."""
    config = stage.full_size("dualpath", {"method": "dualpath"})
    assert config.data.frames == 16
    lines = stage.lines({"dualpath": {"method": "dualpath"}}, tuple(LABELS[:8]), stage.FRAMES)
    assert [line["frames"] for line in lines] == ["16", "32"]
