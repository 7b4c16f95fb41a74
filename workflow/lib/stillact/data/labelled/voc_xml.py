"""Folders with annotations in PASCAL VOC's XML: Stanford 40 Actions and VOC2012's actions."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data.labelled import cells
from stillact.data.labelled.folders import resolved

HEADER = ["url", "label", "split", "person_boxes"]
STANFORD = ("ImageSplits", "XMLAnnotations")  # their folders
VOC = ("ImageSets/Action", "Annotations")
PHOTOS = "JPEGImages"
OTHER = "other"  # VOC's action of people who do none of the ten

Box = tuple[float, float, float, float]  # left, top, width and height, pixels


def known(folder: Path) -> bool:
    """Whether a folder is that of one of the datasets."""
    return any(all((folder / part).is_dir() for part in parts) for parts in (STANFORD, VOC))


def rows(folder: Path) -> list[list[str]]:
    """The rows of a manifest, the header first.

    * Stanford 40 Actions (Yao et al., ICCV 2011): class and subset of a photo are those of the file
      ImageSplits/{class}_{train,test}.txt that names it, its person boxes those of XMLAnnotations.
    * VOC2012's actions (Everingham et al., IJCV 2015): of the photos in ImageSets/Action/train.txt
      and val.txt, the class is the action of the largest person; photos in which they do several,
      or none of the ten, are left out. The test set is val, as the labels of VOC's are not public.

    Args:
        folder: the dataset's; of VOC, VOCdevkit/VOC2012.

    Raises:
        InputError: it has no photo; a list names a photo twice, or without annotation; an
            annotation cannot be read.
    """
    stanford = (folder / STANFORD[0]).is_dir()
    found = list(_stanford(folder) if stanford else _voc(folder))
    if not found:
        raise InputError(f"{folder}: the lists of the dataset name no photo; extract it again")
    names = Counter(row[0] for row in found)
    (name, count), *_ = names.most_common(1)
    if count > 1:
        raise InputError(f"{folder}: {name} is in the lists of {count} classes or subsets")
    return [HEADER, *found]


def _stanford(folder: Path) -> Iterator[list[str]]:
    splits = resolved({"train": "train", "test": "test"})
    for file in sorted((folder / STANFORD[0]).glob("*_*.txt")):
        label, _, subset = file.stem.rpartition("_")
        if subset not in splits:
            continue
        for name in file.read_text(encoding="utf-8").split():
            annotation = folder / STANFORD[1] / f"{Path(name).stem}.xml"
            boxes = [_box(annotation, person) for person in _people(annotation)]
            yield [f"{PHOTOS}/{name}", label, splits[subset], _written(boxes)]


def _voc(folder: Path) -> Iterator[list[str]]:
    splits = resolved({"train": "train", "val": "validation"})
    left_out = 0
    for subset, split in splits.items():
        lines = (folder / VOC[0] / f"{subset}.txt").read_text(encoding="utf-8").splitlines()
        for name in dict.fromkeys(line.split()[0] for line in lines if line.strip()):
            annotation = folder / VOC[1] / f"{name}.xml"
            people = [(_box(annotation, one), _actions(one)) for one in _people(annotation)]
            people.sort(key=lambda one: one[0][2] * one[0][3], reverse=True)
            actions = people[0][1] if people else []
            if len(actions) != 1 or actions == [OTHER]:
                left_out += 1
                continue
            boxes = _written([box for box, _ in people])
            yield [f"{PHOTOS}/{name}.jpg", actions[0], split, boxes]
    logger.info(
        "%s: %d photos left out, in which the largest person does several or none of the actions",
        folder,
        left_out,
    )


def _people(annotation: Path) -> list[ET.Element]:
    try:
        root = ET.parse(annotation).getroot()
    except FileNotFoundError:
        raise InputError(f"there is no {annotation}; extract the dataset again") from None
    except ET.ParseError as error:
        raise InputError(f"{annotation} is not XML: {error}; extract the dataset again") from None
    return [one for one in root.iter("object") if one.findtext("name", "").strip() == "person"]


def _actions(person: ET.Element) -> list[str]:
    given = person.find("actions")
    return [] if given is None else [one.tag for one in given if (one.text or "").strip() == "1"]


def _box(annotation: Path, person: ET.Element) -> Box:
    try:
        left, top, right, bottom = (
            float(person.findtext(f"bndbox/{end}", "")) for end in ("xmin", "ymin", "xmax", "ymax")
        )
    except ValueError:
        raise InputError(f"{annotation}: a person has no bndbox of four numbers") from None
    return left, top, right - left, bottom - top


def _written(boxes: list[Box]) -> str:
    return cells.boxes(box for box in boxes if box[2] > 0 and box[3] > 0)
