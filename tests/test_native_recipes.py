"""Under the profile `paper` a method is trained by its authors' recipe: their code's numbers, once more."""

from pathlib import Path

import pytest

from m2clip import experiment, profiles
from m2clip.schedule import resolve_schedule
from m2clip.training.mixing import check_cells

VIDEOS = 240_000
# row: rate, of so many videos, batch, epochs (or steps), weight decay, frames, clips x crops
AUTHORS = {
    "st-adapter": (1e-3, 256, 192, 12, 0.01, 8, "3x1"),
    "st-adapter-ssv2": (1e-3, 256, 192, 50, 0.01, 8, "1x3"),
    "st-adapter-32": (1e-3, 256, 192, 12, 0.01, 32, "3x1"),
    "st-adapter-32-ssv2": (1e-3, 256, 192, 50, 0.01, 32, "1x3"),
    "aim": (3e-4, 64, 64, 30, 0.05, 8, "3x1"),
    "aim-32": (3e-4, 64, 64, 30, 0.05, 32, "3x1"),
    "aim-32-ssv2": (3e-4, 64, 64, 50, 0.05, 32, "1x3"),
    "aim-ssv2": (3e-4, 64, 64, 50, 0.05, 8, "1x3"),
    "evl": (4e-4, 256, 256, 50_000, 0.05, 8, "3x1"),
    "evl-ssv2": (4e-4, 256, 256, 50_000, 0.05, 8, "1x3"),
    "evl-16": (4e-4, 256, 256, 50_000, 0.05, 16, "1x3"),
    "dualpath": (3.5e-4, 256, 64, 50, 0.05, 32, "3x1"),
    "dualpath-ssv2": (3.5e-4, 256, 64, 50, 0.05, 32, "1x3"),
    "vita-clip": (4e-4, 256, 256, 30_000, 0.05, 8, "4x3"),
    "vita-clip-ssv2": (4e-4, 256, 256, 30_000, 0.05, 8, "1x3"),
    "vita-clip-16": (4e-4, 256, 256, 30_000, 0.05, 16, "4x3"),
    "vita-clip-16-ssv2": (4e-4, 256, 256, 30_000, 0.05, 16, "1x3"),
    "vita-clip-shared": (4e-4, 256, 256, 30_000, 0.05, 8, "4x3"),
    "actionclip": (5e-6, 128, 128, 50, 0.2, 8, "1x1"),
    "xclip": (8e-6, 256, 256, 30, 0.001, 8, "4x3"),
    "vifi-clip": (8e-6, 256, 256, 30, 0.001, 16, "4x3"),
    "bike": (5e-5, 256, 256, 30, 0.2, 8, "4x3"),
    "ila": (5e-4, 256, 256, 50, 0.01, 8, "4x3"),
    "ila-ssv2": (5e-4, 256, 256, 50, 0.01, 8, "4x3"),
    "ila-16": (5e-4, 256, 256, 50, 0.01, 16, "4x3"),
    "zeroi2v": (3e-4, 64, 64, 40, 0.05, 16, "3x1"),
    "zeroi2v-ssv2": (3e-4, 64, 64, 40, 0.05, 16, "1x3"),
    "dist": (3.2e-5, 256, 256, 36, 1e-4, 16, "3x1"),
    "dist-ssv2": (3.2e-5, 256, 256, 36, 1e-4, 16, "3x1"),
    "open-vclip": (3.33e-6, 64, 64, 22, 0.01, 8, "3x1"),
    "froster": (3.33e-6, 64, 64, 22, 0.01, 8, "3x1"),
}
MIXED = {"xclip", "vifi-clip", "ila", "ila-ssv2", "ila-16", "dist", "dist-ssv2"}
COLOURS = dict.fromkeys(("actionclip", "xclip", "vifi-clip", "ila", "ila-ssv2", "ila-16"), (0.8, 0.2))
COLOURS |= dict.fromkeys(("bike", "dist", "dist-ssv2"), (0.0, 0.2))
ALL_DECAY = {"evl", "evl-ssv2", "evl-16", "actionclip", "bike"} | {
    row for row in AUTHORS if row.startswith("vita-clip")
}
AIM_SSV2 = ("aim-ssv2", "aim-32-ssv2")
NONE = ("stan", "a5", "coop", "cocoop", "maple", "clip_linear", "lora")  # no recipe for videos


@pytest.fixture(scope="module")
def configs():
    profile = profiles.read("paper")
    return {row: experiment.resolve(row, profile) for row in experiment.rows()}


@pytest.mark.parametrize("row", AUTHORS)
def test_a_row_is_trained_and_viewed_as_its_authors_do(row, configs):
    rate, videos, batch, length, decay, frames, views = AUTHORS[row]
    config = configs[row]
    train = resolve_schedule(config.train, VIDEOS)
    assert train.lr == pytest.approx(rate * batch / videos) and train.batch == batch
    assert train.steps == (length if length > 1000 else length * VIDEOS / batch)
    assert train.weight_decay == decay and config.data.frames == frames
    assert f"{config.evaluate.clips}x{config.evaluate.crops}" == views
    assert (train.mixup, train.cutmix, train.smoothing) == (
        (0.8, 1.0, 0.1) if row in MIXED else (0, 0, 0.1 if row in AIM_SSV2 else 0)
    )
    assert (config.data.jitter, config.data.grey) == COLOURS.get(row, (0.0, 0.0))
    assert config.data.erase == (0.25 if row in AIM_SSV2 else 0.0)
    assert train.decay == ("all" if row in ALL_DECAY else "matrices")
    assert (train.clip_gradient == 1) == (row in ("open-vclip", "froster"))
    assert config.data.flip == (config.data.dataset == "k400")
    for processes in (1, 2, 4, 8):
        check_cells(train, processes)


def test_details_that_one_recipe_has(configs):
    assert configs["xclip"].train.floor == 0.01 and configs["xclip"].train.betas == (0.9, 0.98)
    assert configs["ila"].options.prompt_lr == 0 and configs["evl-ssv2"].options.layers == 12
    assert configs["dist-ssv2"].options.pooling_layers == 2 and configs["dist"].options.pooling_layers == 4
    assert configs["dist"].data.prompt == "{}" and configs["open-vclip"].train.average == 0.1
    assert configs["evl"].train.warmup == 0 and configs["evl"].train.warmup_epochs is None
    low, high = configs["open-vclip"].data.scale
    assert (round(224 * low), round(224 * high)) == (224, 256)


def test_a_method_without_a_recipe_says_so_in_its_file(configs):
    with_recipe = {experiment.row_of(row).file.stem for row in AUTHORS}
    own = {"m2clip", "clip"}  # the profile itself is M2-CLIP's, and CLIP is not trained
    assert {config.method for config in configs.values()} == with_recipe | set(NONE) | own
    for method in NONE:
        text = Path(f"experiments/rows/{method}.yaml").read_text()
        assert "Recipe under paper: as the profile says for all rows" in text, method
        assert not any(
            experiment.row_of(row).recipes.get("paper") for row in configs if configs[row].method == method
        )
