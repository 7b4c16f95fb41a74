"""JPEGs cut at their end: whole ones are completed, others are not, by the pixels of the uncut."""

import io

import numpy as np
import pytest
from PIL import Image

from stillact.data.fetch.jpeg_end import completed

KINDS = {
    "baseline": {},
    "grey": {"mode": "L"},
    "full colour resolution": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 2},
    "progressive": {"progressive": True},
    "progressive CMYK": {"mode": "CMYK", "progressive": True, "restart_marker_blocks": 3},
}


def jpeg(mode="RGB", **options) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (7, 11, 3), np.uint8)
    file = io.BytesIO()
    image = Image.fromarray(noise).resize((60, 40)).convert(mode)
    image.save(file, "JPEG", **options)
    return file.getvalue()


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def outcome(content: bytes) -> bytes | None:
    """As completed; None where it is not."""
    try:
        found = completed(content)
    except OSError:
        return None
    return None if found is content else found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [1, 2])
def test_without_the_end_marker_it_has_the_same_pixels(kind, cut):
    whole = jpeg(**KINDS[kind])
    assert (pixels(outcome(whole[:-cut])) == pixels(whole)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_it_is_cut_no_pixel_is_lost_unnoticed(kind):
    whole = jpeg(**KINDS[kind])
    expected = pixels(whole)
    for length in range(2, len(whole) - 2):
        if found := outcome(whole[:length]):
            assert (pixels(found) == expected).all(), length


def test_a_scan_that_has_not_begun_is_missed():
    """The header of the frame says that there are two more components."""
    content = bytearray(jpeg("L")[:-2])
    at = content.index(b"\xff\xc0")
    more = bytes([2, 0x11, 0, 3, 0x11, 0])
    length = int.from_bytes(content[at + 2 : at + 4]) + len(more)
    content[at + 2 : at + 4], content[at + 9] = length.to_bytes(2), 3
    content[at + 2 + length - len(more) : at + 2 + length - len(more)] = more
    assert outcome(bytes(content)) is None


def test_whole_jpegs_and_other_content_are_left_as_they_are():
    for content in (jpeg(), jpeg() + b"a video", b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG"):
        assert completed(content) is content
