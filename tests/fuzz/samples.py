"""Small photos of all formats and modes, and changes to their bytes at random."""

import functools
import io
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

SIZE = (24, 16)
_HEIC = Path(__file__).parents[1] / "support/photos"
_SIGNATURE = 8  # bytes of a PNG before its chunks
_NUMBERS = [0, 1, 2, 127, 128, 255, 256, 32_767, 32_768, 65_535, 2**31 - 1, 2**31, 2**32 - 1]


@functools.cache
def samples() -> list[tuple[str, bytes]]:
    """A name and the content of each."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned
    turned = {"exif": exif.tobytes()}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # by another name, so that it is applied
    profiled = {
        "icc_profile": profile.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    }
    animated = {"save_all": True, "append_images": [_image("RGB")]}
    made = [(form, mode, {}) for form, modes in _MODES.items() for mode in modes]
    made += [("JPEG", mode, {"progressive": True}) for mode in ("RGB", "CMYK")]
    made += [("JPEG", "RGB", {"restart_marker_blocks": 2}), ("JPEG", "RGB", turned | profiled)]
    made += [("PNG", "P", {"transparency": 3}), ("PNG", "RGB", turned | profiled)]
    made += [("GIF", "P", {"transparency": 3}), ("GIF", "P", animated), ("PNG", "RGB", animated)]
    made += [("WEBP", "RGBA", {"lossless": True} | turned), ("WEBP", "RGB", animated | profiled)]
    made += [("TIFF", "RGB", {"compression": way}) for way in _COMPRESSIONS]
    made += [("TIFF", "1", {"compression": "group4"}), ("TIFF", "RGB", animated | profiled)]
    made += [("AVIF", "RGB", turned | profiled), ("JPEG2000", "RGB", {"irreversible": True})]
    return [
        *(
            (f"{form} {mode} {' '.join(how)}".strip(), _file(form, mode, how))
            for form, mode, how in made
        ),
        *((f"HEIF {file.stem}", file.read_bytes()) for file in sorted(_HEIC.glob("*.heic"))),
    ]


_MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "L", "1", "P", "RGBA", "LA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("L", "P"),
    "BMP": ("RGB", "L", "1", "P", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "JPEG2000": ("RGB", "L", "RGBA", "LA", "I;16"),
    "TIFF": ("RGB", "L", "1", "P", "RGBA", "LA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB"),
}
_COMPRESSIONS = ("jpeg", "tiff_lzw", "tiff_adobe_deflate", "packbits")


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A content with one to five changes; half of the PNGs get the checksums of their new chunks,
    so that not all of them are refused by their checksums."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        # most of what a decoder decides on is at the start
        most = min(len(changed), 160) if rng.random() < 0.4 else len(changed)
        _change(changed, rng.randrange(most) if most else 0, rng)
    if content.startswith(b"\x89PNG") and rng.random() < 0.5:
        return _checksummed(changed)
    return bytes(changed)


def _change(content: bytearray, at: int, rng: random.Random) -> None:
    some = rng.randint(1, 16)
    match rng.choice(["bit", "byte", "number", "number", "cut", "remove", "repeat", "noise"]):
        case "bit" if content:
            content[at] ^= 1 << rng.randrange(8)
        case "byte" if content:
            content[at] = rng.choice([0, 1, 127, 128, 254, 255, rng.randrange(256)])
        case "number":
            form = rng.choice(["<H", ">H", "<I", ">I"])
            value = rng.choice([*_NUMBERS, rng.randrange(2**32)])
            number = struct.pack(form, value % 2 ** (8 * struct.calcsize(form)))
            content[at : at + len(number)] = number
        case "cut":
            del content[rng.randint(at, len(content)) :]
        case "remove":
            del content[at : at + some]
        case "repeat":
            content[at:at] = content[at : at + some] * rng.choice([1, 1, 2, 50])
        case "noise":
            content[at : at + some] = rng.randbytes(some)


def _checksummed(content: bytearray) -> bytes:
    at = _SIGNATURE
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        if end + 4 > len(content):
            break
        content[end : end + 4] = struct.pack(">I", zlib.crc32(content[at + 4 : end]))
        at = end + 4
    return bytes(content)


def _file(form: str, mode: str, how: dict) -> bytes:
    file = io.BytesIO()
    _image(mode).save(file, form, **how)
    return file.getvalue()


def _image(mode: str) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    image = Image.fromarray(noise).resize(SIZE)
    if mode in ("I", "F", "I;16"):
        kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
        return Image.fromarray(np.asarray(image.convert("L")).astype(kind))
    if mode == "LAB":
        return ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(SIZE))
    return image.convert(mode)
