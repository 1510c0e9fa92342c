"""Small data sets on disk, as TensorFlow Datasets and as folders, made without TensorFlow."""

import io
import json
import struct

import numpy as np
from PIL import Image

LABELS = ("cat", "dog", "owl")


def encoded(number, kind="JPEG", sides=(24, 20)):
    """A picture of that number, smooth enough that decoders differ in its shades."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), "uint8"))
    text = io.BytesIO()
    coarse.resize(sides, Image.Resampling.BICUBIC).save(text, kind)
    return text.getvalue()


def write_tfds(root, name, kind, splits, version="1.0.0", feature="label"):
    """`splits` maps a split to its shards, lists of (image, label)."""
    folder = root / name / version
    folder.mkdir(parents=True)
    told = {"name": name, "version": version, "fileFormat": kind, "moduleName": "somewhere"}
    told["splits"] = [
        {
            "name": split,
            "shardLengths": [str(len(shard)) for shard in shards],
            "numBytes": "0",
            "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        }
        for split, shards in splits.items()
    ]
    (folder / "dataset_info.json").write_text(json.dumps(told), "utf-8")
    base = "tensorflow_datasets.core.features"
    shape = {"dimensions": ["-1", "-1", "3"]}
    image = {"image": {"dtype": "uint8", "shape": shape}}
    label = {"classLabel": {"numClasses": str(len(LABELS))}}
    features = {
        "image": {**image, "pythonClassName": f"{base}.image_feature.Image"},
        feature: {**label, "pythonClassName": f"{base}.class_label_feature.ClassLabel"},
    }
    whole = {"featuresDict": {"features": features}}
    whole["pythonClassName"] = f"{base}.features_dict.FeaturesDict"
    (folder / "features.json").write_text(json.dumps(whole), "utf-8")
    (folder / f"{feature}.labels.txt").write_text("\n".join(LABELS), "utf-8")
    for split, shards in splits.items():
        for number, shard in enumerate(shards):
            path = folder / f"{name}-{split}.{kind}-{number:05d}-of-{len(shards):05d}"
            write = _tfrecord if kind == "tfrecord" else _array_record
            write(path, [_example(image, label, feature) for image, label in shard])


def _example(image, label, feature):
    from tensorflow_datasets.proto import tf_example_pb2

    example = tf_example_pb2.Example()
    example.features.feature["image"].bytes_list.value.append(image)
    example.features.feature[feature].int64_list.value.append(label)
    return example.SerializeToString()


def _tfrecord(path, records):
    # With checksums of zero, which nothing here reads.
    whole = [struct.pack("<QI", len(record), 0) + record + bytes(4) for record in records]
    path.write_bytes(b"".join(whole))


def _array_record(path, records):
    from array_record.python import array_record_module

    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    for record in records:
        writer.write(record)
    writer.close()


def write_folder(root, splits=("train", "test"), each=4):
    """`each` pictures, of differing sides, for every label."""
    for split in splits:
        for number, label in enumerate(LABELS):
            folder = root / split / label
            folder.mkdir(parents=True)
            for place in range(each):
                sides = (20 + 4 * place, 40 - 3 * place)
                data = encoded(100 * number + place + len(split), sides=sides)
                (folder / f"{place}.jpg").write_bytes(data)
    return f"folder:{root}"
