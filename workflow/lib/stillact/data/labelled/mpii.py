"""The annotations of MPII Human Pose (Andriluka et al., CVPR 2014), a MATLAB file."""

import io
from pathlib import Path
from typing import Any

from stillact.core.errors import InputError
from stillact.data.labelled import cells

HEADER = ["url", "label", "group", "person_boxes"]
HEIGHT = 200  # pixels: the height of a person of scale 1


def rows(file: Path) -> list[list[str]]:
    """The rows of a manifest, the header first.

    The label is the category of the activity (`act.cat_name`), which only the training photos
    have. Photos of one video are a group. A person box is a square around `objpos` with the height
    that `scale` gives, as the dataset has no boxes of bodies. Photos are searched beside the file,
    and in `images` beside it or its folder.

    Raises:
        InputError: it is not that file.
        OSError: it cannot be read.
    """
    from scipy.io import loadmat  # other forms do without it

    content = io.BytesIO(file.read_bytes())
    try:
        release = loadmat(content, squeeze_me=True, struct_as_record=False)["RELEASE"]
        table = [
            [
                cells.beside(file, str(photo.image.name)) or f"images/{photo.image.name}",
                str(act.cat_name).strip(),
                "".join(f"video_{number:g}" for number in _listed(photo, "vididx")[:1]),
                cells.boxes(filter(None, map(_box, _listed(photo, "annorect")))),
            ]
            for photo, act, train in zip(
                release.annolist, release.act, release.img_train, strict=True
            )
            if train and isinstance(act.cat_name, str) and act.cat_name.strip()
        ]
    except Exception as error:  # scipy raises many kinds for a file that is none of MATLAB's
        raise InputError(
            f"{file} is not MPII's mpii_human_pose_v1_u12_1.mat ({type(error).__name__}: {error})"
        ) from None
    if not table:
        raise InputError(f"{file}: no photo has an activity")
    return [HEADER, *table]


def _listed(record: Any, name: str) -> list:
    """The values of a field, of which there may be none, one or an array."""
    value = getattr(record, name, None)
    if value is None or (hasattr(value, "size") and value.size == 0):
        return []
    return list(value) if hasattr(value, "__len__") else [value]


def _box(person: Any) -> tuple[float, ...]:
    """A person's left, top, width and height; () where the position or the scale is not given."""
    place, scale = getattr(person, "objpos", None), getattr(person, "scale", None)
    if not hasattr(place, "x") or not isinstance(scale, int | float):
        return ()
    side = scale * HEIGHT
    return place.x - side / 2, place.y - side / 2, side, side
