"""Boxes; and views, against `preprocess.square` itself: what is painted into a photo is where the
view says."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stillact.data.boxes import Box, View, clipped, region_of, square_around
from stillact.data.preprocess import square
from stillact.data.preprocessing import Preprocessing

SIZE = 48
PHOTOS = [(200, 120), (121, 203), (90, 90), (640, 97), (31, 20)]
LOOKS = [("resize_crop", 1.0), ("squash", 1.0), ("letterbox", 1.0)]
LOOKS += [(geometry, 0.875) for geometry, _ in LOOKS]
BOXES = [(0.3, 0.2, 0.4, 0.5), (0.55, 0.5, 0.45, 0.5), (0, 0, 0.6, 0.4)]  # shares of the sides


def painted(photo, boxes, how, people=()):
    """The packed pixels of which most are inside the boxes, as `square` makes them."""
    image = Image.new("RGB", photo, (0, 0, 0))
    for left, top, right, bottom in boxes:
        ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=(255, 255, 255))
    packed = np.asarray(square(image, how, people))
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
        Box.of_size(round(x * width), round(y * height), round(w * width), round(h * height))
        for x, y, w, h in shares
    ]


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("geometry", "crop"), LOOKS)
@pytest.mark.parametrize("shares", [*([box] for box in BOXES), BOXES[:2]])
def test_a_mask_is_where_the_boxes_are_painted(photo, geometry, crop, shares):
    boxes = in_pixels(photo, shares)
    how = Preprocessing(SIZE, geometry, "bilinear", crop)
    mask = View.of(how, *photo).mask(boxes)
    same_but_for_edges(mask, painted(photo, boxes, how))


def same_but_for_edges(mask, found):
    assert mask.shape == (SIZE, SIZE)
    assert mask.any()
    assert not (mask & ~grown(found)).any()
    assert not (found & ~grown(mask)).any()
    # of an edge a pixel is in or out; not so many that the mask is another one
    assert (mask ^ found).sum() <= 0.3 * (grown(found) & grown(~found)).sum()


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("geometry", "crop"), LOOKS[::3])
@pytest.mark.parametrize("region", ["person", "around"])
@pytest.mark.parametrize("person", range(len(BOXES)))
def test_a_mask_in_the_region_of_a_person(photo, geometry, crop, region, person):
    """The person, and of the others what is in the region."""
    boxes = in_pixels(photo, BOXES)
    how = Preprocessing(SIZE, geometry, "bilinear", crop, region)
    view = View.of(how, *photo, [boxes[person]])
    for shown in (boxes, [boxes[person]]):
        same_but_for_edges(view.mask(shown), painted(photo, shown, how, [boxes[person]]))


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("region", ["person", "around"])
def test_a_photo_without_a_person_is_seen_as_a_whole(photo, region):
    boxes = in_pixels(photo, BOXES[:2])
    beside = Box(photo[0], 0, photo[0] + 50, 50)
    for people in ([], [beside]):
        how = Preprocessing(SIZE, "resize_crop", "bilinear", 0.875, region)
        view = View.of(how, *photo, people)
        same_but_for_edges(view.mask(boxes), painted(photo, boxes, how, people))
        geometry = "letterbox" if region == "around" else "resize_crop"
        crop = 1.0 if region == "around" else 0.875
        assert view == View.of(Preprocessing(SIZE, geometry, crop=crop), *photo)


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("geometry", "crop"), LOOKS)
def test_the_region_is_what_is_seen_of_the_photo(photo, geometry, crop):
    """A photo whose red and green say where a pixel was."""
    width, height = photo
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0] = (np.arange(width) + 0.5) / width * 255
    ramp[..., 1] = ((np.arange(height) + 0.5) / height * 255)[:, None]
    packed = np.asarray(
        square(Image.fromarray(ramp), Preprocessing(SIZE, geometry, "bilinear", crop)), float
    )
    seen = packed[(packed[..., 2] == 0)]  # no grey of a letterbox
    view = View.of(Preprocessing(SIZE, geometry, crop=crop), *photo)
    left, top, across, down = view.region
    (whole,) = view.boxes([Box(0, 0, width, height)])
    of_x = left / width, (left + across) / width, whole.width
    of_y = top / height, (top + down) / height, whole.height
    for channel, (first, last, pixels) in enumerate((of_x, of_y)):
        values, step = seen[:, channel], 255 * (last - first) / pixels
        assert values.min() == pytest.approx(255 * first + step / 2, abs=step)
        assert values.max() == pytest.approx(255 * last - step / 2, abs=step)
    assert min(left, top) >= 0
    assert left + across <= width + 1e-9
    assert top + down <= height + 1e-9


def test_a_box_of_a_size():
    box = Box.of_size(10, 20, 30, 5)
    assert box == Box(10, 20, 40, 25)
    assert (box.width, box.height, box.area) == (30, 5, 150)


def test_boxes_are_cut_to_the_picture_and_those_beside_it_left_out():
    inside, over, around = Box(1, 2, 30, 40), Box(-5, 90, 20, 120), Box(-1, -1, 200, 200)
    beside = [Box(100, 0, 120, 10), Box(0, -10, 10, 0)]
    assert clipped([inside, *beside, over, around], 100, 100) == [
        inside,
        Box(0, 90, 20, 100),
        Box(0, 0, 100, 100),
    ]


def test_by_hand():
    wide = View.of(
        Preprocessing(100, "resize_crop"), 400, 200
    )  # half the size, 50 columns off on each side
    assert wide.region == (100, 0, 200, 200)
    assert wide.boxes([Box(0, 0, 120, 50), Box(180, 100, 220, 400), Box(0, 0, 90, 200)]) == [
        Box(0, 0, 10, 25),
        Box(40, 50, 60, 100),
    ]
    padded = View.of(
        Preprocessing(100, "letterbox"), 400, 200
    )  # a quarter of the size, from row 25 to 75
    assert padded.region == (0, 0, 400, 200)
    assert padded.boxes([Box(-50, -50, 950, 950)]) == [Box(0, 25, 100, 75)]
    assert padded.mask([Box(0, 0, 400, 200)]).sum() == 5000
    squashed = View.of(Preprocessing(100, "squash"), 400, 200)
    assert squashed.boxes([Box(200, 100, 400, 200)]) == [Box(50, 50, 100, 100)]
    centre = View.of(Preprocessing(90, "squash", crop=0.9), 200, 200)  # 90 of 100 pixels
    assert centre.region == pytest.approx((10, 10, 180, 180))


def test_without_boxes_nothing_is_masked():
    view = View.of(Preprocessing(100, "resize_crop"), 400, 200)
    assert view.boxes([]) == []
    assert not view.mask([]).any()
    assert not view.mask([Box(0, 0, 50, 200)]).any()  # cropped away


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("geometry", "crop"), LOOKS)
@pytest.mark.parametrize("region", ["photo", "person", "around"])
def test_a_box_of_the_square_is_where_it_is_in_the_photo(photo, geometry, crop, region):
    width, height = photo
    person = Box(0.3 * width, 0.2 * height, 0.7 * width, 0.8 * height)
    view = View.of(Preprocessing(SIZE, geometry, crop=crop, region=region), *photo, [person])
    inside = Box(0.45 * width, 0.4 * height, 0.5 * width, 0.55 * height)  # in every square
    (packed,) = view.boxes([inside])
    assert view.in_photo(packed) == pytest.approx(inside)
    corner = Box(-10, 0, SIZE, SIZE + 20)
    left, top, right, bottom = view.in_photo(corner)
    assert (right - left) * view.scale[0] == pytest.approx(SIZE + 10)
    assert (bottom - top) * view.scale[1] == pytest.approx(SIZE + 20)


def test_squares_in_the_photo_by_hand():
    squashed = View.of(Preprocessing(100, "squash"), 400, 200)
    assert squashed.in_photo(Box(50, 50, 100, 110)) == Box(200, 100, 400, 220)
    padded = View.of(Preprocessing(100, "letterbox"), 400, 200)
    assert padded.in_photo(Box(0, 25, 50, 100)) == Box(0, 0, 200, 300)
    around = View.of(Preprocessing(65, "squash", region="around"), 400, 200, [Box(0, 0, 100, 50)])
    assert around.origin == (-15, -40)  # of a square of 130 pixels
    assert around.in_photo(Box(0, 0, 65, 32.5)) == Box(-15, -40, 115, 25)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([Box(100, 50, 140, 130)], Box(68, 38, 172, 142)),  # 1.3 times the longer side, 80
        ([Box(100, 50, 180, 90)], Box(88, 18, 192, 122)),
        ([Box(0, 0, 40, 100)], Box(-45, -15, 85, 115)),  # beyond the photo
        ([Box(-100, -50, 500, 250)], Box(-190, -290, 590, 490)),  # around all of it
        ([Box(10, 10, 10.4, 10.4)], Box(10, 10, 11, 11)),  # a pixel
        ([Box(10, 10, 20, 20), Box(50, 50, 70, 70)], Box(47, 47, 73, 73)),  # the larger one
        # the one of which more is in the photo, around the middle of all of it
        ([Box(-300, 0, 20, 200), Box(50, 50, 150, 150)], Box(35, 35, 165, 165)),
        ([Box(-300, 0, 60, 200), Box(50, 50, 150, 150)], Box(-354, -134, 114, 334)),
        ([], None),
        ([Box(400, 0, 500, 100), Box(0, -50, 100, 0)], None),
    ],
)
def test_a_square_around_the_person(people, expected):
    assert square_around(people, 400, 200) == expected


def test_a_square_beyond_the_photo_is_black_there():
    image = Image.new("RGB", (60, 40), (0, 200, 0))
    how = Preprocessing(130, "squash", "bilinear", region="around")
    packed = np.asarray(square(image, how, [Box(0, 0, 100, 30)]))  # from -15 and -50 on
    inside = np.zeros((130, 130), bool)
    inside[50:90, 15:75] = True
    assert (packed[inside] == (0, 200, 0)).all()
    assert (packed[~inside] == 0).all()


def test_the_region_and_the_preprocessing_of_it():
    how = Preprocessing(SIZE, "resize_crop", crop=0.875)
    people = [Box(100, 50, 140, 130)]
    assert region_of(how, people, 400, 200) == (None, how)
    letterboxed = Preprocessing(SIZE, "letterbox")
    region, used = region_of(how.view("person"), people, 400, 200)
    assert region == Box(94, 38, 146, 142)
    assert used == replace(letterboxed, region="person")
    region, used = region_of(how.view("around"), people, 400, 200)
    assert region == Box(68, 38, 172, 142)
    assert used == replace(letterboxed, region="around")
    assert region_of(how.view("person"), [], 400, 200) == (None, how.view("person"))
    assert region_of(how.view("around"), [], 400, 200) == (
        None,
        replace(letterboxed, region="around"),
    )
