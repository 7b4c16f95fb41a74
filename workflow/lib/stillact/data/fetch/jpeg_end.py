"""JPEGs that lack only their end marker."""

import io
import re

from PIL import Image

from stillact.data.pixels import JPEG_END, JPEG_START

_SCAN = b"\xff\xda"
_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive: the kinds that libjpeg decodes
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # what ends the data of a scan (T.81, B.1.1.2)
_COEFFICIENTS = 64  # of a block
# In place of missing data: bits, also after each restart marker. A decoder that needs data reads
# them as coefficients; one that has all skips them.
_OTHERS = [
    b"".join(bits + bytes([0xFF, 0xD0 + restart]) for restart in range(8)) + bits
    for bits in (b"\x55" * 64, b"\xaa" * 64)
]


def completed(content: bytes) -> bytes:
    """A JPEG that lacks only its end marker, with it; any other content as it is.

    Only the marker is missing if the headers of the scans announce all bits of all coefficients,
    and if the pixels do not depend on what follows the data. Where the marker is missing, the
    pixels are decoded three times.

    Args:
        content: of a file, within the limits of size.

    Raises:
        OSError: Pillow cannot decode it.
    """
    if not content.startswith(JPEG_START) or content.endswith(JPEG_END):
        return content
    if not _all_announced(content):
        return content
    data = content.rstrip(b"\xff")  # half a marker
    pixels = _pixels(data + JPEG_END)
    if any(_pixels(data + other + JPEG_END) != pixels for other in _OTHERS):
        return content
    return data + JPEG_END


def _all_announced(content: bytes) -> bool:
    """Whether a JPEG ends in the data of a scan, with no scan to come."""
    at, components = len(JPEG_START), 0
    announced: set[tuple[int, int]] = set()  # component and place of each complete coefficient
    while content[at : at + 1] == b"\xff":
        marker, length = content[at : at + 2], int.from_bytes(content[at + 2 : at + 4])
        segment = content[at + 4 : at + 2 + length]
        if len(segment) != length - 2:  # cut, or a marker without a segment, as the end
            return False
        at += 2 + length
        if marker[1] in _FRAMES and length > 7:
            components = segment[5]
        if marker != _SCAN:
            continue
        announced |= _complete(segment)
        found = _MARKER.search(content, at)
        if not found:
            return len(announced) == components * _COEFFICIENTS > 0
        at = found.start()
    return False


def _complete(scan: bytes) -> set[tuple[int, int]]:
    """The component and place of each coefficient whose last bit is in a scan, from its header
    (T.81, B.2.3)."""
    if len(scan) < 6 or scan[-1] & 15:  # bits are left for a later scan
        return set()
    return {(one, place) for one in scan[1:-3:2] for place in range(scan[-3], scan[-2] + 1)}


def _pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
        return image.tobytes()
