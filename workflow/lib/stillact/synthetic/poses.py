"""Poses of people: positions of their joints.

A figure is posed in its own frame (forward, up, left; metres; the ground at up = 0).
"""

import numpy as np

from stillact.synthetic.appearance import Look

Joints = dict[str, np.ndarray]
SIDES = {"l": 1, "r": -1}


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
    """Add legs that reach towards the ankle positions `feet`; `toes` are outward angles (rad)."""
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
    """Add arms for the gesture of each hand, by name."""
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
    """Draw gestures: the same for both hands, or one hand active and the other at rest."""
    if rng.random() < 0.5:
        return dict.fromkeys(SIDES, str(rng.choice(both)))
    pair = [str(rng.choice(one)), str(rng.choice(rest))]
    return dict(zip(rng.permutation(list(SIDES)).tolist(), pair, strict=True))


def stand(rng: np.random.Generator, look: Look) -> Joints:
    """Draw a standing pose, with the weight between both feet."""
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
    """Draw a walking or running pose, in a phase of the stride with open legs."""
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
    """Draw a sitting pose on a seat `seat` m high; 0 is the ground."""
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
