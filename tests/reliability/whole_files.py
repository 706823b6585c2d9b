"""Whole files of each kind that comes from a stranger, and their readers: tests and a fuzzer change them."""

import safetensors.torch
import torch

from m2clip.data import annotations, labels, manifest
from m2clip.models.weights_io import load_weights

LISTS = {  # the files of each format of annotations
    "plain": {
        "annotations.csv": 'path,label,split\na/1.mp4,tai chi,train test1\n"b, 2.mp4",unboxing,test\n',
        "labels.txt": "tai chi\nunboxing\n",
    },
    "list": {
        "train.txt": "a/1.mp4 tai chi\nb 2.mp4\t1\n",
        "test1.txt": "c.mp4 0\n",
        "labels.txt": "tai chi\nunboxing\n",
    },
    "kinetics": {
        "train.csv": "label,youtube_id,time_start,time_end,split,is_cc\ntai chi,a-_1,12,22,train,0\n",
        "val.csv": "label,youtube_id,time_start,time_end,split\nunboxing,b2,0,10,val\n,c3,1,11,test\n",
    },
    "ssv2": {
        "labels.json": '{"Holding something": "0", "Folding something": "1"}',
        "train.json": '[{"id": "1", "label": "holding a cup", "template": "Holding [something]"}]',
        "validation.json": '[{"id": "2", "template": "Folding [something]", "placeholders": ["a"]}]',
        "test.json": '[{"id": "3"}]',
    },
    "ucf101": {
        "classInd.txt": "1 TaiChi\n2 YoYo\n",
        "trainlist01.txt": "TaiChi/v_TaiChi_g01_c01.avi 1\nYoYo/v_YoYo_g01_c01.avi 2\n",
        "testlist01.txt": "YoYo/v_YoYo_g02_c01.avi\n",
    },
    "hmdb51": {
        "wave_test_split1.txt": "a_wave.avi 1\nb#wave.avi 2\nc.avi 0\n",
        "pick_test_split1.txt": "d.avi 1 \n",
    },
}
KINDS = ("checkpoint", "manifest", *LISTS)
NUMBERS = 9
ABOUT = '{"config": {"inputs": {"backbone": "ab"}}, "labels": ["a", "b"], "seed": 0, "differences": []}'


def write(kind, folder):
    """Write a kind of files; the names of those that a stranger may have written."""
    if kind == "checkpoint":
        numbers = torch.arange(1.0, NUMBERS + 1)
        safetensors.torch.save_file(
            {"a": numbers}, folder / "weights.safetensors", metadata={"m2clip": ABOUT}
        )
        return ["weights.safetensors"]
    if kind == "manifest":
        table = {name: ["1"] if of == "str" else [0] for name, of in manifest.TYPES.items()}
        table = manifest.pd.DataFrame(table | {"label": ["a"]}).astype(manifest.TYPES)
        table.to_parquet(folder / "manifest.parquet")
        (folder / "videos.txt").write_text("videos\n")
        (folder / manifest.LABELS).write_text(labels.class_ids_json(["a"]))
        return ["manifest.parquet", manifest.LABELS]
    for name, text in LISTS[kind].items():
        (folder / name).write_text(text)
    return list(LISTS[kind])


def read(kind, folder):
    """Read a kind of files, as the stages do."""
    if kind == "checkpoint":
        return load_weights(folder / "weights.safetensors")
    if kind == "manifest":
        return manifest.read(folder)
    found = annotations.read(kind, folder)
    for record in found.records:
        assert found.labels[record.class_id] == record.label, record
        assert ".." not in record.path.split("/") and not record.path.startswith("/"), record
    return found
