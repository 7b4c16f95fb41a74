"""ICC profiles."""

import struct

import numpy as np

# Colorants of Display P3 and sRGB adapted to D50 (ICC), columns R, G, B; rows X, Y, Z.
P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])


def profile(colorants: np.ndarray, gamma: float, name: bytes, curve: bytes = b"") -> bytes:
    """A display profile of three colorants and a gamma, or another curve as its tag has it
    (ICC.1:2001-04, tags of 6.3.1.2)."""

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    curve = curve or b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": xyz([0.9642, 1, 0.8249]), b"cprt": b"text\0\0\0\0none\0"}
    tags |= {b"rXYZ": xyz(colorants[:, 0]), b"gXYZ": xyz(colorants[:, 1])}
    tags |= {b"bXYZ": xyz(colorants[:, 2]), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", start + len(body), b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    return head + table + body
