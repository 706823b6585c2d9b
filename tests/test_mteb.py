"""The encoder for mteb: scored by the real mteb on a tiny task, it answers as `m2clip.predict` does."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import tiny_runs
import video_files
from m2clip import api
from m2clip.data.video import probe, read
from m2clip.errors import UserError
from m2clip.evaluation.trained import TrainedRun
from methods.cases import differences_of

mteb = pytest.importorskip("mteb", reason="the extra `mteb` is not installed")
pytestmark = pytest.mark.slow  # to import mteb takes ten seconds

CANDIDATES = ("a person doing tai chi", "a person unboxing", "a surfer", "someone juggling balls")
WRONG = 2  # of the videos, that the task says to be something else


class Decoder:
    """What mteb gives of a video, without torchcodec, which needs FFmpeg's libraries."""

    def __init__(self, path):
        self.path = Path(path)
        self.metadata = SimpleNamespace(num_frames=probe(self.path).frames)

    def get_frames_at(self, indices):
        frames = read(self.path, indices, self.metadata.num_frames)
        return SimpleNamespace(data=torch.from_numpy(frames).permute(0, 3, 1, 2))


def task_of(files, class_ids, decode):
    """A zero-shot task of mteb's over videos; `decode` makes their dataset's column."""
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.abstasks.zeroshot_classification import AbsTaskZeroShotClassification

    class Tiny(AbsTaskZeroShotClassification):
        input_column_name = "video"
        metadata = TaskMetadata(
            name="Tiny", description="Tinted videos.", reference=None, type="VideoZeroshotClassification",
            category="v2t", modalities=["video", "text"], eval_splits=["test"], eval_langs=["eng-Latn"],
            main_score="accuracy", dataset={"path": "none", "revision": "none"},
        )  # fmt: skip

        def load_data(self, **given):
            columns = {"video": [str(file) for file in files], "label": class_ids}
            self.dataset = DatasetDict({"test": decode(Dataset.from_dict(columns))})
            self.data_loaded = True

        def get_candidate_labels(self):
            return list(CANDIDATES)

    return Tiny()


def stand_in(dataset):
    def transform(batch):
        return batch | ({"video": [Decoder(path) for path in batch["video"]]} if "video" in batch else {})

    return dataset.with_transform(transform)


def torchcodec(dataset):
    from datasets import Video

    try:
        importlib.import_module("torchcodec.decoders")
    except (ImportError, RuntimeError, OSError):
        pytest.skip("torchcodec, or the libraries of FFmpeg that it loads, are not installed")
    return dataset.cast_column("video", Video())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for index in range(6):
        video_files.write(
            folder / f"{index}.mp4", 9 + index, draw=lambda *at, i=index: tiny_runs.tinted(*at, i % 3)
        )
    return sorted(folder.iterdir())


@pytest.mark.parametrize("decode", (stand_in, torchcodec))
def test_mteb_scores_a_run_as_predict_answers(open_run, files, decode):
    from m2clip.mteb import Encoder

    run = open_run()
    answers = api.predict(files, run, CANDIDATES, top=4, templates=["{}"])
    best = [CANDIDATES.index(answer.labels[0].label) for answer in answers]
    assert len(set(best)) > 1, "one answer to all would hide a mistake"
    said = [(label + (index < WRONG)) % len(CANDIDATES) for index, label in enumerate(best)]
    encoder = Encoder(run, "me/m2clip", "7")
    told = mteb.evaluate(
        encoder, task_of(files, said, decode), cache=None, co2_tracker=False, encode_kwargs={"batch_size": 4}
    )
    (scores,) = told.task_results[0].scores["test"]
    assert scores["accuracy"] == pytest.approx(1 - WRONG / len(files))
    assert (told.model_name, told.model_revision) == ("me/m2clip", "7")


def loader(**columns):
    """As much of mteb's loader as the encoder sees: two rows a batch."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    class Loader:
        dataset = SimpleNamespace(features=dict.fromkeys(columns))
        collate_fn = staticmethod(lambda rows: {name: [row[name] for row in rows] for name in rows[0]})

        def __iter__(self):
            return (self.collate_fn(rows[at : at + 2]) for at in range(0, len(rows), 2))

    return Loader()


def test_features_are_of_unit_length_and_those_of_video_and_text_add_up(open_run, files):
    from m2clip.mteb import Encoder

    encoder = Encoder(open_run(), "me/m2clip")
    texts = ["a dog", "Isn't this   (quite) odd, no?", "many words " * 90]
    videos = [Decoder(file) for file in files[:3]]
    seen, read, both = (
        encoder.encode(loader(**columns), task_metadata=None)
        for columns in ({"video": videos}, {"text": texts}, {"video": videos, "text": texts})
    )
    assert seen.shape == read.shape == (3, 32)
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(read.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(both, seen + read)
    assert (read[0] - read[1]).abs().max() > 1e-2 and (seen[0] - seen[1]).abs().max() > 1e-4
    with pytest.raises(UserError, match="expected videos or texts, got audio"):
        encoder.encode(loader(audio=[1]))


@pytest.fixture
def drawn(make_model, backbone):
    """A run of a method, its weights away from zero."""

    def go(method):
        differences = differences_of(method)
        model, tokenizer = make_model(differences, labels=tiny_runs.LABELS, double=False)
        return TrainedRun(model, tiny_runs.config_of(backbone, differences), tiny_runs.LABELS, tokenizer)

    return go


@pytest.mark.parametrize("method", ("clip", "coop", "vifi_clip", "a5", "stan", "lora"))
def test_methods_that_compare_by_a_cosine_are_taken(drawn, method):
    from m2clip.mteb import Encoder

    Encoder(drawn(method), "me/other")


@pytest.mark.parametrize("method", ("ila", "cocoop", "actionclip", "bike", "xclip", "froster", "open_vclip"))
def test_methods_that_compare_otherwise_are_refused(drawn, method):
    from m2clip.mteb import Encoder

    with pytest.raises(UserError, match=f"{method}: does not compare a video with a text by the cosine"):
        Encoder(drawn(method), "me/other")


def test_a_run_that_reads_no_text_is_refused(open_run):
    from m2clip.mteb import Encoder

    with pytest.raises(UserError, match="so mteb cannot compare its videos with texts"):
        Encoder(open_run(decoder={"heads": ["vc"]}), "me/other")
