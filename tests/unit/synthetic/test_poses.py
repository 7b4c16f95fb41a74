import numpy as np
import pytest

from stillact.synthetic import poses
from stillact.synthetic.appearance import draw_look


@pytest.mark.parametrize("seed", range(20))
def test_poses_are_what_they_are_called(seed):
    rng = np.random.default_rng(seed)
    look = draw_look(rng)
    bones = {"knee": 0.43 * look.scale, "ankle": 0.42 * look.scale}
    made = {
        "stand": poses.stand(rng, look),
        "walk": poses.walk(rng, look, running=False),
        "run": poses.walk(rng, look, running=True),
        "chair": poses.sit(rng, look, 0.45),
        "ground": poses.sit(rng, look, 0.0),
    }
    for name, joints in made.items():
        for side in "lr":
            thigh = np.linalg.norm(joints[side + "knee"] - joints[side + "hip"])
            shin = np.linalg.norm(joints[side + "ankle"] - joints[side + "knee"])
            assert (thigh, shin) == pytest.approx(tuple(bones.values())), name
    hips = {name: joints["pelvis"][1] / look.scale for name, joints in made.items()}
    assert min(hips["stand"], hips["walk"], hips["run"]) > 0.7
    assert hips["chair"] == pytest.approx(0.45 / look.scale + 0.1)
    assert hips["ground"] < 0.2
    strides = {n: abs(j["lankle"][0] - j["rankle"][0]) / look.scale for n, j in made.items()}
    assert strides["stand"] < 0.2 < min(strides["walk"], strides["run"])
