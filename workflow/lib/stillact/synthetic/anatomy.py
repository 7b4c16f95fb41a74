"""People: how they look, how they hold themselves, and the limbs that show it.

A figure is posed in its own frame (forward, up, left; metres; the ground at up = 0) and then
turned and moved into the world.
"""

from dataclasses import dataclass

import numpy as np

from stillact.synthetic.canvas import Limb

COLOURS = {
    "red": (190, 35, 40),
    "blue": (45, 75, 175),
    "green": (45, 125, 65),
    "yellow": (225, 195, 60),
    "white": (232, 232, 228),
    "black": (36, 36, 40),
    "grey": (128, 130, 134),
    "orange": (222, 120, 40),
    "purple": (110, 60, 150),
    "pink": (225, 140, 165),
    "brown": (118, 78, 48),
}
DARK = ["black", "blue", "grey", "brown"] * 3  # what legs wear more often
SKINS = [(241, 203, 176), (224, 178, 144), (196, 146, 108), (150, 103, 71), (101, 66, 46)]
HAIRS = [(30, 24, 22), (70, 46, 30), (120, 80, 46), (196, 160, 98), (150, 146, 142)]

Joints = dict[str, np.ndarray]
SIDES = {"l": 1, "r": -1}


@dataclass(frozen=True)
class Look:
    """A person's build and clothes; lengths in m, colours (3,) 0..255."""

    noun: str  # man, woman, boy or girl
    height: float
    build: float  # factor of every radius
    head: float  # factor of the head's size
    skin: np.ndarray
    hair: np.ndarray
    long_hair: bool
    hat: np.ndarray | None
    top: str  # shirt, jacket or coat
    top_colour: str
    bottom: str  # trousers, shorts or skirt
    bottom_colour: str
    top_rgb: np.ndarray
    bottom_rgb: np.ndarray
    shoes: np.ndarray
    stripes: float
    backpack: np.ndarray | None
    bag: np.ndarray | None

    @property
    def scale(self) -> float:
        """Body height over that of the reference adult (1.75 m)."""
        return self.height / 1.75


def _shade(rng: np.random.Generator, colour: tuple[int, int, int], spread: float = 7) -> np.ndarray:
    return np.clip(np.array(colour) * rng.uniform(0.8, 1.12) + rng.normal(0, spread, 3), 8, 250)


def _any_colour(rng: np.random.Generator) -> np.ndarray:
    return _shade(rng, COLOURS[str(rng.choice(list(COLOURS)))])


def draw_look(rng: np.random.Generator) -> Look:
    """A person drawn at random; nothing about it depends on what the person does."""
    female, child = rng.random() < 0.5, rng.random() < 0.15
    noun = [["man", "boy"], ["woman", "girl"]][female][child]
    height = rng.uniform(1.05, 1.4) if child else rng.normal(1.66 if female else 1.77, 0.07)
    top = str(rng.choice(["shirt", "jacket", "coat"], p=[0.6, 0.25, 0.15]))
    bottom = str(
        rng.choice(
            ["trousers", "shorts", "skirt"], p=[0.5, 0.2, 0.3] if female else [0.72, 0.28, 0]
        )
    )
    top_colour = str(rng.choice(list(COLOURS)))
    bottom_colour = str(rng.choice([c for c in DARK + list(COLOURS) if c != top_colour]))
    return Look(
        noun=noun,
        height=float(height),
        build=float(rng.uniform(0.88, 1.25)),
        head=1.25 if child else 1.0,
        skin=_shade(rng, SKINS[rng.integers(len(SKINS))], spread=2),
        hair=_shade(rng, HAIRS[rng.integers(len(HAIRS))]),
        long_hair=bool(rng.random() < (0.75 if female else 0.08)),
        hat=_any_colour(rng) if rng.random() < 0.2 else None,
        top=top,
        top_colour=top_colour,
        bottom=bottom,
        bottom_colour=bottom_colour,
        top_rgb=_shade(rng, COLOURS[top_colour]),
        bottom_rgb=_shade(rng, COLOURS[bottom_colour]),
        shoes=_any_colour(rng),
        stripes=float(rng.integers(3, 9)) if top == "shirt" and rng.random() < 0.3 else 0.0,
        backpack=_any_colour(rng) if rng.random() < 0.15 else None,
        bag=_any_colour(rng) if rng.random() < 0.2 else None,
    )


def _reach(root, target, upper, lower, pole) -> tuple[np.ndarray, np.ndarray]:
    """The middle joint and the end of a two-bone chain from `root` towards `target`, its middle
    joint bent towards the direction `pole`."""
    along = target - root
    distance = np.clip(np.linalg.norm(along), abs(upper - lower) + 1e-3, upper + lower - 1e-3)
    along = along / (np.linalg.norm(along) + 1e-9)
    foot = (upper**2 - lower**2 + distance**2) / (2 * distance)
    side = pole - (pole @ along) * along
    side = side / (np.linalg.norm(side) + 1e-9)
    middle = root + foot * along + np.sqrt(max(upper**2 - foot**2, 0)) * side
    return middle, root + distance * along


def _swing(angle: float, spread: float = 0.0) -> np.ndarray:
    """Unit vector of a limb that hangs down, swung forward by `angle` and out by `spread`."""
    return np.array(
        [np.sin(angle) * np.cos(spread), -np.cos(angle) * np.cos(spread), np.sin(spread)]
    )


def _trunk(rng: np.random.Generator, look: Look, pelvis: np.ndarray, lean: float) -> Joints:
    k, sway, twist = look.scale, rng.normal(0, 0.04), rng.normal(0, 0.12)
    up = np.array([np.sin(lean), np.cos(lean), sway])
    nod = lean * 0.4 + rng.normal(0.08, 0.15)
    joints = {"pelvis": pelvis, "chest": pelvis + 0.43 * k * up, "neck": pelvis + 0.53 * k * up}
    crown = np.array([np.sin(nod), np.cos(nod), sway + rng.normal(0, 0.06)])
    joints["head"] = joints["neck"] + 0.15 * k * look.head * crown
    gaze = rng.normal(0, 0.35)
    joints["gaze"] = np.array([np.cos(gaze) * np.cos(nod), -np.sin(nod), np.sin(gaze)])
    for side, s in SIDES.items():
        joints[side + "hip"] = pelvis + k * np.array([0, -0.02, 0.085 * s])
        across = np.array([-np.sin(twist), 0, np.cos(twist)]) * 0.18 * s
        joints[side + "shoulder"] = joints["chest"] + k * (across + 0.04 * up)
    return joints


def _legs(
    look: Look,
    joints: Joints,
    feet: dict[str, np.ndarray],
    poles: dict[str, np.ndarray],
    toes: dict[str, float],
) -> None:
    """Legs that reach for the ankles' places `feet`; `toes` are angles outward (rad)."""
    for side, s in SIDES.items():
        root, k = joints[side + "hip"], look.scale
        joints[side + "knee"], joints[side + "ankle"] = _reach(
            root, feet[side], 0.43 * k, 0.42 * k, poles[side]
        )
        turn = toes[side]
        ahead = np.array([np.cos(turn), -0.12, np.sin(turn) * s])
        joints[side + "toe"] = (
            joints[side + "ankle"] + 0.19 * k * ahead + np.array([0, -0.03 * k, 0])
        )


def _arms(rng: np.random.Generator, look: Look, joints: Joints, gestures: dict[str, str]) -> None:
    """Arms from gestures: what each hand does, by name."""
    k, pelvis, chest = look.scale, joints["pelvis"], joints["chest"]
    for side, s in SIDES.items():
        shoulder = joints[side + "shoulder"]
        jitter = rng.normal(0, 0.03, 3)
        out = np.array([-0.7, -0.2, 0.7 * s])
        target, pole = {
            "down": (shoulder + k * np.array([0.05, -0.55, 0.07 * s]), out),
            "hip": (pelvis + k * np.array([0.03, 0.08, 0.19 * s]), np.array([-0.4, 0, 1.0 * s])),
            "crossed": (chest + k * np.array([0.2, -0.1, -0.1 * s]), np.array([0, -0.7, 0.7 * s])),
            "phone": (chest + k * np.array([0.32, 0.02, 0.06 * s]), np.array([0, -1.0, 0.4 * s])),
            "wave": (shoulder + k * np.array([0.1, 0.44, 0.2 * s]), np.array([0, -0.5, 1.0 * s])),
            "call": (
                joints["head"] + k * np.array([0.03, -0.03, 0.12 * s]),
                np.array([0.3, -0.6, s]),
            ),
            "pocket": (pelvis + k * np.array([0.07, -0.06, 0.17 * s]), out),
            "behind": (pelvis + k * np.array([-0.15, 0.05, -0.03 * s]), out),
            "point": (shoulder + k * np.array([0.5, 0.08, 0.15 * s]), np.array([0, -1.0, 0])),
            "knee": (joints[side + "knee"] + k * np.array([-0.03, 0.09, 0]), out),
            "lap": (pelvis + k * np.array([0.24, 0.1, 0.03 * s]), out),
            "prop": (pelvis + k * np.array([-0.2, -0.06, 0.24 * s]), np.array([-1.0, 0, 0.3 * s])),
            "chin": (
                joints["head"] + k * np.array([0.1, -0.14, 0]),
                np.array([0.3, -1.0, 0.2 * s]),
            ),
        }[gestures[side]]
        elbow, hand = _reach(shoulder, target + jitter * k, 0.3 * k, 0.26 * k, pole)
        joints[side + "elbow"], joints[side + "hand"] = elbow, hand


def _gestures(
    rng: np.random.Generator, both: list[str], one: list[str], rest: list[str]
) -> dict[str, str]:
    """Either both hands do the same, or one hand does something and the other rests."""
    if rng.random() < 0.5:
        return dict.fromkeys(SIDES, str(rng.choice(both)))
    pair = [str(rng.choice(one)), str(rng.choice(rest))]
    return dict(zip(rng.permutation(list(SIDES)).tolist(), pair, strict=True))


def stand(rng: np.random.Generator, look: Look) -> Joints:
    """Upright on both feet, the weight somewhere between them."""
    k = look.scale
    apart, ahead = rng.uniform(0.05, 0.2), rng.uniform(-0.07, 0.07)
    shift = rng.uniform(-1, 1) * apart * 0.6
    pelvis = np.array([0, 0.93 * k - 0.25 * apart**2, shift * k])
    joints = _trunk(rng, look, pelvis, rng.normal(0.01, 0.05))
    feet = {side: k * np.array([ahead * s - 0.02, 0.08, apart * s]) for side, s in SIDES.items()}
    toes = {side: rng.uniform(0, 0.6) for side in SIDES}
    _legs(look, joints, feet, {s: np.array([1.0, 0, 0.3 * v]) for s, v in SIDES.items()}, toes)
    both = ["down", "down", "hip", "crossed", "pocket", "behind", "phone"]
    _arms(
        rng,
        look,
        joints,
        _gestures(
            rng, both, ["wave", "phone", "call", "point", "hip"], ["down", "down", "pocket", "hip"]
        ),
    )
    return joints


def walk(rng: np.random.Generator, look: Look, running: bool) -> Joints:
    """Somewhere in a stride, the legs open."""
    k = look.scale
    phase = rng.choice([0.0, np.pi]) + rng.uniform(-0.75, 0.75)
    swing, bend, base = (
        (rng.uniform(0.6, 0.85), 1.5, 0.3) if running else (rng.uniform(0.38, 0.52), 1.0, 0.08)
    )
    lean = rng.uniform(0.1, 0.3) if running else rng.uniform(0, 0.12)
    joints = _trunk(rng, look, np.array([0.0, 0.93 * k, 0.0]), lean)
    for side, s in SIDES.items():
        p = phase + (0 if s > 0 else np.pi)
        thigh = swing * np.cos(p) + 0.1
        knee = base + bend * max(-np.sin(p + 0.45), 0) ** 1.3 * (1.0 if np.cos(p) < 0.6 else 0.7)
        shin = thigh - knee
        joints[side + "knee"] = joints[side + "hip"] + 0.43 * k * _swing(thigh, 0.03 * s)
        joints[side + "ankle"] = joints[side + "knee"] + 0.42 * k * _swing(shin, -0.02 * s)
        pitch = np.clip(shin * 0.9, -1.3, 0.35)
        joints[side + "toe"] = joints[side + "ankle"] + 0.19 * k * np.array(
            [np.cos(pitch), np.sin(pitch) - 0.15, 0.1 * s]
        )
        arm = -swing * rng.uniform(0.8, 1.2) * np.cos(p) + 0.05
        fold = rng.uniform(1.2, 1.8) if running else rng.uniform(0.15, 0.7)
        joints[side + "elbow"] = joints[side + "shoulder"] + 0.3 * k * _swing(arm, 0.12 * s)
        joints[side + "hand"] = joints[side + "elbow"] + 0.26 * k * _swing(arm + fold, -0.15 * s)
    if not running and rng.random() < 0.3:
        swinging = {n: joints[n].copy() for n in ("lelbow", "lhand", "relbow", "rhand")}
        busy = str(rng.choice(list(SIDES)))
        _arms(
            rng,
            look,
            joints,
            dict.fromkeys(SIDES, str(rng.choice(["phone", "wave", "call", "pocket"]))),
        )
        joints |= {n: j for n, j in swinging.items() if n[0] != busy}
    return _grounded(joints, k, rng.uniform(0, 0.12) if running else 0.0)


def _grounded(joints: Joints, k: float, above: float) -> Joints:
    lowest = min(
        min(joints[s + "ankle"][1] - 0.08 * k, joints[s + "toe"][1] - 0.035 * k) for s in SIDES
    )
    drop = np.array([0, above - lowest, 0])
    return {n: j if n == "gaze" else j + drop for n, j in joints.items()}


def sit(rng: np.random.Generator, look: Look, seat: float) -> Joints:
    """On something `seat` m high; 0 is the ground."""
    return _sit_on_seat(rng, look, seat) if seat > 0 else _sit_on_ground(rng, look)


def _sit_on_seat(rng: np.random.Generator, look: Look, seat: float) -> Joints:
    k = look.scale
    pelvis = np.array([0.0, seat + 0.1 * k, 0.0])
    joints = _trunk(rng, look, pelvis, rng.uniform(-0.2, 0.35))
    floor = max(0.08 * k, pelvis[1] - 0.5 * k)
    knees = rng.uniform(0.08, 0.24)
    feet = {
        side: np.array([k * rng.uniform(0.34, 0.62), floor, k * knees * s * rng.uniform(0.7, 1.2)])
        for side, s in SIDES.items()
    }
    poles = {side: np.array([0.8, 0.8, 0.5 * knees * s]) for side, s in SIDES.items()}
    style = rng.choice(["down", "stretched", "crossed"], p=[0.6, 0.2, 0.2])
    if style == "stretched":
        feet[str(rng.choice(list(SIDES)))][0] = k * rng.uniform(0.7, 0.8)
    if style == "crossed":
        feet["l"] = np.array([0.62 * k, pelvis[1] - 0.22 * k, -0.16 * k])
        poles["l"] = np.array([0.5, 1.2, 0.0])
        feet["r"] = np.array([0.45 * k, floor, -0.06 * k])
    _legs(look, joints, feet, poles, {side: rng.uniform(-0.1, 0.5) for side in SIDES})
    both = ["knee", "lap", "lap", "phone", "crossed", "prop"]
    _arms(
        rng,
        look,
        joints,
        _gestures(rng, both, ["wave", "phone", "call", "chin", "point"], ["knee", "lap", "prop"]),
    )
    return joints


def _sit_on_ground(rng: np.random.Generator, look: Look) -> Joints:
    k = look.scale
    style = rng.choice(["stretched", "knees up", "cross-legged"])
    lean = rng.uniform(-0.4, 0.1) if style == "stretched" else rng.uniform(-0.1, 0.4)
    joints = _trunk(rng, look, np.array([0.0, 0.12 * k, 0.0]), lean)
    reach, wide, pole = {
        "stretched": (rng.uniform(0.72, 0.83), 0.12, np.array([0.3, 1.0, 0.0])),
        "knees up": (rng.uniform(0.3, 0.5), 0.13, np.array([0.4, 1.0, 0.1])),
        "cross-legged": (0.24, -0.13, np.array([0.3, 0.25, 1.2])),
    }[str(style)]
    feet = {side: k * np.array([reach, 0.08, wide * s]) for side, s in SIDES.items()}
    _legs(
        look,
        joints,
        feet,
        {side: pole * [1, 1, s] for side, s in SIDES.items()},
        dict.fromkeys(SIDES, 0.2),
    )
    both = ["knee", "lap", "prop"] if style != "stretched" else ["prop", "lap", "phone"]
    _arms(
        rng, look, joints, _gestures(rng, both, ["wave", "phone", "call", "chin"], ["knee", "prop"])
    )
    return joints


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


def placed(points: np.ndarray, x: float, z: float, heading: float) -> np.ndarray:
    """Points (n, 3) from their own frame (forward, up, left) into the world (x, y, z), standing
    at (x, z) and facing `heading` (rad; 0 is to the right, -pi/2 towards the camera)."""
    c, s = np.cos(heading), np.sin(heading)
    turned = points @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return turned + [x, 0, z]
