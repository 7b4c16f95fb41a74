"""Captions: plain English sentences that correctly describe a scene."""

import numpy as np

from stillact.synthetic.backgrounds import INDOORS
from stillact.synthetic.furniture import SHARED

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


def caption(
    rng: np.random.Generator, verb: str, nouns: list[str], attributes: dict[str, str]
) -> str:
    """Generate one sentence.

    Args:
        verb: a key of VERBS.
        nouns: noun of each visible person, the main one first.
        attributes: attributes of the scene.
    """
    dressed = _clothes(rng, attributes["top"], attributes["legwear"])
    one, many = VERBS[verb][rng.integers(len(VERBS[verb]))]
    subject = _subject(rng, nouns, dressed)
    says = one if len(nouns) == 1 else many
    return " ".join([subject, says, *_place(rng, verb, len(nouns), attributes)])


def short_caption(
    rng: np.random.Generator, verb: str, nouns: list[str], attributes: dict[str, str]
) -> str:
    """Generate a short caption: who does what, sometimes on what; arguments as for `caption`."""
    one, many = VERBS[verb][rng.integers(len(VERBS[verb]))]
    noun = nouns[0] if rng.random() < 0.5 else "person"
    alone = len(nouns) == 1
    who = _article(noun) if alone else f"{NUMBERS[len(nouns)]} people"
    words = [who, one if alone else many]
    if rng.random() < 0.3:
        words += _support(rng, verb, len(nouns), attributes)
    return " ".join(words)


def _subject(rng: np.random.Generator, nouns: list[str], dressed: str) -> str:
    noun = nouns[0] if rng.random() < 0.85 else "person"
    others = len(nouns) - 1
    if not others:
        return f"{_article(noun)} {dressed}"
    if rng.random() < 0.5:
        rest = "another person" if others == 1 else f"{NUMBERS[others]} other people"
        return f"{_article(noun)} {dressed} and {rest}"
    kind = PLURALS[nouns[0]] if len(set(nouns)) == 1 else "people"
    return f"{NUMBERS[len(nouns)]} {kind}, one {dressed},"


def _place(
    rng: np.random.Generator, verb: str, people: int, attributes: dict[str, str]
) -> list[str]:
    setting, light = attributes["setting"], attributes["light"]
    phrases = _support(rng, verb, people, attributes)
    phrases.append(str(rng.choice(WHERE[setting])))
    if rng.random() < 0.3 and setting not in INDOORS:
        phrases.append(LIGHT[light])
    elif rng.random() < 0.3 and light == "dim":
        phrases.append(LIGHT["dim"])
    return phrases


def _support(
    rng: np.random.Generator, verb: str, people: int, attributes: dict[str, str]
) -> list[str]:
    furniture = attributes["furniture"]
    if verb == "sitting" and furniture == "none":
        return [f"on the {GROUND[attributes['setting']]}"]
    if verb == "sitting" and (people == 1 or furniture in SHARED):
        return [f"on {SUPPORT[furniture]}"]
    if furniture != "none" and rng.random() < 0.6:
        return [f"near {SUPPORT[furniture]}"]
    return []
