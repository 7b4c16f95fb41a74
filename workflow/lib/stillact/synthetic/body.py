"""The limbs of a person, from their look and joints."""

import numpy as np

from stillact.synthetic.appearance import Look
from stillact.synthetic.canvas import Limb
from stillact.synthetic.poses import SIDES, Joints


def limbs(look: Look, joints: Joints) -> list[Limb]:
    """The figure's parts in its own frame."""
    k, b = look.scale, look.scale * look.build
    parts = [*_torso(look, joints, k, b), *_head(look, joints, k)]
    bare_legs = look.bottom != "trousers"
    for side in SIDES:
        hip, knee, ankle, toe = (joints[side + n] for n in ("hip", "knee", "ankle", "toe"))
        leg = look.skin if look.bottom == "skirt" else look.bottom_rgb
        parts.append(Limb(hip, knee, 0.088 * b, 0.06 * b, leg))
        shin, thin = (look.skin, 0.85) if bare_legs else (look.bottom_rgb, 1.0)
        parts.append(Limb(knee, ankle, 0.062 * b * thin, 0.045 * b * thin, shin))
        heel = ankle - 0.25 * (toe - ankle)
        parts.append(Limb(heel + [0, -0.03 * k, 0], toe, 0.048 * k, 0.036 * k, look.shoes))
        shoulder, elbow, hand = (joints[side + n] for n in ("shoulder", "elbow", "hand"))
        bare = look.top == "shirt" and look.bottom != "trousers"
        parts.append(Limb(shoulder, elbow, 0.058 * b, 0.047 * b, look.top_rgb, look.stripes))
        parts.append(Limb(elbow, hand, 0.045 * b, 0.033 * b, look.skin if bare else look.top_rgb))
        finger = hand + 0.3 * (hand - elbow)
        parts.append(Limb(hand, finger, 0.036 * k, 0.026 * k, look.skin))
    if look.bag is not None:
        hand, low = joints["rhand"], np.array([0.0, 0.13 * k, 0.0])
        middle = np.maximum(hand - [0, 0.28 * k, 0], [-9, 0.13 * k, -9])
        parts.append(
            Limb(middle - [0.1 * k, 0, 0], middle + [0.1 * k, 0, 0], 0.11 * k, 0.11 * k, look.bag)
        )
        parts.append(Limb(hand, middle + low * 0.5, 0.012, 0.012, look.bag * 0.6))
    return parts


def _torso(look: Look, joints: Joints, k: float, b: float) -> list[Limb]:
    pelvis, chest = joints["pelvis"], joints["chest"]
    parts = [
        Limb(joints["lhip"], joints["rhip"], 0.1 * b, 0.1 * b, look.bottom_rgb),
        Limb(joints["lshoulder"], joints["rshoulder"], 0.062 * b, 0.062 * b, look.top_rgb),
        Limb(
            pelvis + 0.05 * (chest - pelvis),
            chest,
            0.112 * b,
            0.122 * b,
            look.top_rgb,
            look.stripes,
        ),
    ]
    for side in SIDES:
        low = 0.8 * joints[side + "hip"] + 0.2 * pelvis + 0.1 * (chest - pelvis)
        high = 0.6 * joints[side + "shoulder"] + 0.4 * chest - 0.04 * (chest - pelvis)
        parts.append(Limb(low, high, 0.1 * b, 0.112 * b, look.top_rgb, look.stripes))
    long = look.bottom == "skirt" or look.top == "coat"
    if long:
        colour = look.top_rgb if look.top == "coat" else look.bottom_rgb
        share = 0.55 if look.top == "coat" else 0.95
        ends = [joints[s + "hip"] + share * (joints[s + "knee"] - joints[s + "hip"]) for s in SIDES]
        parts += [
            Limb(joints[s + "hip"], e, 0.1 * b, 0.12 * b, colour)
            for s, e in zip(SIDES, ends, strict=True)
        ]
        parts.append(Limb(pelvis, (ends[0] + ends[1]) / 2, 0.11 * b, 0.14 * b, colour))
    if look.backpack is not None:
        back = np.array([-0.2 * k, -0.04 * k, 0])
        parts.append(
            Limb(
                chest + back,
                pelvis + 0.3 * (chest - pelvis) + back,
                0.12 * k,
                0.13 * k,
                look.backpack,
            )
        )
    return parts


def _head(look: Look, joints: Joints, k: float) -> list[Limb]:
    k = k * look.head
    head, neck, gaze = joints["head"], joints["neck"], joints["gaze"]
    up = (head - neck) / np.linalg.norm(head - neck)
    left = np.cross(gaze, up)
    left = left / (np.linalg.norm(left) + 1e-9)
    dark = np.array([40.0, 30, 28])

    def at(ahead: float, above: float, aside: float = 0.0) -> np.ndarray:
        return head + k * (ahead * gaze + above * up + aside * left)

    lips = look.skin * [0.75, 0.5, 0.5]
    parts = [
        Limb(joints["chest"], head, 0.056 * k, 0.05 * k, look.skin),
        Limb(at(0.012, -0.045), at(0, 0.03), 0.075 * k, 0.096 * k, look.skin),
        Limb(at(-0.015, 0.05), at(-0.035, 0.01), 0.094 * k, 0.098 * k, look.hair),
        Limb(at(0.09, -0.015), at(0.1, -0.02), 0.014 * k, 0.016 * k, look.skin),
        Limb(at(0.08, -0.062, -0.02), at(0.08, -0.062, 0.02), 0.009 * k, 0.009 * k, lips),
    ]
    for s in SIDES.values():
        eye = at(0.083, 0.012, 0.036 * s)
        parts.append(Limb(eye, eye, 0.014 * k, 0.014 * k, dark))
    if look.long_hair:
        parts.append(Limb(at(-0.07, 0), at(-0.07, -0.19), 0.08 * k, 0.06 * k, look.hair))
    if look.hat is not None:
        parts.append(Limb(at(0, 0.06), at(0, 0.09), 0.104 * k, 0.09 * k, look.hat))
        parts.append(Limb(at(0.05, 0.06), at(0.15, 0.06), 0.06 * k, 0.03 * k, look.hat))
    return parts
