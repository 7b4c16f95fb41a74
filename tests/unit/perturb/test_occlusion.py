"""Photos with people or background covered, and what that costs models that are made up."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from stillact.core.runs import Run
from stillact.data.boxes import Box, View
from stillact.data.preprocessing import Preprocessing
from stillact.perturb import occlusion, occlusion_summary
from stillact.perturb.ask import ask
from stillact.training.jobs import Setup
from stillact.training.trained import Trained

CLASSES = ["sitting", "standing"]
SIZE = 40
SEEN = Preprocessing(SIZE, "squash")
WHOLE = View.of(SEEN, 200, 100)
BOXES = [Box(20.0, 10.0, 80.0, 60.0), Box(100.0, 40.0, 120.0, 70.0)]  # shares 0.15 and 0.03


@pytest.mark.parametrize("geometry", ["squash", "letterbox", "resize_crop"])
@pytest.mark.parametrize(
    "boxes",
    [BOXES, BOXES[:1], [Box(0, 0, 200, 48)], [Box(60, 0, 100, 100)], [Box(99, 50, 104, 55)] * 3],
)
def test_as_much_background_is_covered_and_nobody_in_it(geometry, boxes):
    view = View.of(Preprocessing(SIZE, geometry), 200, 100)
    found = occlusion.regions(view, boxes, "a")
    seen = view.mask([Box(0, 0, 200, 100)])
    assert found.share == pytest.approx(view.mask(boxes).sum() / seen.sum())
    assert len(found.backgrounds) == occlusion.DRAWS
    for mask in found.backgrounds:
        assert mask.sum() == found.person.sum() > 0
        assert not (mask & found.person).any()
        assert not (mask & ~seen).any()  # not the grey around a letterboxed photo


def test_exactly_half_still_has_as_much_background():
    found = occlusion.regions(WHOLE, [Box(0, 0, 200, 50)], "a")
    assert found.share == 0.5
    assert all((mask == ~found.person).all() for mask in found.backgrounds)


@pytest.mark.parametrize(("boxes", "share"), [([], 0), ([Box(0, 0, 200, 53)], 0.525)])
def test_nobody_and_more_than_half_have_no_background(boxes, share):
    found = occlusion.regions(WHOLE, boxes, "a")
    assert found.share == share
    assert found.backgrounds == []


def test_somebody_cropped_away_is_nobody():
    cropped = View.of(Preprocessing(SIZE, "resize_crop"), 200, 100)
    assert occlusion.regions(cropped, [Box(0, 0, 40, 100)], "a").share == 0


def test_the_places_are_the_images_and_differ():
    first, again, other = (occlusion.regions(WHOLE, BOXES, name).backgrounds for name in "aab")
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len({mask.tobytes() for mask in first + other}) == 2 * occlusion.DRAWS


def test_the_pieces_have_the_boxes_sizes():
    """One small person far from every edge: each background is one rectangle of its size, unless it
    meets the person or an edge."""
    view = View.of(Preprocessing(400, "squash"), 400, 400)
    for name in "abcdef":
        for mask in occlusion.regions(view, [Box(200, 200, 212, 207)], name).backgrounds:
            rows, columns = np.nonzero(mask)
            if rows.min() > 0 and columns.min() > 0 and rows.max() < 399 and columns.max() < 399:
                assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (7, 12)


@pytest.fixture
def photo():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 40, 40), np.uint8))


@pytest.fixture
def masks():
    mask = np.zeros((2, 40, 40), bool)
    mask[0, 5:20, 10:30] = mask[1, :, :3] = True
    return mask


def test_what_is_covered_has_the_mean_colour(photo, masks):
    found = occlusion.cover(photo, masks, "mean").numpy()
    for one, before, mask in zip(found, photo.numpy(), masks, strict=True):
        assert (one[:, ~mask] == before[:, ~mask]).all()
        assert (one[:, mask] == before.mean((1, 2)).round()[:, None]).all()
    assert found.dtype == np.uint8


def test_what_is_covered_is_blurred_by_a_tenth_of_the_side(photo, masks):
    found = occlusion.cover(photo, masks, "blur").numpy()
    for one, before, mask in zip(found, photo.numpy().astype(float), masks, strict=True):
        expected = gaussian_filter(before, (0, 4, 4), mode="mirror", truncate=3)
        assert (one[:, ~mask] == before[:, ~mask]).all()
        np.testing.assert_allclose(one[:, mask], expected[:, mask], atol=0.51)


def test_versions_that_cover_something_are_of_photos_with_as_much_background(photo):
    pixels = torch.cat([photo, photo])
    of = [
        occlusion.regions(WHOLE, boxes, "a")
        for boxes in ([], BOXES, [Box(0, 0, 200, 90)], BOXES[1:])
    ]
    nothing, *others = occlusion.versions(pixels, of)
    assert nothing.change == {"covered": "nothing", "fill": "none", "draw": 0}
    assert nothing.rows.tolist() == [0, 1, 2, 3]
    assert nothing.pixels is pixels
    told = [tuple(version.change[n] for n in ("fill", "covered", "draw")) for version in others]
    each = [("person", 0), ("background", 0), ("background", 1), ("background", 2)]
    assert told == [(fill, *what) for fill in occlusion_summary.FILLS for what in each]
    for version in others:
        assert version.rows.tolist() == [1, 3]
        changed = (version.pixels != pixels[[1, 3]]).any(1).numpy()
        for one, row in zip(changed, [1, 3], strict=True):
            masks = (
                [of[row].person] if version.change["covered"] == "person" else of[row].backgrounds
            )
            assert not (one & ~masks[version.change["draw"]]).any()
            assert one.sum() > 0.95 * of[row].person.sum()
    assert len(occlusion.versions(pixels[:1], of[:1])) == 1


def scenes(count=24, **changes) -> pd.DataFrame:
    """Photos of one person; who stands is white, who sits is black, and so is the wall."""
    ids = [f"{i:03}" for i in range(count)]
    photos = pd.DataFrame({"subset": "test", "image_id": ids, "group": ids})
    photos["label"] = [CLASSES[i % 2] for i in range(count)]
    return photos.assign(**{"width": 80, "height": 40, "person_boxes": "20 10 30 20", **changes})


def asked(looks_at, photos=None, seeds=(0, 1), model="made_up") -> pd.DataFrame:
    """What a model says that is sure of "standing" where `looks_at`, bool (size, size), is more
    than half white."""
    photos = scenes() if photos is None else photos
    standing = torch.tensor((photos["label"] == "standing").to_numpy())
    pixels = torch.where(standing[:, None, None, None], 255, 0).to(torch.uint8)
    pixels = pixels.expand(-1, 3, SIZE, SIZE).clone()
    pixels[:, :, ~torch.from_numpy(looks_at)] = 0  # of what it does not look at nothing is white
    of = occlusion.regions_of(photos, SEEN)
    photos = photos.assign(person_share=[one.share for one in of])

    run = Trained(Sure(looks_at), Setup(None, None, unchanged, lambda given, _: given, (SEEN,)))
    runs = {Run("posture", model, "holdout", seed): run for seed in seeds}
    versions = occlusion.versions(pixels, of)
    return pd.concat([ask(runs, one, photos, occlusion.COLUMNS, CLASSES) for one in versions])


class Sure(nn.Module):
    def __init__(self, looks_at: np.ndarray):
        super().__init__()
        self.looks_at = nn.Parameter(torch.from_numpy(looks_at), requires_grad=False)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        white = (given[:, 0][:, self.looks_at] > 127).double().mean(1) > 0.5
        return 1e3 * torch.stack([~white, white], 1)


def unchanged(given: torch.Tensor, training: bool) -> torch.Tensor:
    return given


PERSON = View.of(SEEN, 80, 40).mask([Box(20, 10, 50, 30)])


def test_a_model_that_looks_at_the_person_loses_by_covering_that_alone():
    table = occlusion_summary.evaluate(asked(PERSON))
    assert table.columns.tolist() == occlusion_summary.COLUMNS
    assert table[["task", "model", "fill"]].values.tolist() == [
        ["posture", "made_up", "mean"],
        ["posture", "made_up", "blur"],
    ]
    assert (
        table[["photos", "without_boxes", "over_half", "runs"]].values.tolist()
        == [[24, 0, 0, 2]] * 2
    )
    filled = table.iloc[0]
    assert filled["accuracy_nothing"] == filled["accuracy_background"] == 1
    assert filled["accuracy_person"] == filled["difference"] == 0.5  # the standing look black
    assert 0.5 - 0.3 < filled["difference_ci_low"] < 0.5 < filled["difference_ci_high"] < 0.8
    assert filled["accuracy_background_ci_low"] == filled["accuracy_background_ci_high"] == 1


def test_a_model_that_looks_at_the_background_loses_by_covering_that():
    """At a piece of it that is as large as the person, and not always covered; blurred it is still
    white."""
    corner = np.zeros((SIZE, SIZE), bool)
    corner[:12, :12] = True
    table = occlusion_summary.evaluate(asked(corner, scenes(200)))
    filled, blurred = table.itertuples()
    assert filled.accuracy_nothing == filled.accuracy_person == 1
    assert 0.8 < filled.accuracy_background < 1
    assert filled.difference == pytest.approx(filled.accuracy_background - 1)
    assert filled.difference_ci_high < 0
    assert blurred.accuracy_background == 1


def test_photos_of_a_group_are_drawn_together():
    alone = asked(PERSON)
    copies = [alone.assign(image_id=alone["image_id"] + name) for name in "abcd"]
    one, four = map(occlusion_summary.evaluate, (alone, pd.concat(copies)))
    assert four["photos"].tolist() == [96, 96]
    pd.testing.assert_frame_equal(four.drop(columns="photos"), one.drop(columns="photos"))


def test_photos_left_out_are_counted_and_not_judged():
    photos = scenes()
    photos.loc[:2, "person_boxes"] = ""
    photos.loc[3:4, "person_boxes"] = "0 0 80 25;0 0 10 10"
    table = occlusion_summary.evaluate(asked(PERSON, photos))
    for row in table.itertuples():
        assert (row.photos, row.without_boxes, row.over_half) == (19, 3, 2)
    only = occlusion_summary.evaluate(asked(PERSON, photos.iloc[5:]))
    pd.testing.assert_frame_equal(
        table.drop(columns=["without_boxes", "over_half"]),
        only.drop(columns=["without_boxes", "over_half"]),
    )


def test_without_boxes_the_table_is_empty():
    table = occlusion_summary.evaluate(asked(PERSON, scenes(person_boxes="")))
    assert table.empty
    assert table.columns.tolist() == occlusion_summary.COLUMNS


def test_models_are_judged_each_by_itself():
    one, two = asked(PERSON), asked(~PERSON, model="another")
    both = occlusion_summary.evaluate(pd.concat([one, two]))
    alone = [occlusion_summary.evaluate(table) for table in (one, two)]
    pd.testing.assert_frame_equal(both, pd.concat(alone, ignore_index=True))
