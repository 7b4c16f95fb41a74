from pathlib import Path

import pytest

from stillact.core.tables import read_csv
from stillact.paper import notes
from stillact.paper.reported import LARGEST_CLASS

FIGURES = read_csv(Path(__file__).parents[3] / "data/paper_results.csv")


@pytest.mark.parametrize(
    ("accuracy", "photos", "runs", "count"),
    [
        (0.3862, 29, 1, None),
        (0.3862, 29, 5, 56),
        (0.3793, 29, 1, 11),
        (0.759, 29, 1, 22),
        (0.65, 20, 1, 13),
        (0.66, 20, 1, None),
    ],
)
def test_an_accuracy_is_a_number_of_photos_or_is_not(accuracy, photos, runs, count):
    assert notes.correct(accuracy, photos, runs) == count


@pytest.mark.parametrize(
    ("tables", "task", "photos", "expected"),
    [((4, 6), "activity3", 29, (13, 8, 8)), ((5,), "sit_stand", 20, (12, 8))],
)
def test_the_classes_of_the_papers_test_photos(tables, task, photos, expected):
    rows = FIGURES[FIGURES["table"].isin(tables) & (FIGURES["task"] == task)]
    assert notes.class_sizes(rows, photos, len(expected)) == [expected]
    assert LARGEST_CLASS[task] == (expected[0], photos)


def test_class_sizes_of_a_perfect_model_may_be_any():
    rows = FIGURES.head(1).assign(accuracy=1.0, precision=1.0, recall=1.0, f1=1.0)
    assert notes.class_sizes(rows, 5, 2) == [(3, 2), (4, 1)]
    assert notes.class_sizes(rows.assign(recall=0.9), 5, 2) == []


@pytest.mark.parametrize(
    "words",
    [
        "Tables 3, 4, 5, 6 and 7 are whole numbers of photos, as of single runs",
        "CNN_base has 0.3862 in Table 2 and 0.3793 in Table 4",
        "13, 8 and 8 of 29 (Table 4 and 6); 12 and 8 of 20 (Table 5)",
        "that would give 10, 10 and 9",
        "13 of 29 photos (44.8\xa0%), and CNN_base, FNN_base, CNN_gen, CLIP_EM and CLIP_CS are not",
        "CLIP_CS has the metrics of a constant prediction",
        "CNN_gen (Table 4) 41.4\xa0% [26, 59]",
        "CLIP (Table 5) 65.0\xa0% [43, 82]",
        "CLIP_IC (Table 7) 75.9\xa0% [58, 88]",
        "Color jitter (10) and All combined (13) are above no augmentation (8 of 29",
        "(6, 28) with the seven models of the analysis (p = 1e-09)",
        "p = 0.2205, as reported",
        "the power of this test is 20 %",
    ],
)
def test_the_notes_say(words):
    assert words in " ".join(notes.on(FIGURES))
