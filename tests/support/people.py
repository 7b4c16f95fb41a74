"""A study of models that look at a detected person, and of ensembles of them."""

from support.projects import EXPORTED, Project

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
    "deploy": "vote",
}


def run(project: Project) -> None:
    """Run this study in a copy of the finished one, up to predictions, an export and the report."""
    project.configure(CHANGES)
    project.add_photos()
    project.run(*EXPORTED, "results/report.html")
