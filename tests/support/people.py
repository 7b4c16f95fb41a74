"""A study of models that look at a detected person, and of ensembles of them."""

import shutil

from stillact.core.tables import read_csv
from support.projects import Project

MODELS = {
    "clip_pair": {
        "recipe": "linear_probe",
        "backbone": "clip",
        "sees": ["whole", "person"],
        "mirror": True,
    },
    "joints": {"recipe": "pose", "backbone": "blazepose"},
    "vote": {"recipe": "ensemble", "members": ["clip_pair", "joints", "cnn_base"]},
    "stacked": {"recipe": "ensemble", "members": ["clip_pair", "joints"], "combine": "stack"},
}
CHANGES = {
    "models": MODELS,
    "tasks": {"activity3": {"models": ["cnn_base", *MODELS]}, "sit_stand": None},
    "cross_validation": {"from_scratch": 1, "pose": 1, "ensemble": 1},
    "people": {"detector": "blazepose", "boxes": "detector"},
    "robustness": {"models": ["vote"], "corruptions": ["grey"]},
    "paper": None,
    "sweep": {"models": []},
}
NEW = "new"  # the folder of the photos to predict
PREDICTED = ["--config", f"photos={NEW}", "deploy=vote", "--", "predict", "export"]


def run(project: Project) -> None:
    """Run this study in a copy of the finished one, up to predictions, an export and the report."""
    project.configure(CHANGES)
    images = read_csv(project.folder / "results/data/images.csv")
    (project.folder / NEW).mkdir()
    for image, sha256 in zip(images["id"][:8], images["sha256"], strict=False):
        cached = project.folder / "cache" / sha256[:2] / sha256
        shutil.copy(cached, project.folder / NEW / f"{image}.png")
    project.run(*PREDICTED, "results/report.html")
