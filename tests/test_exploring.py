"""A flag on `main` and the row that is the same model are trained alike."""

import pytest

from m2clip import experiment, profiles
from m2clip.parsing import override

TE = {"adapters": {"visual": {"temporal_difference": False}}}


@pytest.fixture
def explored(monkeypatch):
    """Resolves `main` of the embedded profile with flags."""
    as_it_stands = profiles.params()
    profile = profiles.read("embedded")

    def resolve(flags):
        monkeypatch.setattr(experiment, "params", lambda: override(as_it_stands, flags))
        return experiment.resolve("main", profile)

    return resolve


@pytest.mark.parametrize(
    ("flags", "row"),
    [
        (TE, "te"),
        (TE | {"data": {"dataset": "ssv2"}}, "te-ssv2"),
        (TE | {"data": {"decoder": "pyav"}}, "te"),
        ({"method": "coop"}, "coop"),
    ],
)
def test_the_model_of_a_row_is_trained_with_its_recipe(explored, flags, row):
    recipe = experiment.resolve(row, profiles.read("embedded")).train
    assert recipe != experiment.resolve("main", profiles.read("embedded")).train
    assert explored(flags).train == recipe
    assert experiment.twin(profiles.read("embedded")) == row


def test_what_a_flag_says_of_training_stands_above_the_recipe(explored):
    assert explored(TE | {"train": {"lr": 1e-3}}).train.lr == 1e-3


def test_no_other_model_takes_a_recipe(explored):
    lr = explored({}).train.lr
    assert experiment.twin(profiles.read("embedded")) is None
    assert explored(TE | {"data": {"frames": 4}}).train.lr == lr
