"""The annotations of V-COCO (Gupta and Malik, arXiv 1505.04474): what people in COCO photos do."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.data.labelled import cells

POSTURES = ("sit", "stand", "walk", "run")  # of a person who has several, the last one is the label
UPRIGHT = {"stand", "walk", "run"}
INSTANCES = "instances_*.json"


def known(content: Any) -> bool:
    """Whether the content of a JSON file is V-COCO's."""
    return isinstance(content, list) and bool(content) and "action_name" in content[0]


def found(file: Path, content: list[dict[str, Any]]) -> dict[str, tuple[set[str], str]]:
    """Labels and person boxes by photo: the label is the posture of the largest person, of
    `POSTURES`. Photos in which they have none, or sit and stand, are left out.

    Boxes and names of photos are those of instances_vcoco_all_2014.json, or another file
    instances_*.json of COCO beside `file` or up to two folders above it.

    Raises:
        InputError: there is no such file, or it lacks an annotation that V-COCO names.
    """
    folders = (file.parent, *list(file.absolute().parents)[1:3])
    beside = [path for folder in folders for path in sorted(folder.glob(INSTANCES))]
    if not beside:
        raise InputError(
            f"{file}: V-COCO's boxes are in COCO's {INSTANCES}, and there is none in its folder; "
            "put instances_vcoco_all_2014.json there"
        )
    coco = json.loads(beside[0].read_text("utf-8"))
    boxes = {one["id"]: tuple(one["bbox"]) for one in coco["annotations"]}
    images = {one["id"]: one for one in coco["images"]}
    postures: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for action in content:
        columns = (_flat(action[name]) for name in ("image_id", "ann_id", "label"))
        for image, person, label in zip(*columns, strict=True):
            of_person = postures[image][person]
            if label and action["action_name"] in POSTURES:
                of_person.add(action["action_name"])
    labelled = {}
    for image, people in postures.items():
        if missing := [one for one in people if one not in boxes] or image not in images:
            raise InputError(f"{beside[0]} has not the photo {image} of {file}, or {missing}")
        ordered = sorted(people, key=lambda one: boxes[one][2] * boxes[one][3], reverse=True)
        own = people[ordered[0]]
        if own and not ("sit" in own and own & UPRIGHT):
            url = cells.beside(file, images[image]["file_name"]) or images[image]["coco_url"]
            labelled[url] = (
                {max(own, key=POSTURES.index)},
                cells.boxes(boxes[one] for one in ordered),
            )
    logger.info("%s: %d of %d photos have a posture", file, len(labelled), len(postures))
    return labelled


def _flat(values: list) -> list:
    """V-COCO's columns, whose rows may be lists of one."""
    return [one[0] if isinstance(one, list) else one for one in values]
