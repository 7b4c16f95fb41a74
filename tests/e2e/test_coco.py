"""The workflow on COCO's own photographs and annotations, where a copy of them is at hand."""

import os
from pathlib import Path

import pytest

from stillact.core.tables import read_csv

COCO = os.environ.get("STILLACT_COCO")


@pytest.mark.skipif(not COCO, reason="STILLACT_COCO is not set: COCO's val2017/ and annotations/")
def test_photographs_are_curated_fetched_split_and_explored(project):
    coco = Path(COCO)
    annotations = coco / "annotations"
    project.configure(
        {
            "dataset": {
                "manifest": "results/curate/manifest.csv",
                "local_dirs": [str(coco / "val2017")],
            },
            "curate": {
                "captions": str(annotations / "captions_val2017.json"),
                "instances": str(annotations / "instances_val2017.json"),
            },
            "splits": {"kfold": {"folds": 10, "repeats": 5}},
        }
    )
    project.run("--", "data")
    results = project.folder / "results"
    shipped = (project.folder / "data/coco_activities.csv").read_bytes()
    assert (results / "curate/manifest.csv").read_bytes() == shipped
    others = (project.folder / "data/coco_others.csv").read_bytes()
    assert (results / "curate/others.csv").read_bytes() == others
    images = read_csv(results / "data/images.csv")
    assert (images["status"] == "ok").sum() == 285
    holdout = read_csv(results / "splits/activity3/holdout.csv")
    sizes = holdout["subset"].value_counts()
    assert sizes.to_dict() == {"train": 227, "validation": 29, "test": 29}
    table = read_csv(results / "tables/table_1.csv").set_index("label")
    assert table["count"].to_dict() == {
        "walking_running": 98,
        "sitting": 95,
        "standing": 92,
        "Overall": 285,
    }
