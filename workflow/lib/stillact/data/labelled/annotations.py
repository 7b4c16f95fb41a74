"""Annotation files: COCO's JSON, V-COCO's, and Label Studio's JSON and JSON_MIN."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from stillact.core.errors import InputError
from stillact.data.labelled import cells, label_studio, vcoco

PERSON = "person"  # COCO's category
SHOWN = 3  # photos named in an error


def rows(file: Path) -> list[list[str]]:
    """The rows of a manifest, the header first; photos without annotations are left out.

    * COCO: the label of a photo is the category of its annotations, `PERSON` aside, whose boxes are
      person boxes; those of the other annotations are, if the file has no such category. A photo is
      searched beside the file, and in `images` beside it or its folder; if it is in neither, it is
      fetched from its coco_url.
    * V-COCO: `vcoco.found`.
    * Label Studio: the label is the choice of all its annotators.

    Raises:
        InputError: the file is neither, or photos have several labels; names them.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(file.read_text("utf-8-sig"))
    except ValueError as error:
        raise InputError(f"{file} is not JSON: {error}") from None
    try:
        if isinstance(content, dict):
            found = _coco(file, content)
        elif vcoco.known(content):
            found = vcoco.found(file, content)
        else:
            found = _label_studio(file, content)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"{file} is neither an annotation file of COCO nor an export of Label Studio "
            f"({type(error).__name__}: {error})"
        ) from None
    several = [(url, labels) for url, (labels, _) in found.items() if len(labels) > 1]
    if several:
        named = "; ".join(f"{url}: {', '.join(sorted(one))}" for url, one in several[:SHOWN])
        raise InputError(
            f"{file}: {len(several)} photos have several labels, and a photo can have one "
            f"({named}). Remove all but one"
        )
    labelled = {url: (*labels, boxes) for url, (labels, boxes) in found.items() if labels}
    if not labelled:
        raise InputError(f"{file}: no photo has a label")
    return [["url", "label", "person_boxes"]] + [[url, *rest] for url, rest in labelled.items()]


def _coco(file: Path, content: dict[str, Any]) -> dict[str, tuple[set[str], str]]:
    """Labels and person boxes by photo."""
    if "categories" not in content and any("caption" in one for one in content["annotations"]):
        raise InputError(
            f"{file} has captions and no categories. Set curate.captions to it, curate.instances "
            "to the boxes, and dataset.manifest to results/curate/manifest.csv: labels are then "
            "the verbs of the captions (curate.verbs)"
        )
    names = {one["id"]: one["name"].strip() for one in content["categories"]}
    annotations = defaultdict(list)
    for one in content["annotations"]:
        annotations[one["image_id"]].append((names[one["category_id"]], one.get("bbox")))
    persons = PERSON if PERSON in names.values() else None
    found = {}
    for image in content["images"]:
        own = annotations[image["id"]]
        labels = {name for name, _ in own if name != persons}
        boxes = [box for name, box in own if box and (name == persons or persons is None)]
        found[_place(file, image)] = labels, cells.boxes(boxes)
    return found


def _place(file: Path, image: dict[str, Any]) -> str:
    """Where the photo of a record of COCO lies, or its address."""
    name = image["file_name"]
    return cells.beside(file, name) or str(image.get("coco_url") or name)


def _label_studio(file: Path, content: list[dict[str, Any]]) -> dict[str, tuple[set[str], str]]:
    """Labels by photo; no boxes."""
    found = {}
    for task in content:
        data = task.get("data", task)  # JSON_MIN has the data in the task itself
        url = data.get("image") or next(text for text in data.values() if isinstance(text, str))
        found[label_studio.local_path(url, file.parent)] = set(_choices(task)), ""
    return found


def _choices(task: dict[str, Any]) -> list[str]:
    """What annotators chose for a photo."""
    if "annotations" not in task:  # JSON_MIN
        choice = task.get("choice", [])
        given = choice["choices"] if isinstance(choice, dict) else choice
        return [given] if isinstance(given, str) else given
    results = [
        one
        for annotation in task["annotations"]
        if not annotation.get("was_cancelled")
        for one in annotation["result"]
        if one["type"] == "choices"
    ]
    return [choice for one in results for choice in one["value"]["choices"]]
