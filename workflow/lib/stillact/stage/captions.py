"""Captions: plain English sentences about a scene, true of its picture."""

import numpy as np

PLURALS = {"man": "men", "woman": "women", "boy": "boys", "girl": "girls", "person": "people"}
NUMBERS = {2: "two", 3: "three", 4: "four"}

# Per activity: (one person, several people).
VERBS = {
    "walking": [("walks", "walk"), ("is walking", "are walking"), ("walking", "walking")],
    "running": [
        ("runs", "run"),
        ("is running", "are running"),
        ("jogging", "jogging"),
        ("is jogging", "are jogging"),
    ],
    "sitting": [
        ("sits", "sit"),
        ("is sitting", "are sitting"),
        ("sitting", "sitting"),
        ("seated", "seated"),
    ],
    "standing": [("stands", "stand"), ("is standing", "are standing"), ("standing", "standing")],
}
WHERE = {
    "street": ["on a street", "in the street", "in front of buildings"],
    "park": ["in a park", "among trees in a park", "in the park"],
    "beach": ["on a beach", "by the sea", "at the beach"],
    "room": ["in a room", "indoors", "inside a room"],
    "station": ["at a station", "in a train station", "at a railway station"],
    "field": ["in a field", "in the countryside", "in an open field"],
    "snow": ["in the snow", "in a snowy field", "on snowy ground"],
}
GROUND = {
    "street": "pavement",
    "park": "grass",
    "beach": "sand",
    "room": "floor",
    "station": "floor",
    "field": "grass",
    "snow": "snow",
}
SUPPORT = {"chair": "a chair", "bench": "a bench", "box": "a box", "wall": "a low wall"}
SHARED = {"bench", "wall"}  # long enough for all
LIGHT = {
    "sunny": "on a sunny day",
    "evening": "in the evening",
    "overcast": "under a grey sky",
    "dim": "in dim light",
}


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _clothes(rng: np.random.Generator, top: str, legwear: str) -> str:
    worn = str(rng.choice(["in", "wearing"]))
    legwear = _article(legwear) if legwear.endswith("skirt") else legwear
    if rng.random() < 0.5:
        return f"{worn} {_article(top)}"
    return f"{worn} {_article(top)} and {legwear}"


def caption(rng: np.random.Generator, verb: str, nouns: list[str], top: str, legwear: str,
            setting: str, light: str, furniture: str, seated_on: str | None) -> str:  # fmt: skip
    """One sentence.

    Args:
        verb: a key of VERBS.
        nouns: what each visible person is, the main one first.
        top, legwear: the main person's clothes, such as "red shirt" and "black trousers".
        furniture: what stands near the main person ("none": nothing does).
        seated_on: the furniture (or "ground") under the main person, None unless they sit.
    """
    others = len(nouns) - 1
    noun = nouns[0] if rng.random() < 0.85 else "person"
    dressed = _clothes(rng, top, legwear)
    one, many = VERBS[verb][rng.integers(len(VERBS[verb]))]
    if not others:
        subject, says = f"{_article(noun)} {dressed}", one
    elif rng.random() < 0.5:
        rest = "another person" if others == 1 else f"{NUMBERS[others]} other people"
        subject, says = f"{_article(noun)} {dressed} and {rest}", many
    else:
        kind = PLURALS[nouns[0]] if len(set(nouns)) == 1 else "people"
        subject, says = f"{NUMBERS[len(nouns)]} {kind}, one {dressed},", many
    place = [WHERE[setting][rng.integers(len(WHERE[setting]))]]
    if seated_on == "ground":
        place.insert(0, f"on the {GROUND[setting]}")
    elif seated_on is not None and (not others or seated_on in SHARED):
        place.insert(0, f"on {SUPPORT[seated_on]}")
    elif furniture != "none" and rng.random() < 0.6:
        place.insert(0, f"near {SUPPORT[furniture]}")
    if rng.random() < 0.3 and (light != "overcast" or setting not in ("room", "station")):
        place.append(
            LIGHT[light]
            if setting not in ("room", "station") or light == "dim"
            else "in bright light"
        )
    return " ".join([subject, says, *place])
