"""Manifests from COCO's caption and instance files, by a reproducible rule.

The paper does not publish which COCO photos it used. This rule selects photos whose captions agree
on one activity, the clearest first:

1. A caption is lower-cased and split into words (`\\w+`).
2. An image is a candidate for a class if none of its captions contains a verb of another class.
3. A caption votes for a class if a person noun is followed by one of the class's verbs with at
   most `max_words_between` words between them.
4. Candidates with at least one vote whose largest person box covers at least
   `min_person_fraction` of the image are eligible.
5. Within a class they are sorted by votes, then by that fraction (both descending), then by image
   id, and the first `images_per_class` are selected.

Crowd regions count in the rule: they contain persons too, and files without COCO's `iscrowd` flag
then select the same photos. They are not among a row's person boxes, each of which is a person.
"""

import hashlib
import json
import re
import shutil
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import httpx
import pandas as pd

from stillact.config.data import Curate
from stillact.core.errors import InputError
from stillact.core.logs import logger
from stillact.core.tables import replacing

ATTEMPTS = 3  # of the download; each starts from the beginning
PROGRESS_BYTES = 25_000_000  # between two log lines
IMAGE_FIELDS = ["id", "file_name", "coco_url", "width", "height", "license"]
WAYS_OUT = "set curate.captions and curate.instances to local copies of COCO's files"


def annotations(settings: Curate, cache: Path) -> tuple[Path, Path]:
    """The captions file and the instances file: the local files of the settings, or those of the
    official archive, which is downloaded once into `cache`.

    Raises:
        InputError: a local file is missing, or the archive is unavailable or lacks a member.
    """
    url = settings.annotations_url
    folder = Path(cache) / "annotations" / hashlib.sha256(url.encode()).hexdigest()[:16]
    return (
        _annotation("captions", settings.captions, settings.captions_member, url, folder),
        _annotation("instances", settings.instances, settings.instances_member, url, folder),
    )


def _annotation(key: str, local: str | None, member: str, url: str, folder: Path) -> Path:
    if local is not None:
        if not Path(local).is_file():
            raise InputError(
                f"curate.{key}: no file at {local!r}; check the path, or set it to null"
            )
        return Path(local)
    target = folder / PurePosixPath(member).name
    if not target.exists():
        archive = folder / "annotations.zip"
        if not archive.exists():
            _download(url, archive)
        _extract(archive, member, target, f"curate.{key}_member", url)
    return target


def _download(url: str, target: Path) -> None:
    """Download the file at `url` completely or not at all."""
    with replacing(target) as part:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _stream(url, part)
                break
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reason = str(error) or type(error).__name__
                logger.warning("%s: attempt %d of %d: %s", url, attempt, ATTEMPTS, reason)
                if attempt == ATTEMPTS:
                    raise InputError(
                        f"curate.annotations_url: could not fetch {url} ({reason}); {WAYS_OUT}"
                    ) from error
                time.sleep(attempt)
        if not zipfile.is_zipfile(part):
            raise InputError(f"curate.annotations_url: {url} is not a zip archive; {WAYS_OUT}")


def _stream(url: str, part: Path) -> None:
    with (
        httpx.stream("GET", url, follow_redirects=True, timeout=30) as response,
        part.open("wb") as file,
    ):
        response.raise_for_status()
        size = int(response.headers.get("content-length", 0))
        of = f" of {size / 1e6:.0f}" if size else ""
        logged = 0
        for chunk in response.iter_bytes():
            file.write(chunk)
            if file.tell() - logged >= PROGRESS_BYTES:
                logged = file.tell()
                logger.info("%s: %.0f%s MB", url, logged / 1e6, of)
        logger.info("%s: %.1f MB, done", url, file.tell() / 1e6)


def _extract(archive: Path, member: str, target: Path, key: str, url: str) -> None:
    try:
        with zipfile.ZipFile(archive) as bundle, replacing(target) as part:
            if member not in bundle.namelist():
                raise InputError(
                    f"{key}: {url} has no member {member!r}; name an existing one, or {WAYS_OUT}"
                )
            with bundle.open(member) as source, part.open("wb") as file:
                shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        archive.unlink()
        raise InputError(
            f"curate.annotations_url: the archive of {url} is damaged ({error}) and was removed; "
            f"start again, or {WAYS_OUT}"
        ) from error


def curate(
    captions: Path, instances: Path, settings: Curate, local_dirs: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The manifest selected by the rule, and that of the other eligible photos.

    Args:
        captions: COCO captions file (`images`, `licenses`, `annotations` with `caption`).
        instances: COCO instances file (`categories`, `annotations` with `bbox`).
        settings: words and limits of the rule.
        local_dirs: folders searched for each photo's file name, for its sha256.

    Returns:
        The selected photos and the others, of which the rule is less certain: one row per image,
        classes in the order of `settings.images_per_class`, images in the order of the rule.
        Columns: id, label, caption_votes (number of voting captions),
        largest_person_fraction (0 to 1, four decimals), url, license_id, license_url, width and
        height (pixels), sha256 ('' if no local folder has the photo) and person_boxes
        ("x y width height" in pixels, one decimal, joined by ";", largest first). All strings.

    Raises:
        InputError: a file is not in COCO format, or a class has too few candidates.
    """
    without_verbs = [c for c in settings.images_per_class if not settings.verbs.get(c)]
    if without_verbs:
        raise InputError(f"curate.images_per_class: {without_verbs[0]!r} has no curate.verbs")

    content = _load(captions)
    images = _records(captions, content, "images", IMAGE_FIELDS).set_index("id")
    licenses = _records(captions, content, "licenses", ["id", "url"]).set_index("id").url
    caption_rows = _records(captions, content, "annotations", ["image_id", "caption"])
    boxes = _person_boxes(instances)

    candidates = _candidates(caption_rows, settings).join(boxes, on="image_id", how="inner")
    candidates = candidates.join(images, on="image_id", how="inner")
    candidates["fraction"] = candidates.area / (candidates.width * candidates.height)
    candidates = candidates[candidates.fraction >= settings.min_person_fraction]
    chosen, others = _parts(candidates, settings)
    return _rows(chosen, licenses, local_dirs), _rows(others, licenses, local_dirs)


def _rows(photos: pd.DataFrame, licenses: pd.Series, local_dirs: list[str]) -> pd.DataFrame:
    """The rows of a manifest; see `curate`."""
    return pd.DataFrame(
        {
            "id": photos.image_id.astype(str),
            "label": photos.label,
            "caption_votes": photos.votes.astype(str),
            "largest_person_fraction": photos.fraction.map("{:.4f}".format),
            "url": photos.coco_url,
            "license_id": photos.license.astype(str),
            "license_url": photos.license.map(licenses).fillna(""),
            "width": photos.width.astype(str),
            "height": photos.height.astype(str),
            "sha256": [_local_sha256(name, local_dirs) for name in photos.file_name],
            "person_boxes": photos.boxes,
        }
    )


def _load(path: Path) -> dict:
    try:
        content = json.loads(Path(path).read_bytes())
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path}: not a complete JSON file ({error}); download COCO's annotations archive again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a COCO file: its top level is not an object")
    return content


def _records(
    path: Path, content: dict, key: str, fields: list[str], optional: Iterable[str] = ()
) -> pd.DataFrame:
    """The list `content[key]` as a table of `fields`, each present in each record, and of
    `optional` ones."""
    records = content.get(key)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise InputError(f"{path}: {key!r} is not a list of objects; a COCO file is needed")
    for i, record in enumerate(records):
        for field in fields:
            if record.get(field) is None:
                raise InputError(f"{path}: {key}[{i}] has no {field!r}; a COCO file is needed")
    return pd.DataFrame(records, columns=[*fields, *optional])


def _person_boxes(path: Path) -> pd.DataFrame:
    """One row per image: area of its largest person box in square pixels, and all its boxes but
    crowd regions as text; index image_id."""
    content = _load(path)
    categories = _records(path, content, "categories", ["id", "name"])
    persons = categories.id[categories.name == "person"]
    if persons.empty:
        raise InputError(f"{path}: 'categories' has no 'person'; COCO's instances file is needed")
    fields = ["image_id", "category_id", "bbox"]
    rows = _records(path, content, "annotations", fields, optional=["iscrowd"])
    rows = rows[rows.category_id.isin(persons)]
    try:
        box = pd.DataFrame(rows.bbox.tolist(), index=rows.index, columns=list("xywh"), dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: 'annotations' has a 'bbox' that is not four numbers ({error})"
        ) from error
    # COCO has a few boxes of zero width or height; at one decimal they would be invalid.
    box = box[(box.w >= 0.1) & (box.h >= 0.1)]
    box = box.assign(image_id=rows.image_id, area=box.w * box.h)
    box = box.sort_values(["area", *"xywh"], ascending=[False] + [True] * 4)
    box["text"] = [f"{x:.1f} {y:.1f} {w:.1f} {h:.1f}" for x, y, w, h in box[[*"xywh"]].to_numpy()]
    persons = box[~rows.iscrowd.eq(1).loc[box.index]]
    texts = persons.groupby("image_id").text.agg(";".join)
    areas = box.groupby("image_id").area.max()
    return pd.DataFrame({"area": areas, "boxes": texts.reindex(areas.index, fill_value="")})


def _candidates(captions: pd.DataFrame, settings: Curate) -> pd.DataFrame:
    """Images with verbs of exactly one class and votes for it: columns image_id, label, votes."""
    nouns = set(settings.person_nouns)
    verbs = {label: set(forms) for label, forms in settings.verbs.items()}
    rows = []
    for image_id, texts in captions.groupby("image_id").caption:
        words = [re.findall(r"\w+", text.lower()) for text in texts]
        held = [label for label in verbs if any(verbs[label].intersection(w) for w in words)]
        if len(held) == 1:
            votes = sum(_votes(w, nouns, verbs[held[0]], settings.max_words_between) for w in words)
            rows.append((image_id, held[0], votes))
    found = pd.DataFrame(rows, columns=["image_id", "label", "votes"])
    return found[found.votes > 0]


def _votes(words: list[str], nouns: set[str], verbs: set[str], max_between: int) -> bool:
    return any(
        word in nouns and not verbs.isdisjoint(words[i + 1 : i + 2 + max_between])
        for i, word in enumerate(words)
    )


def _parts(candidates: pd.DataFrame, settings: Curate) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The selected rows of each class, and the others, in the order of the rule."""
    ordered = candidates.sort_values(
        ["votes", "fraction", "image_id"], ascending=[False, False, True]
    )
    taken, others = [], []
    for label, wanted in settings.images_per_class.items():
        of_class = ordered[ordered.label == label]
        logger.info("%s: %d candidates, %d selected", label, len(of_class), wanted)
        if len(of_class) < wanted:
            raise InputError(
                f"curate.images_per_class: {label}: {wanted} requested, but the rule leaves "
                f"{len(of_class)} candidates; request fewer, or lower curate.min_person_fraction"
            )
        taken.append(of_class.head(wanted))
        others.append(of_class.iloc[wanted:])
    return pd.concat(taken, ignore_index=True), pd.concat(others, ignore_index=True)


def _local_sha256(file_name: str, local_dirs: Iterable[str]) -> str:
    # Only the name is used: a path in the annotations must not lead out of the folder.
    for folder in local_dirs:
        path = Path(folder) / PurePosixPath(file_name).name
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ""
