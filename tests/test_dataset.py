"""Training and test videos: the right frames, the same bits in every way of loading, nothing substituted."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch

import numbered_videos
import video_files
from m2clip import shortcuts
from m2clip.config import Data
from m2clip.data import annotations, build_manifest, dataset, loading, video
from m2clip.data.dataset import Broken, TestVideos, TrainVideos
from m2clip.data.frame_cache import FrameCache
from m2clip.data.loading import test_batches as all_batches
from m2clip.data.loading import train_batches
from m2clip.data.sampler import Batches, Order
from m2clip.data.transforms import Pixels
from m2clip.errors import UserError

PIXELS = Pixels(size=48, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
EXACT = replace(PIXELS, size=64)
DATA = Data(frames=4, scale=(1.0, 1.3), flip=True)
COUNT = 10


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    lines = ["path,label,split"]
    for i in range(COUNT):
        video_files.write(folder / f"videos/{i}.mp4", 20 + i)
        lines.append(f"videos/{i}.mp4,label {i % 3},train test")
    (folder / "annotations.csv").write_text("\n".join(lines))
    return build_manifest.prepare(annotations.read("plain", folder), folder / "manifest", 1, 0)


@pytest.fixture
def damaged(prepared, tmp_path):
    """The same manifest over videos of which 3 is missing, 5 cut short and 7 changed by one bit."""
    for row in prepared.table.itertuples():
        content = bytearray((prepared.folder / row.path).read_bytes())
        if row.path == "videos/5.mp4":
            content = content[:-500]
        if row.path == "videos/7.mp4":
            content[len(content) // 2] ^= 1
        if row.path != "videos/3.mp4":
            (tmp_path / row.path).parent.mkdir(exist_ok=True)
            (tmp_path / row.path).write_bytes(content)
    return replace(prepared, folder=tmp_path)


def train_set(prepared, seed=0, data=DATA, pixels=PIXELS):
    return TrainVideos(prepared, "train", data, pixels, seed)


def load(prepared, start=0, steps=6, batch=4, workers=0, seed=0, data=DATA, **more):
    videos = train_set(prepared, seed, data)
    return list(train_batches(videos, start=start, steps=steps, batch=batch, workers=workers, **more))


def same(one, two):
    return len(one) == len(two) and all(
        torch.equal(a.videos, b.videos)
        and torch.equal(a.class_ids, b.class_ids)
        and torch.equal(a.indices, b.indices)
        for a, b in zip(one, two, strict=True)
    )


def pictures(view):
    return [(frame.permute(1, 2, 0) * 255).numpy() for frame in view]


def frame_numbers(view):
    return [video_files.index_of(picture) for picture in pictures(view)]


def test_a_batch(prepared):
    batch = load(prepared)[0]
    assert batch.videos.shape == (4, 4, 3, 48, 48) and batch.videos.dtype == torch.float32
    assert batch.class_ids.dtype == torch.int64 and batch.dropped == ()
    rows = prepared.rows("train")
    assert [rows.loc[int(i), "class_id"] for i in batch.indices] == batch.class_ids.tolist()
    assert batch.to("cpu").videos.equal(batch.videos)


def test_workers_change_no_bit(prepared):
    assert same(load(prepared), load(prepared, workers=2))


def test_resumed_at_a_step_goes_on_with_the_same_bits(prepared):
    whole = load(prepared, steps=7)
    assert same(whole[3:], load(prepared, start=3, steps=7))
    assert same(whole[5:], load(prepared, start=5, steps=7, workers=2))
    assert load(prepared, start=7, steps=7) == []
    assert not same(whole[:1], whole[1:2])


def test_loading_leaves_the_global_randomness_alone(prepared):
    torch.manual_seed(0)
    np.random.seed(0)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    load(prepared, steps=2)
    load(prepared, steps=2, workers=1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()


def test_processes_share_each_batch(prepared):
    whole = load(prepared, steps=5)
    shares = [load(prepared, steps=5, rank=rank, world=2) for rank in (0, 1)]
    for step, batch in enumerate(whole):
        assert torch.equal(batch.videos, torch.cat([share[step].videos for share in shares]))
    with pytest.raises(UserError, match=r"train.batch: 4 cannot be shared by 3"):
        load(prepared, world=3)


def test_every_epoch_has_every_video_once_in_an_order_of_its_own(prepared):
    order = train_set(prepared).order
    epochs = [[order.at(epoch * COUNT + place) for place in range(COUNT)] for epoch in range(3)]
    for number, epoch in enumerate(epochs):
        assert sorted(epoch) == [(number, index) for index in range(COUNT)]
    orders = {tuple(index for _, index in epoch) for epoch in epochs}
    orders.add(tuple(train_set(prepared, seed=1).order.at(place)[1] for place in range(COUNT)))
    assert len(orders) == 4


def test_order_of_the_others_stays_when_a_video_goes():
    paths = tuple(f"{i}.mp4" for i in range(30))
    whole = [paths[Order(0, paths).at(place)[1]] for place in range(30)]
    some = paths[:11] + paths[12:]
    fewer = [some[Order(0, some).at(place)[1]] for place in range(29)]
    assert fewer == [path for path in whole if path != "11.mp4"]


def test_batches_cross_epochs_and_may_be_larger_than_the_split():
    batches = Batches(order=Order(0, ("a", "b", "c")), start=0, steps=3, batch=5)
    positions = [position for step in batches for position in step]
    assert len(batches) == 3 and [epoch for epoch, _ in positions] == [place // 3 for place in range(15)]


def test_views_differ_by_seed_and_epoch_and_not_by_anything_else(prepared):
    views = {(seed, epoch): train_set(prepared, seed)[epoch, 4].video for seed in (0, 1) for epoch in (0, 1)}
    assert torch.equal(views[0, 0], train_set(prepared, 0)[0, 4].video)
    keys = list(views)
    assert not any(torch.equal(views[a], views[b]) for a in keys for b in keys if a < b)


def test_training_frames_come_from_their_segments(prepared):
    plain = Data(frames=4)
    seen, places = set(), set()
    for epoch in range(12):
        sample = train_set(prepared, data=plain, pixels=EXACT)[epoch, 0]
        assert sample.video.shape == (4, 3, 64, 64) and sample.class_id == 0
        numbers = frame_numbers(sample.video)
        assert all(5 * i <= number < 5 * (i + 1) for i, number in enumerate(numbers))
        seen.add(tuple(numbers))
        places.add(*{video_files.left_of(picture) for picture in pictures(sample.video)})
    assert len(seen) > 4 and len(places) > 4


def test_test_views_are_the_right_frames_in_the_right_order(prepared):
    videos = TestVideos(prepared, "test", Data(frames=4), EXACT, clips=2, crops=3)
    sample = videos[0]
    assert videos.views == 6 and sample.video.shape == (6, 4, 3, 64, 64)
    for view in range(6):
        # 20 frames, segments of 5: the quarters of a segment are 1.25 and 3.75 frames in.
        expected = [[1, 6, 11, 16], [3, 8, 13, 18]][view // 3]
        assert frame_numbers(sample.video[view]) == expected
        assert {video_files.left_of(picture) for picture in pictures(sample.video[view])} == {view % 3 * 8}


def test_dense_clips(prepared):
    data = Data(frames=4, sampling="dense", stride=3)
    videos = TestVideos(prepared, "test", data, EXACT, clips=3)
    assert [frame_numbers(view) for view in videos[2].video] == [
        [0, 3, 6, 9],
        [6, 9, 12, 15],
        [12, 15, 18, 21],
    ]


@pytest.mark.parametrize("workers", (0, 2))
def test_every_test_video_comes_once_in_order(prepared, workers):
    videos = TestVideos(prepared, "test", Data(frames=4), PIXELS, crops=3)
    batches = list(all_batches(videos, batch=10, workers=workers))
    assert [len(batch.indices) for batch in batches] == [3, 3, 3, 1]
    assert torch.cat([batch.indices for batch in batches]).tolist() == list(range(COUNT))
    assert torch.cat([batch.class_ids for batch in batches]).tolist() == [i % 3 for i in range(COUNT)]
    assert batches[0].videos.shape == (3, 3, 4, 3, 48, 48)
    assert torch.equal(batches[0].videos[1], videos[1].video)


@pytest.mark.parametrize("workers", (0, 2))
def test_training_drops_and_names_broken_videos_and_substitutes_none(prepared, damaged, workers, capfd):
    whole, fewer = load(prepared, steps=5), load(damaged, steps=5, workers=workers)
    reasons = {broken.path: broken.reason for batch in fewer for broken in batch.dropped}
    assert sorted(reasons) == ["videos/3.mp4", "videos/5.mp4", "videos/7.mp4"]
    assert reasons["videos/3.mp4"] == "missing" and "md5" in reasons["videos/7.mp4"]
    assert sum(len(batch.dropped) for batch in fewer) == 6  # two epochs of three
    for one, two in zip(whole, fewer, strict=True):
        kept = torch.tensor([i not in (3, 5, 7) for i in one.indices.tolist()])
        assert torch.equal(one.videos[kept], two.videos) and torch.equal(one.indices[kept], two.indices)
    told = capfd.readouterr().err
    assert told.count("dropped from training: videos/3.mp4: missing") == 1


def test_a_batch_without_a_usable_video(damaged):
    for file in (damaged.folder / "videos").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="step 0: no video of the batch can be used"):
        load(damaged)


@pytest.mark.parametrize("workers", (0, 2))
@pytest.mark.parametrize("index", (3, 5, 7))
def test_evaluation_stops_at_a_broken_video(prepared, damaged, workers, index):
    only = prepared.table[prepared.table["path"] == f"videos/{index}.mp4"]
    videos = TestVideos(replace(damaged, table=only), "test", Data(frames=4), PIXELS)
    with pytest.raises(UserError) as caught:
        list(all_batches(videos, batch=4, workers=workers))
    assert f"videos/{index}.mp4: " in str(caught.value) and "\n" not in str(caught.value)
    assert "`dvc repro -f prepare@DATASET`" in str(caught.value)


@pytest.mark.parametrize("workers", (0, 2))
def test_a_video_that_decord_gets_wrong_stops_what_asks_for_decord(tmp_path, workers, capfd):
    """It is neither read otherwise nor left out; the other decoders read it and give the frames asked for."""
    names = ("h264-2.mp4", "h264-open.mp4", "h264-0.mp4")
    for name in names:
        numbered_videos.case(tmp_path, name)
    lines = "".join(f"{name},label,train test\n" for name in names)
    (tmp_path / "annotations.csv").write_text(f"path,label,split\n{lines}")
    prepared = build_manifest.prepare(annotations.read("plain", tmp_path), tmp_path / "manifest", 1, 0)
    told = r"h264-open.mp4: decord would give wrong frames of it; set data.decoder to auto or pyav$"
    asked = replace(DATA, decoder="decord")
    with pytest.raises(UserError, match=told):
        load(prepared, batch=3, workers=workers, data=asked)
    with pytest.raises(UserError, match=told):
        list(all_batches(TestVideos(prepared, "test", asked, PIXELS), batch=3, workers=workers))
    assert "dropped" not in capfd.readouterr().err
    for decoder in ("auto", "pyav"):
        videos = TestVideos(prepared, "test", Data(frames=4, decoder=decoder), EXACT)
        (batch,) = all_batches(videos, batch=3, workers=workers)
        for clip in batch.videos[:, 0]:
            shown = [video_files.index_of(255 * frame.permute(1, 2, 0).numpy()) for frame in clip]
            assert shown == [12, 37, 62, 87]


def test_decord_is_refused_where_it_is_not_installed(prepared, monkeypatch):
    def version(name):
        if name == "decord":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(video, "version", version)
    with pytest.raises(UserError, match=r"data.decoder: decord is not installed, .* auto and pyav"):
        train_set(prepared, data=replace(DATA, decoder="decord"))
    assert len(train_set(prepared)) == len(train_set(prepared, data=replace(DATA, decoder="pyav"))) == COUNT


def test_without_shortcuts_no_frame_is_kept_and_all_are_the_same(prepared, tmp_path):
    right = kept_set(prepared, tmp_path)[0, 0].video
    with shortcuts.all_off():
        assert torch.equal(kept_set(prepared, tmp_path / "plain")[0, 0].video, right)
    assert not (tmp_path / "plain").exists() and list(tmp_path.glob("*.frames"))


def test_each_decoder_keeps_its_own_frames(prepared, tmp_path):
    names = {FrameCache(tmp_path, prepared, decoder).files for decoder in ("auto", "decord", "pyav")}
    assert len(names) == 3 and FrameCache(tmp_path, prepared).files in names


def test_without_the_check_only_the_number_of_frames_counts(damaged):
    checked = TestVideos(damaged, "test", Data(frames=4), PIXELS)
    unchecked = TestVideos(damaged, "test", Data(frames=4), PIXELS, check=False)
    assert isinstance(checked[7], Broken) and not isinstance(unchecked[7], Broken)
    video_files.write(damaged.folder / "videos/7.mp4", 26)
    assert "has 26 frames where the manifest says 27" in str(unchecked[7])


def kept_set(prepared, folder):
    return TrainVideos(prepared, "train", DATA, PIXELS, 0, cache=FrameCache(folder, prepared))


def test_frames_are_decoded_once_and_the_same(prepared, tmp_path, monkeypatch):
    plain = [train_set(prepared)[epoch, index].video for epoch in range(2) for index in range(COUNT)]
    first = [kept_set(prepared, tmp_path)[epoch, index].video for epoch in range(2) for index in range(COUNT)]

    def never(path, *asked):
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr(dataset, "read", never)
    kept = kept_set(prepared, tmp_path)
    again = [kept[epoch, index].video for epoch in range(2) for index in range(COUNT)]
    for one, two, three in zip(plain, first, again, strict=True):
        assert torch.equal(one, two) and torch.equal(one, three)
    with pytest.raises(AssertionError, match="decoded again"):
        kept[2, 0]  # other frames of the same video


def test_kept_frames_that_were_half_written_are_decoded_again(prepared, tmp_path):
    right = kept_set(prepared, tmp_path)[0, 0].video
    file = next(tmp_path.glob("*.frames"))
    content = bytearray(file.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    file.write_bytes(content)
    assert torch.equal(kept_set(prepared, tmp_path)[0, 0].video, right)


def test_kept_frames_belong_to_their_manifest_and_check_the_file(prepared, damaged, tmp_path):
    kept_set(prepared, tmp_path / "kept")[0, 3]
    assert kept_set(damaged, tmp_path / "kept")[0, 3].reason == "missing"
    table = prepared.table.assign(md5=list(reversed(prepared.table["md5"])))
    assert FrameCache(tmp_path, replace(prepared, table=table)).files != FrameCache(tmp_path, prepared).files


def test_a_large_dataset_or_a_full_disk_keeps_nothing(prepared, tmp_path, monkeypatch):
    videos = kept_set(prepared, tmp_path / "full")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert torch.equal(videos[0, 1].video, train_set(prepared)[0, 1].video)
    monkeypatch.undo()
    monkeypatch.setattr("m2clip.data.frame_cache.LIMIT", 1000)
    assert torch.equal(kept_set(prepared, tmp_path / "large")[0, 1].video, train_set(prepared)[0, 1].video)
    assert not (tmp_path / "large").exists()


def test_md5_is_computed_at_the_first_use_only(prepared, monkeypatch):
    calls = []
    monkeypatch.setattr(dataset, "verify", lambda path, md5: calls.append(path.name))
    videos = train_set(prepared)
    for _ in range(3):
        videos[0, 2]
    assert calls == ["2.mp4"]


def test_md5_is_computed_once_for_all_workers(prepared, tmp_path, monkeypatch):
    told, real = tmp_path / "told", dataset.verify

    def verify(path, md5):
        real(path, md5)
        with told.open("a") as file:
            file.write(f"{path.name}\n")

    monkeypatch.setattr(dataset, "verify", verify)
    videos = train_set(prepared)
    for start, steps in ((0, 5), (5, 20)):  # an epoch, then three more by other workers
        for _ in train_batches(videos, start=start, steps=steps, batch=2, workers=2):
            pass
        assert sorted(told.read_text().split()) == sorted(f"{i}.mp4" for i in range(COUNT))


def test_a_worker_that_dies_while_something_else_is_computed_is_told_at_the_next_batch(prepared):
    before = set(multiprocessing.active_children())
    loaded = train_batches(train_set(prepared), start=0, steps=50, batch=4, workers=1)
    next(loaded)
    (worker,) = set(multiprocessing.active_children()) - before
    os.kill(worker.pid, signal.SIGKILL)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        torch.ones(8).sum()  # here torch would raise; that a child is waited for would hide it
    with pytest.raises(UserError, match=r"hung or died \(DataLoader worker .* at one of: .*videos/"):
        list(loaded)
    assert len(load(prepared, workers=1)) == 6, "it is not told again"


def test_a_hung_worker_is_named_within_the_timeout(prepared, monkeypatch):
    def hang(*asked):
        time.sleep(60)

    monkeypatch.setattr(dataset, "read", hang)
    monkeypatch.setattr(loading, "TIMEOUT", 0.6)
    monkeypatch.setattr(loading, "TIMEOUT_VIDEO", 0.1)
    started = time.monotonic()
    with pytest.raises(UserError, match=r"hung or died .* at one of: videos/\d.mp4, ") as caught:
        load(prepared, workers=1)
    assert time.monotonic() - started < 8 and "\n" not in str(caught.value)


def test_the_timeout_grows_with_the_videos_that_a_worker_decodes_at_once(prepared, monkeypatch):
    given, real = [], loading.DataLoader
    monkeypatch.setattr(
        loading, "DataLoader", lambda *told, **more: given.append(more["timeout"]) or real(*told, **more)
    )
    next(train_batches(train_set(prepared), start=0, steps=1, batch=4, workers=1))
    next(train_batches(train_set(prepared), start=0, steps=1, batch=8, workers=1, world=2, parts=2))
    videos = TestVideos(prepared, "test", Data(frames=4), PIXELS, crops=3)
    next(all_batches(videos, batch=9, workers=1))
    next(all_batches(videos, batch=9, workers=0))
    assert given == [160.0, 140.0, 150.0, 0]


def test_a_killed_worker_is_named(prepared, monkeypatch):
    monkeypatch.setattr(dataset, "read", lambda *asked: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(UserError, match=r"hung or died .* at one of: videos/\d.mp4, "):
        load(prepared, workers=1)


def test_our_own_mistakes_are_not_called_a_hang(prepared, monkeypatch):
    def wrong(*asked):
        raise RuntimeError("our mistake")

    monkeypatch.setattr(dataset, "read", wrong)
    for workers in (0, 1):
        with pytest.raises(RuntimeError, match="our mistake"):
            load(prepared, workers=workers)


def test_no_worker_is_left(prepared):
    before = set(multiprocessing.active_children())
    batches = train_batches(train_set(prepared), start=0, steps=50, batch=2, workers=2)
    next(batches)
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    batches.close()
    assert not any(worker.is_alive() for worker in workers)
