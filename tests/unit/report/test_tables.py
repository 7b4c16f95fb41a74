import numpy as np
import pandas as pd

from stillact.report import tables
from support.reports import ANOVA, located, page


def test_each_statement_is_about_its_own_photos(study):
    made = page(study)
    assert "Holdout split activity3: 20 train, 10 validation, 10 test; sit_stand:" in made.text
    # Of the 10 test photos 4 are of people walking; 3 and 3 are left.
    table_5 = made.cells("Table 5.")
    assert "on the 6 test photos of sit_stand (0 to 1)" in table_5
    assert "50.0 % on this study's 6 test photos and 12 of 20 (60.0 %) on the paper's" in table_5
    assert "siglip2 5 0.400 ± 0.031 † [0.36, 0.44] 0.3862 † 0.400" in table_5
    table_6 = made.cells("Table 6.")
    assert "on the 10 test photos of activity3 (0 to 1)" in table_6
    assert "40.0 % on this study's 10 test photos and 13 of 29 (44.8 %)" in table_6
    assert "splits/sit_stand/holdout.csv" in made.all("href")


def test_results_stand_beside_the_papers(study):
    made = page(study)
    table_2 = made.cells("Table 2.")
    assert "cnn_base 5 0.500 ± 0.031 [0.46, 0.54] 0.3862 † 0.500" in table_2
    assert "fnn_base 5 0.300 ± 0.031 † [0.26, 0.34] 0.3862 †" in table_2
    assert "40.0 % on this study's 10 test photos and 13 of 29 (44.8 %) on the paper's" in table_2
    # The paper's validation photos are not described: its figures there bear no mark.
    assert "none 5 0.500 ± 0.031 [0.46, 0.54] 0.3862 0.500" in made.cells("Table 3.")
    assert "In the paper's table, not in this study: cnn_gen." in made.cells("Table 4.")


def test_table_1_shows_the_sizes(study):
    text = page(study).cells("Table 1.")
    assert "sitting 13 32.5 % 640 640 0 480 480 0 1.33 1.33 0.00" in text
    assert "Overall 40 100.0 % 640" in text


def test_statistics_are_shown_as_they_are(study):
    made = page(study)
    anova = made.cells("The paper's analysis of variance.")
    assert "test f df1 p note anova 23.5 6 < 0.001 welch – 6 0.0421 1 1: vit is left out." in anova
    whole = [attrs["data-value"] for _, attrs in made.tags if "data-value" in attrs]
    assert whole == ["23.4562", "6", "1e-09", "nan", "6", "0.0421", "-0.12345"]
    assert "model ece vit −0.123" in made.cells("Calibration: activity3.")
    assert "EM beats CS undecided p .4 The claim that a model" in made.text
    empty = page(study, shown={"statistics/anova": ANOVA.iloc[:0]})
    assert "The paper's analysis of variance" not in empty.text
    assert "sure" not in empty.all("id")


def test_zero_is_shown_as_zero_after_a_sum_too():
    table = pd.DataFrame({"difference": [0.1 + 0.2 - 0.3, -4e-18, 0.3 - 0.2], "p": [1e-17, 0.5, 1]})
    (shown,) = tables.shown_as_they_are({"statistics/activity3/pairs": table}, {})["sure"]
    assert [[text for text, _ in row] for row in shown["rows"]] == [
        ["0", "< 0.001"],
        ["0", "0.5"],
        ["0.1", "1"],
    ]


def test_photos_have_their_path_and_not_their_id(study):
    named = study.images.assign(url=[f"my/photos of/{i}.jpg" for i in study.images["id"]])
    failures = pd.DataFrame({"rule": ["confident"], "image_id": ["p7"], "answer": ["sitting"]})
    made = page(study, images=named, shown={"errors/activity3/failures": failures})
    shown = made.cells("Example errors, selected by rule: activity3.")
    assert "rule photo answer confident my/photos of/p7.jpg sitting" in shown
    assert "my/photos of/p0.jpg my/photos of/p30.jpg near" in made.cells("Duplicates.")


LOCATED = pd.DataFrame(
    [
        located("vit", "energy", 0.5),
        located("vit", "insertion", 0.7, photos=30, chance=np.nan, ci_low=np.nan, ci_high=np.nan),
        located("vit", "energy", 0.3, method="centre"),
    ]
)


def test_a_table_with_a_row_a_metric_has_a_column_a_metric(study):
    shown = {"explain/activity3/localisation": LOCATED}
    notes = pd.DataFrame({"model": ["clip_ic"], "note": ["clip_ic is not looked into: no blocks."]})
    made = page(study, shown={**shown, "explain/activity3/notes": notes})
    table = made.cells("Localisation of saliency maps: activity3.")
    assert "model method answers photos chance centre energy insertion" in table
    assert "vit legrad_2 all 29 0.25 0.4 0.5 [0.4, 0.6] 0.7 vit centre all" in table
    assert "50 % [40, 60] of the saliency (legrad_2) for" in made.text
    assert "clip_ic is not looked into: no blocks." in made.text


def test_an_interval_stands_in_the_cell_of_its_value(study):
    covered = pd.DataFrame({"model": ["vit"], "fill": ["mean"], "photos": [29]})
    covered = covered.assign(accuracy_nothing=0.75, accuracy_person=0.25, accuracy_background=0.5)
    covered = covered.assign(difference=0.25, difference_ci_low=0.1, difference_ci_high=0.4)
    made = page(study, shown={"explain/activity3/covered": covered})
    table = made.cells("Accuracy with people covered: activity3.")
    assert "vit mean 29 0.75 0.25 0.5 0.25 [0.1, 0.4]" in table
