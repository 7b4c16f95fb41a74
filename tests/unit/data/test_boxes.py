"""Views, against `images.square` itself: what is painted into a photo is where the view says."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stillact.data.boxes import View
from stillact.data.preprocess import square

SIZE = 48
PHOTOS = [(200, 120), (121, 203), (90, 90), (640, 97), (31, 20)]
LOOKS = [("resize_crop", 1.0), ("squash", 1.0), ("letterbox", 1.0)]
LOOKS += [(geometry, 0.875) for geometry, _ in LOOKS]
BOXES = [(0.3, 0.2, 0.4, 0.5), (0.55, 0.5, 0.45, 0.5), (0, 0, 0.6, 0.4)]  # shares of the sides


def painted(photo, boxes, geometry, crop):
    """The packed pixels of which most are inside the boxes, as `square` makes them."""
    image = Image.new("RGB", photo, (0, 0, 0))
    for x, y, width, height in boxes:
        ImageDraw.Draw(image).rectangle((x, y, x + width - 1, y + height - 1), fill=(255, 255, 255))
    packed = np.asarray(square(image, SIZE, geometry, "bilinear", crop))
    return packed[..., 0] > 127  # the grey of a letterbox is 127


def grown(mask):
    """With the pixels around it."""
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    return np.any(
        [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0
    )


def in_pixels(photo, shares):
    width, height = photo
    return [
        (round(x * width), round(y * height), round(w * width), round(h * height))
        for x, y, w, h in shares
    ]


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("geometry", "crop"), LOOKS)
@pytest.mark.parametrize("shares", [*([box] for box in BOXES), BOXES[:2]])
def test_a_mask_is_where_the_boxes_are_painted(photo, geometry, crop, shares):
    boxes = in_pixels(photo, shares)
    mask = View.of(*photo, SIZE, geometry, crop).mask(boxes)
    found = painted(photo, boxes, geometry, crop)
    assert mask.shape == (SIZE, SIZE)
    assert mask.any()
    assert not (mask & ~grown(found)).any()
    assert not (found & ~grown(mask)).any()
    # of an edge a pixel is in or out; not so many that the mask is another one
    assert (mask ^ found).sum() <= 0.3 * (grown(found) & grown(~found)).sum()


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("geometry", "crop"), LOOKS)
def test_the_region_is_what_is_seen_of_the_photo(photo, geometry, crop):
    """A photo whose red and green say where a pixel was."""
    width, height = photo
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0] = (np.arange(width) + 0.5) / width * 255
    ramp[..., 1] = ((np.arange(height) + 0.5) / height * 255)[:, None]
    packed = np.asarray(square(Image.fromarray(ramp), SIZE, geometry, "bilinear", crop), float)
    seen = packed[(packed[..., 2] == 0)]  # no grey of a letterbox
    view = View.of(*photo, SIZE, geometry, crop)
    left, top, across, down = view.region
    ((_, _, columns, rows),) = view.boxes([(0, 0, width, height)])
    of_x = left / width, (left + across) / width, columns
    of_y = top / height, (top + down) / height, rows
    for channel, (first, last, pixels) in enumerate((of_x, of_y)):
        values, step = seen[:, channel], 255 * (last - first) / pixels
        assert values.min() == pytest.approx(255 * first + step / 2, abs=step)
        assert values.max() == pytest.approx(255 * last - step / 2, abs=step)
    assert min(left, top) >= 0
    assert left + across <= width + 1e-9
    assert top + down <= height + 1e-9


def test_by_hand():
    wide = View.of(400, 200, 100, "resize_crop")  # half the size, 50 columns off on each side
    assert wide.region == (100, 0, 200, 200)
    assert wide.boxes([(0, 0, 120, 50), (180, 100, 40, 300), (0, 0, 90, 200)]) == [
        (0, 0, 10, 25),
        (40, 50, 20, 50),
    ]
    padded = View.of(400, 200, 100, "letterbox")  # a quarter of the size, from row 25 to 75
    assert padded.region == (0, 0, 400, 200)
    assert padded.boxes([(-50, -50, 1000, 1000)]) == [(0, 25, 100, 50)]
    assert padded.mask([(0, 0, 400, 200)]).sum() == 5000
    squashed = View.of(400, 200, 100, "squash")
    assert squashed.boxes([(200, 100, 200, 100)]) == [(50, 50, 50, 50)]
    centre = View.of(200, 200, 90, "squash", crop=0.9)  # 90 of 100 pixels
    assert centre.region == pytest.approx((10, 10, 180, 180))


def test_without_boxes_nothing_is_masked():
    view = View.of(400, 200, 100, "resize_crop")
    assert view.boxes([]) == []
    assert not view.mask([]).any()
    assert not view.mask([(0, 0, 50, 200)]).any()  # cropped away
