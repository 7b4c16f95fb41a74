"""Records of the deployed model, made by hand."""

from stillact.inference.deployed import Record

RECORD = Record(
    task="activity3",
    model="tiny",
    recipe="linear_probe",
    seed=4,
    images=40,
    chosen={"c": 3.5},
    seconds=12.5,
    device="cpu: x86_64",
    accuracy=0.81,
    accuracy_low=0.7,
    accuracy_high=0.9,
    evaluated=30,
    scheme="cv",
    temperature=1.7,
    threshold=0.5,
    set_limit=0.2,
    accuracy_wanted=0.9,
    answered=0.625,
    warning="",
)


def record(**changes) -> Record:
    """A record with some fields changed."""
    return Record(**RECORD.model_dump() | changes)
