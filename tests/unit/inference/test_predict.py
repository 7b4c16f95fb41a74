import io
import logging
import os
import threading
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stillact.config.data import Dataset, Fetch
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import read_csv
from stillact.data import preprocess, reading
from stillact.data.preprocessing import Preprocessing
from stillact.inference import predict
from support.fault_server import huge_png

CLASSES = ["sitting", "standing"]
SEEN = Preprocessing(16, "resize_crop", "bilinear", 0.9)
LIMITS = Fetch(max_bytes=200_000, max_pixels=1_000_000)


def photo(path, size=(40, 30), colour="red", **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **save)
    return path


def redness(views):
    """A model that sees how red a photo is: the probabilities of 2 classes."""
    (photos,) = views
    share = photos[..., 0].mean((1, 2)) / 255
    return np.stack([share, 1 - share], 1)


def asked(files, ask=redness, **changes):
    options = dict(sees=[SEEN], settings=LIMITS, threads=2) | changes
    return list(predict.answers([(str(file), "") for file in files], ask=ask, **options))


def dataset(tmp_path, **changes):
    return Dataset(
        name="d", manifest="m.csv", classes=CLASSES, cache=str(tmp_path / "cache"), **changes
    )


def test_a_folders_photos_have_their_path_and_file(tmp_path):
    photo(tmp_path / "new/a b/größe.png")
    photo(tmp_path / "new/=SUM(1).png")
    photo(tmp_path / "new/-1.png")
    table = predict.in_folder(tmp_path / "new")
    assert table["path"].tolist() == ["./-1.png", "./=SUM(1).png", "a b/größe.png"]
    for path, file in zip(table["path"], table["file"], strict=True):
        assert os.path.samefile(tmp_path / "new" / path, file)  # the same, with ./ and without
    assert (table["reason"] == "").all()


def test_the_table_changes_when_a_photo_does(tmp_path):
    path = photo(tmp_path / "new/a.png")
    before = predict.in_folder(tmp_path / "new")
    os.utime(path, ns=(1, 1))
    after = predict.in_folder(tmp_path / "new")
    assert before["modified"].tolist() != after["modified"].tolist() == [1]


def test_a_file_name_that_is_not_utf8_is_listed_and_not_read(tmp_path):
    photo(tmp_path / "a.png")
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "a.png").rename(tmp_path / name)
    table = predict.in_folder(tmp_path)
    assert table[["path", "file", "reason"]].iloc[0].tolist() == [
        "caf\\xe9.png",
        "",
        "file name is not UTF-8",
    ]


def test_the_photos_of_urls_come_into_the_cache(tmp_path, server):
    photo(tmp_path / "here.png")
    (tmp_path / "photos.csv").write_text(
        f"url\n{server.url}/photo/a\n{server.url}/status/404/b\nhere.png\n"
    )
    local = dataset(tmp_path, local_dirs=[str(tmp_path)])  # the study's own photos: not these
    table = predict.of_urls(tmp_path / "photos.csv", LIMITS, local)
    assert table.columns.tolist() == ["url", "file", "reason"]
    assert table["reason"].tolist() == ["", "HTTP 404 Not Found", ""]
    assert table["file"][1] == ""
    told = list(
        predict.answers(
            list(zip(table["file"], table["reason"], strict=True)), [SEEN], LIMITS, redness, 1
        )
    )
    assert [row is None for row, _ in told] == [False, True, False]
    assert told[1][1] == "HTTP 404 Not Found"
    np.testing.assert_allclose(told[2][0], [1, 0])


def test_a_csv_none_of_whose_photos_can_be_had(tmp_path, server):
    (tmp_path / "photos.csv").write_text(f"url\n{server.url}/status/404/b\n")
    with pytest.raises(InputError, match=r"could not fetch 1 of 1 photos of .*photos\.csv"):
        predict.of_urls(tmp_path / "photos.csv", LIMITS, dataset(tmp_path))


def test_photos_are_seen_as_packed_photos_are(tmp_path):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (30, 47, 3), np.uint8))
    noise.save(tmp_path / "plain.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    noise.save(tmp_path / "turned.jpg", exif=exif)
    noise.convert("RGBA").save(tmp_path / "clear.webp")
    noise.convert("L").save(tmp_path / "grey.tif")
    noise.convert("P").save(tmp_path / "few.gif")
    files = sorted(tmp_path.iterdir())
    for geometry in ("resize_crop", "letterbox", "squash"):
        preprocessing = replace(SEEN, geometry=geometry)
        preprocess.pack(files, preprocessing, tmp_path / "pack.npy")
        seen = []

        def ask(views, seen=seen):
            seen.extend(views)
            return views[0]

        asked(files, ask, sees=[preprocessing])
        np.testing.assert_array_equal(np.concatenate(seen), np.load(tmp_path / "pack.npy"))
        (tmp_path / "pack.npy").unlink()


def test_a_photos_size_is_that_of_the_upright_one(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = photo(tmp_path / "turned.jpg", (40, 30), exif=exif)
    seen = reading.seen(path, [SEEN], LIMITS)
    assert seen.size == (30, 40)
    (pixels,) = seen.views
    assert pixels.shape == (16, 16, 3)


def bomb(path):
    path.write_bytes(huge_png())


def truncated(path):
    content = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(content, "JPEG")
    path.write_bytes(content.getvalue()[:3000])


def bad_checksum(path):
    content = io.BytesIO()
    Image.new("RGB", (9, 9)).save(content, "PNG")
    data = bytearray(content.getvalue())
    data[-5] ^= 1  # of the end
    path.write_bytes(data)


def oversized(path):
    path.write_bytes(b"\xff\xd8" + bytes(200_000))


BAD = {
    "bomb.png": (bomb, "too many pixels (over fetch.max_pixels 1000000)"),
    "truncated.jpg": (truncated, "damaged image"),
    "checksum.png": (bad_checksum, "damaged image"),
    "oversized.jpg": (oversized, "too large (over fetch.max_bytes 200000)"),
    "empty.jpg": (lambda path: path.write_bytes(b""), "not an image (empty)"),
    "page.jpg": (lambda path: path.write_text("=1+1"), "not an image (text)"),
    "photo.heic": (
        lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(40)),
        "not an image (a video, or a damaged HEIC or AVIF)",
    ),
    "folder.jpg": (lambda path: path.mkdir(), "a folder"),
    "gone.jpg": (lambda path: path.symlink_to("nowhere"), "no such file"),
    "pipe.jpg": (os.mkfifo, "not a regular file"),
    "many.png": (
        lambda path: photo(path, (1001, 1000)),
        "too many pixels (over fetch.max_pixels 1000000)",
    ),
    "thin.png": (lambda path: photo(path, (1, 9000)), "too long and thin (9000 by 1 pixels)"),
}


def test_what_cannot_be_read_is_told_and_the_others_answered(tmp_path):
    expected, files = [], []
    for name, (make, reason) in BAD.items():
        make(tmp_path / name)
        good = photo(tmp_path / f"good_{name}.png", colour=(len(files), 0, 0))
        files += [tmp_path / name, good]
        expected += [reason, len(files) - 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = asked(files)
    found = [why if row is None else round(255 * row[0]) for row, why in told]
    assert found == expected


def test_answers_keep_the_order_and_go_by_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 4)
    files = [photo(tmp_path / f"{i}.png", colour=(i, 0, 0)) for i in range(11)]
    (tmp_path / "5.png").write_bytes(b"")
    for i in range(8, 11):
        (tmp_path / f"{i}.png").write_bytes(b"")  # a batch of which there is none
    sizes = []

    def ask(photos):
        sizes.append(len(photos[0]))
        return photos[0][:, 0, 0, 0]

    told = asked(files, ask)
    assert [row for row, _ in told] == [0, 1, 2, 3, 4, None, 6, 7, None, None, None]
    assert sizes == [4, 3]


def test_few_photos_wait_in_memory_however_slow_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 4)
    path = photo(tmp_path / "a.png")
    lock, made, used, most = threading.Lock(), [0], [0], [0]
    real = reading.seen

    def counted(*args):
        with lock:
            made[0] += 1
            most[0] = max(most[0], made[0] - used[0])
        return real(*args)

    def ask(photos):
        time.sleep(0.05)  # long enough to decode all of them
        used[0] += len(photos[0])
        return redness(photos)

    monkeypatch.setattr(reading, "seen", counted)
    assert len(asked([path] * 40, ask)) == 40
    assert most[0] <= 2 * 4 + 1


def test_progress_is_told_with_rate_and_time_to_go(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(reading, "PROGRESS_EVERY_S", 0.0)
    monkeypatch.setattr(reading, "BATCH", 2)
    monkeypatch.setattr(logger, "propagate", True)
    path = photo(tmp_path / "a.png")
    with caplog.at_level(logging.INFO, "stillact"):
        asked([path] * 3)
    first, last = caplog.messages
    assert first.startswith("2 of 3 photos predicted, ")
    assert first.endswith("s remaining")
    assert last.startswith("3 of 3 photos predicted, ")
    assert last.endswith("about 0 s remaining")


PHOTOS = pd.DataFrame({"path": ["a.jpg", "b, c.jpg", 'd "e".jpg', "f\ng.jpg"], "reason": ""})
TOLD = [
    (predict.Predicted(np.array([0.25, 0.75]), 0.05, np.zeros(2)), ""),
    (None, "damaged image"),
    (predict.Predicted(np.array([0.123456789, 0.876543211]), 0.0512345678, np.zeros(2)), ""),
    (predict.Predicted(np.array([0.5, 0.5])), ""),
]


def test_the_table_of_predictions(tmp_path):
    target = tmp_path / "out" / "predictions.csv"
    predict.write(PHOTOS, TOLD, CLASSES, 0.75, 0.25, target)
    table = read_csv(target)
    assert table.columns.tolist() == [
        "path",
        "status",
        "reason",
        "predicted",
        "prob_sitting",
        "prob_standing",
        "confidence",
        "abstain",
        "prediction_set",
        "novelty_p",
        "novel",
    ]
    assert table["novel"].tolist() == ["yes", "", "no", ""]
    assert table["novelty_p"].tolist()[::2] == [0.05, 0.0512346]
    assert table["novelty_p"].isna().tolist() == [False, True, False, True]
    assert table["prediction_set"].tolist() == [
        "standing/sitting",
        "",
        "standing",
        "sitting/standing",
    ]
    assert table["path"].tolist() == PHOTOS["path"].tolist()
    assert table["status"].tolist() == ["ok", "unreadable", "ok", "ok"]
    assert table["reason"].tolist() == ["", "damaged image", "", ""]
    assert table["predicted"].tolist() == ["standing", "", "standing", "sitting"]
    assert table["abstain"].tolist() == ["no", "", "no", "yes"]
    assert table["prob_sitting"].tolist()[2:] == [0.12345679, 0.5]
    assert table.loc[1, ["prob_sitting", "prob_standing", "confidence"]].isna().all()
    assert table["confidence"].tolist()[2:] == [0.87654321, 0.5]
    assert [file.name for file in target.parent.iterdir()] == ["predictions.csv"]


def test_a_model_that_is_never_sure_enough_abstains_on_all(tmp_path):
    target = tmp_path / "predictions.csv"
    sure = [(predict.Predicted(np.array([0.0, 1.0])), "")]
    predict.write(PHOTOS.head(1), sure, CLASSES, np.nextafter(1, 2), 0.5, target)
    assert read_csv(target)["abstain"].tolist() == ["yes"]


def test_where_nothing_can_be_read_there_is_no_table(tmp_path):
    target = tmp_path / "predictions.csv"
    told = [(None, "no such file"), (None, "damaged image"), (None, "damaged image")]
    with pytest.raises(InputError) as error:
        predict.write(PHOTOS.head(3), told, CLASSES, 0.5, 0.5, target)
    assert str(error.value).splitlines() == [
        "photos: none of the 3 photos can be read:",
        '  damaged image: b, c.jpg, d "e".jpg',
        "  no such file: a.jpg",
    ]
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_table_leaves_the_one_before(tmp_path):
    target = tmp_path / "predictions.csv"
    target.write_text("before")

    def told():
        yield TOLD[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict.write(PHOTOS, told(), CLASSES, 0.5, 0.5, target)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
