"""The study that most tests of the report tell of."""

import pandas as pd
import pytest
import yaml
from PIL import Image

from stillact.core.tables import read_csv
from stillact.data import overview
from stillact.report import page as report_page
from stillact.study.load import load
from support.reports import ANOVA, ANSWER, BROWSER, CALIBRATED, CLAIMS, CLASSES, ROOT, meta, results


@pytest.fixture
def study(tmp_path):
    settings = load(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
    ids = [f"p{i}" for i in range(40)]
    labels = [CLASSES[i % 3] for i in range(40)]
    manifest = pd.DataFrame({"id": ids, "label": labels})
    images = pd.DataFrame(
        {"id": ids, "url": "", "status": "ok", "reason": "", "width": 640, "height": 480}
    )
    subsets = ["test"] * 10 + ["validation"] * 10 + ["train"] * 20
    holdout = pd.DataFrame({"image_id": ids, "label": labels, "subset": subsets})
    binary = holdout[holdout["label"] != "walking_running"]
    pairs = pd.DataFrame(
        [("p0", "p30", "near", 2, "p0")],
        columns=["image_id_a", "image_id_b", "kind", "distance", "group"],
    )
    (tmp_path / "plot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    Image.new("RGB", (2, 2)).save(tmp_path / "photo.png")
    plots = ["all_models", "table_7", "figure_2", "figure_3", "confusion_activity3", "table_3"]
    return report_page.Study(
        config=settings,
        images=images,
        holdouts={"activity3": holdout, "sit_stand": binary},
        audit=overview.audit(pairs, manifest, holdout),
        paper=read_csv(ROOT / "data/paper_results.csv"),
        tables={
            "table_1": overview.table_1(overview.photos(images, manifest), CLASSES),
            "table_2": results(["cnn_base", "fnn_base"]),
            "table_3": results(["none", "cutout"], name="augmentation", subset="validation"),
            "table_4": results(["cnn_base"]),
            "table_5": results(["clip_ic", "vit", "siglip2"], task="sit_stand", best=0.8),
            "table_6": results(["clip_em", "clip_cs"]),
            "table_7": results(["cnn_base", "fnn_base"]),
            "all_models": results(["cnn_base", "fnn_base"], paper=None),
        },
        figures={
            **dict.fromkeys(plots, tmp_path / "plot.svg"),
            "figure_1": tmp_path / "photo.png",
        },
        runs=[meta("cnn_base", 0), meta("cnn_base", 1)],
        files=["tables/table_2.csv", "figures/photo.png", "splits/sit_stand/holdout.csv"],
        shown={"statistics/anova": ANOVA, "statistics/activity3/calibration": CALIBRATED},
        answer=ANSWER,
        claims=CLAIMS,
        browser=BROWSER,
    )
