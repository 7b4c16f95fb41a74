"""A user's own photos with their own labels: a matter of config."""

import pandas as pd
from fault_server import photo

from stillact.tables import read_csv


def test_two_labels_of_a_users_own(project):
    folder = project.folder / "photos"
    folder.mkdir()
    rows = [(f"photos/{i}.jpg", ["reading", "cooking"][i % 2]) for i in range(24)]
    for name, _ in rows:
        (project.folder / name).write_bytes(photo(name, (40, 30)))
    pd.DataFrame(rows, columns=["url", "label"]).to_csv(project.folder / "own.csv", index=False)
    task = {"classes": ["reading", "cooking"], "models": ["fnn_base"]}
    variants = dict.fromkeys(project.variants(), None) | {"none": []}
    project.configure(
        {
            "dataset": {"manifest": "own.csv", "classes": ["reading", "cooking"]},
            "tasks": {"activity3": None, "sit_stand": None, "kitchen": task},
            "augmentation_study": {"task": "kitchen", "model": "fnn_base", "variants": variants},
            "seeds": [0],
        }
    )
    project.run()
    predictions = read_csv(project.folder / "results/predictions/kitchen.csv")
    assert list(predictions.columns[-2:]) == ["prob_reading", "prob_cooking"]
    assert "cooking" in (project.folder / "results/report.html").read_text()
