from dataclasses import replace

import pytest

from stillact.core.runs import SHUFFLED, Run, batches, fold_of, fold_split

RUN = Run("activity3", "cnn_base", "holdout", 3)


def test_the_name_of_a_run_is_its_folder():
    assert str(RUN) == "activity3/cnn_base/holdout/seed_3"


def test_a_seed_is_the_same_in_every_process_and_version():
    # the first 16 digits of `printf activity3/holdout/3/start | sha256sum`, halved
    assert RUN.rng_seed("start") == 0x3682E5FD7ADF4679 // 2


def test_a_seed_depends_on_all_but_the_model():
    others = [
        RUN.rng_seed("epoch 1"),
        RUN.rng_seed("epoch 11"),
        replace(RUN, task="sit_stand").rng_seed("start"),
        replace(RUN, split="fold_1").rng_seed("start"),
        replace(RUN, seed=33).rng_seed("start"),
    ]
    assert len({RUN.rng_seed("start"), *others}) == 6
    assert replace(RUN, model="fnn_base").rng_seed("start") == RUN.rng_seed("start")


def test_seeds_are_in_the_range_of_torchs_generator():
    seeds = [replace(RUN, seed=seed).rng_seed("start") for seed in range(1000)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62  # and use it: collisions stay unlikely
    assert len(set(seeds)) == 1000


@pytest.mark.parametrize(
    ("seeds", "size", "expected"),
    [
        ([0, 1, 2, 3, 4], 5, [[0, 1, 2, 3, 4]]),
        ([0, 1, 2, 3, 4], 2, [[0, 1], [2, 3], [4]]),
        ([7, 3, 5], 1, [[7], [3], [5]]),
        ([7], 9, [[7]]),
    ],
)
def test_batches_keep_the_order(seeds, size, expected):
    assert batches(seeds, size) == expected


def test_a_seed_appended_leaves_full_batches_as_they_are():
    before = batches([4, 2, 0, 1], 2)
    assert batches([4, 2, 0, 1, 9], 2) == [*before, [9]]


@pytest.mark.parametrize("place", [(0, 0), (3, 12)])
def test_the_split_of_a_fold_tells_its_repeat_and_fold(place):
    assert fold_of(fold_split(*place)) == place


@pytest.mark.parametrize("split", ["holdout", SHUFFLED, "cv_1", "cv_1_2_3", "xcv_1_2"])
def test_other_splits_are_of_no_fold(split):
    assert fold_of(split) is None
