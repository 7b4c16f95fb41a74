"""Detectors of people: against transformers itself, BlazePose by hand, and a made-up one."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from PIL import Image
from torch import nn
from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

from stillact.config.backbones import Detector as Block
from stillact.config.data import Fetch, People
from stillact.core.errors import InputError
from stillact.data.boxes import Box
from stillact.data.preprocessing import Preprocessing
from stillact.models import blazepose as bp
from stillact.models import detectors
from stillact.synthetic import rendering

ROOT = Path(__file__).parents[3]
LABELS = {0: "chair", 1: "Person", 2: "dog"}
MODELS = {
    "rt_detr": (transformers.RTDetrConfig, transformers.RTDetrForObjectDetection),
    "rt_detr_v2": (transformers.RTDetrV2Config, transformers.RTDetrV2ForObjectDetection),
    "d_fine": (transformers.DFineConfig, transformers.DFineForObjectDetection),
}


def save_detector(name: str, folder: Path) -> Path:
    """A detector of the default size with random weights, and its image processor. It finds about
    as many people as chairs."""
    config, model = MODELS[name]
    torch.manual_seed(0)
    made = model(config(id2label=LABELS, label2id={label: n for n, label in LABELS.items()}))
    for layer in made.model.decoder.class_embed:
        layer.weight.data[1] = layer.weight[0] * 1.01
    made.save_pretrained(folder)
    transformers.RTDetrImageProcessor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rt_detr(tmp_path_factory) -> Path:
    return save_detector("rt_detr_v2", tmp_path_factory.mktemp("detectors") / "rt_detr_v2")


@pytest.fixture(scope="module")
def folder(request, tmp_path_factory) -> Path:
    """The folder of the detector with the name of the parameter."""
    if request.param == "rt_detr_v2":
        return request.getfixturevalue("rt_detr")
    return save_detector(request.param, tmp_path_factory.mktemp("detectors") / request.param)


def block(name: str, loader: str = "transformers") -> Block:
    return Block(loader=loader, name=name, weights="local")


def colours(width: int, height: int, seed: int) -> Image.Image:
    """Smooth random colours, as of a blurred photo."""
    made = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return Image.fromarray(made).resize((width, height), Image.Resampling.BICUBIC)


def saved(images: list[Image.Image], folder: Path) -> list[Path]:
    """The files of images, without loss."""
    files = [folder / f"{i}.png" for i in range(len(images))]
    for image, file in zip(images, files, strict=True):
        image.save(file)
    return files


def detected(detector, files: list[Path], **settings) -> list:
    pairs = [(str(file), "") for file in files]
    return list(detectors.detect(detector, pairs, People(**settings), Fetch(), threads=2))


def of_processor(model, processor, images: list[Image.Image], threshold: float) -> list[dict]:
    """The people that transformers finds: boxes in pixels, scores."""
    with torch.no_grad():
        outputs = model(**processor(images, return_tensors="pt"))
    sizes = [image.size[::-1] for image in images]
    found = processor.post_process_object_detection(outputs, threshold, sizes)
    persons = [one["labels"] == 1 for one in found]
    return [
        {name: one[name][person].numpy() for name in ("boxes", "scores")}
        for one, person in zip(found, persons, strict=True)
    ]


def copied(folder: Path, target: Path, file: str, **changes) -> Path:
    """A copy of a detector's folder with some values of a JSON file changed."""
    target.mkdir()
    for path in folder.iterdir():
        if path.suffix == ".json":
            shutil.copy(path, target)
        else:
            (target / path.name).symlink_to(path)
    values = json.loads((target / file).read_text()) | changes
    (target / file).write_text(json.dumps(values))
    return target


@pytest.mark.parametrize("folder", MODELS, indirect=True)
def test_people_are_those_of_the_pipeline_of_transformers(folder):
    detector = detectors.load(block(folder.name), folder)
    assert detector.preprocessing == Preprocessing(640, "squash", "bilinear")
    square = colours(200, 120, 0).resize((640, 640), Image.Resampling.BILINEAR)
    every = transformers.pipeline("object-detection", model=str(folder))(square, threshold=0.0)
    persons = [one for one in every if one["label"] == "Person"]
    expected = sorted(persons, key=lambda one: -one["score"])[:10]
    assert len(every) > len(persons) > 10
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None]
    limit = expected[-1]["score"] - 1e-7  # the pipeline's is not among what it finds
    ((boxes, scores),) = detector.found(pixels, limit, 100)
    assert scores.tolist() == [one["score"] for one in expected]
    assert (boxes * 640).int().tolist() == [list(one["box"].values()) for one in expected]


@pytest.mark.parametrize("folder", MODELS, indirect=True)
def test_boxes_of_transformers_are_in_pixels_of_the_photos(folder, tmp_path):
    """Photos of two sizes, and a network that takes smaller squares."""
    size = {"height": 320, "width": 320}
    smaller = copied(folder, tmp_path / "smaller", "preprocessor_config.json", size=size)
    photos = [colours(200, 120, 0), colours(90, 151, 1)]
    model = MODELS[folder.name][1].from_pretrained(smaller).eval()
    scaled_by_pillow = RTDetrImageProcessorPil.from_pretrained(smaller)
    wanted = of_processor(model, scaled_by_pillow, photos, 0.01)
    most = min(len(one["scores"]) for one in wanted) - 1
    assert most > 10
    detector = detectors.load(block(folder.name), smaller)
    found = detected(detector, saved(photos, tmp_path), min_score=0.01, most=most)
    for (people, reason), one in zip(found, wanted, strict=True):
        order = np.argsort(-one["scores"], kind="stable")[:most]
        assert reason == ""
        np.testing.assert_allclose([score for _, score in people], one["scores"][order], rtol=1e-5)
        np.testing.assert_allclose([box for box, _ in people], one["boxes"][order], atol=0.01)


@pytest.fixture(scope="module")
def detector(blazepose: Path) -> detectors.Detector:
    return detectors.load(block("pose_detection", "blazepose"), blazepose / "pose_detection.tflite")


@pytest.fixture(scope="module")
def network(blazepose: Path) -> bp.Detector:
    return bp.Detector(blazepose / "pose_detection.tflite").requires_grad_(False)


def by_hand(network, photo: Image.Image, min_score: float, most: int) -> list:
    """The people of a photo: letterboxed on grey, boxes in its pixels."""
    width, height = photo.size
    scale = 224 / max(photo.size)
    across, down = round(width * scale), round(height * scale)
    left, top = round((224 - across) / 2), round((224 - down) / 2)
    square = np.full((224, 224, 3), 127, np.uint8)
    scaled = photo.resize((across, down), Image.Resampling.BILINEAR)
    square[top : top + down, left : left + across] = np.array(scaled)
    pixels = torch.from_numpy(square).permute(2, 0, 1)[None].float() / 127.5 - 1
    ((boxes, scores),) = bp.found(*network(pixels), min_score, most)
    corner = np.array([left, top] * 2)
    factors = np.array([width / across, height / down] * 2)
    in_pixels = (boxes.numpy() * 224 - corner) * factors
    touching = (in_pixels[:, :2] < photo.size).all(1) & (in_pixels[:, 2:] > 0).all(1)
    return [(box, score) for box, score in zip(in_pixels[touching], scores[touching], strict=True)]


def scenes() -> list[Image.Image]:
    """Rendered scenes, wide and high ones, and smooth colours, in which nobody is."""
    made = [rendering.render(label, seed).image for label in rendering.LABELS for seed in (0, 1)]
    return [*made, made[0].crop((0, 0, 150, 300)), colours(300, 100, 7)]


def test_boxes_of_blazepose_are_in_pixels_of_the_photo(detector, network, tmp_path):
    photos = scenes()
    found = detected(detector, saved(photos, tmp_path), min_score=0.05, most=4)
    assert sum(len(people) for people, _ in found) > len(photos)
    for (people, reason), photo in zip(found, photos, strict=True):
        expected = by_hand(network, photo, 0.05, 4)
        assert reason == ""
        assert len(people) == len(expected)
        for (box, score), (edges, certain) in zip(people, expected, strict=True):
            np.testing.assert_allclose(box, edges, atol=0.05)
            assert score == pytest.approx(float(certain), abs=1e-4)


def test_a_box_is_where_a_person_of_coco_is(detector):
    """Photos of COCO with one box of a person, most of which is in the square around the body."""
    root = os.environ.get("STILLACT_COCO")
    if not root:
        pytest.skip("STILLACT_COCO is not set: no real photographs here")
    table = pd.read_csv(ROOT / "data/coco_activities.csv")
    single = table[
        ~table["person_boxes"].str.contains(";") & (table["largest_person_fraction"] > 0.2)
    ]
    rows = single.sort_values("id").head(20)
    files = [Path(root, f"val2017/{name:012}.jpg") for name in rows["id"]]
    shares = []
    for (people, _), text in zip(detected(detector, files), rows["person_boxes"], strict=True):
        left, top, width, height = map(float, text.split())
        for box, _ in people[:1]:
            across = min(box.right, left + width) - max(box.left, left)
            down = min(box.bottom, top + height) - max(box.top, top)
            shares.append(max(across, 0) * max(down, 0) / (width * height))
    assert len(shares) >= 15
    assert np.median(shares) > 0.8


def test_boxes_are_those_of_the_upright_photo(detector, tmp_path):
    upright = rendering.render("standing", 1).image
    exif = Image.Exif()
    exif[274] = 6  # to be turned a quarter clockwise
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    files = [tmp_path / "upright.png", tmp_path / "turned.png"]
    (one, _), (other, _) = detected(detector, files, min_score=0.05)
    assert one
    assert other == one


def test_a_photo_that_cannot_be_read_has_a_reason(detector, tmp_path):
    (file,) = saved([rendering.render("standing", 1).image], tmp_path)
    (tmp_path / "text.png").write_text("no photo")
    pairs = [(str(tmp_path / "text.png"), ""), (str(file), ""), ("", "no answer")]
    pairs.append((str(tmp_path / "none.png"), ""))
    found = list(detectors.detect(detector, pairs, People(min_score=0), Fetch(), threads=1))
    assert [people is None for people, _ in found] == [True, False, True, True]
    assert [reason for _, reason in found][1:] == ["", "no answer", "no such file"]
    assert found[0][1].startswith("not an image")


class White(detectors.Detector):
    """A detector of the white rectangle in a photo."""

    preprocessing = Preprocessing(100, "squash", "bilinear")

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def found(self, photos, min_score, most):
        people = []
        for photo in photos:
            rows, columns = (photo.amin(0) > 200).nonzero(as_tuple=True)
            if len(rows) == 0:
                people.append((torch.empty(0, 4), torch.empty(0)))
                continue
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            people.append((torch.tensor([edges]) / 100, torch.tensor([0.75])))
        return people


@pytest.fixture
def study(tmp_path):
    """Manifest, available photos and files of three photos, in another order than the manifest's;
    in a and c there is a white rectangle, and a has a box in the manifest."""
    manifest = pd.DataFrame(
        {"id": ["a", "b", "gone", "c"], "person_boxes": ["1 2 3 4", "", "5 5 5 5", ""]}
    )
    photos = pd.DataFrame({"id": ["c", "a", "b"]})
    images = [Image.new("RGB", (200, 300)) for _ in range(3)]
    images[0].paste("white", (20, 30, 120, 150))
    images[1].paste("white", (100, 150, 200, 300))
    return manifest, photos, saved(images, tmp_path)


def of_study(study, **people) -> dict:
    manifest, photos, files = study
    settings = People(detector="white", **people)
    return detectors.of_study(White(), manifest, photos, files, settings, Fetch(), threads=1)


def test_photos_without_boxes_are_searched_or_all_of_them(study):
    in_c, in_a = Box(20, 30, 120, 150), Box(100, 150, 200, 300)
    few, every = of_study(study), of_study(study, boxes="detector")
    assert list(few) == ["c", "b"]
    assert list(every) == ["c", "a", "b"]
    for found in (few, every):
        ((box, score),) = found["c"]
        assert (tuple(box), score) == (pytest.approx(in_c), pytest.approx(0.75))
        assert found["b"] == []
    ((box, _),) = every["a"]
    assert tuple(box) == pytest.approx(in_a)


def test_nobody_in_any_photo_is_an_error(study):
    manifest, photos, files = study
    for file in files:
        Image.new("RGB", (200, 300)).save(file)
    told = (
        r"people\.detector: nobody is found in any of 3 photos; .* people\.min_score \(now 0\.3\)"
    )
    with pytest.raises(InputError, match=told):
        of_study(study, boxes="detector", min_score=0.3)
    # with the manifest's boxes the study has somebody
    assert of_study(study) == {"c": [], "b": []}
    without = manifest.assign(person_boxes="")
    with pytest.raises(InputError, match="in any of 3 photos"):
        of_study((without, photos, files))


def test_a_study_in_which_every_photo_has_boxes_is_not_searched(study):
    manifest, photos, files = study
    assert of_study((manifest.assign(person_boxes="1 2 3 4"), photos, files)) == {}


def test_an_unreadable_photo_of_a_study_is_named(study):
    files = study[2]
    files[0].write_bytes(b"no photo")
    with pytest.raises(InputError, match=rf"photo {files[0]} cannot be read: .*forcerun fetch"):
        of_study(study)


def test_a_detector_of_a_record(blazepose, tmp_path):
    file = blazepose / "pose_detection.tflite"
    record = {"loader": "blazepose", "name": "pose_detection", "folder": str(file), "bytes": 1}
    (tmp_path / "weights.json").write_text(json.dumps(record))
    found = detectors.from_record(tmp_path / "weights.json")
    assert isinstance(found, detectors.BlazePose)
    assert not found.training


def test_a_detector_without_weights_or_of_another_name_is_an_error(rt_detr, blazepose, tmp_path):
    with pytest.raises(InputError, match="no weights of d_fine there; run rule fetch_detector"):
        detectors.load(block("d_fine"), tmp_path / "none")
    with pytest.raises(InputError, match=r"has no config\.json; name the folder of a saved model"):
        detectors.load(block("d_fine"), tmp_path)
    with pytest.raises(InputError, match="is of type 'rt_detr_v2', but its name is 'd_fine'"):
        detectors.load(block("d_fine"), rt_detr)
    with pytest.raises(InputError, match="blazepose has one detector; set name: pose_detection"):
        detectors.load(block("pose", "blazepose"), blazepose / "pose_detection.tflite")
    landmarks = blazepose / "pose_landmark_full.tflite"
    with pytest.raises(InputError, match="not the detection network of BlazePose"):
        detectors.load(block("pose_detection", "blazepose"), landmarks)


def test_a_detector_of_other_classes_or_sizes_is_an_error(rt_detr, tmp_path):
    things = {"0": "chair", "1": "table", "2": "dog"}
    of_things = copied(rt_detr, tmp_path / "things", "config.json", id2label=things)
    with pytest.raises(InputError, match="things: its classes have no 'person'"):
        detectors.load(block("rt_detr_v2"), of_things)
    preprocessor = "preprocessor_config.json"
    for name, change in {
        "wide": {"size": {"height": 480, "width": 640}},
        "longest": {"size": {"shortest_edge": 480, "longest_edge": 640}},
        "nearest": {"resample": 0},
    }.items():
        changed = copied(rt_detr, tmp_path / name, preprocessor, **change)
        with pytest.raises(InputError, match=rf"{name}: resizes photos .* supported are squares"):
            detectors.load(block("rt_detr_v2"), changed)


def test_weights_that_do_not_fit_are_an_error(rt_detr, tmp_path):
    wider = copied(rt_detr, tmp_path / "wider", "config.json", num_queries=300, d_model=128)
    with pytest.raises(InputError, match="wider: the weights do not fit rt_detr_v2"):
        detectors.load(block("rt_detr_v2"), wider)
    (tmp_path / "wider/model.safetensors").unlink()
    (tmp_path / "wider/model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="damaged or truncated"):
        detectors.load(block("rt_detr_v2"), tmp_path / "wider")
