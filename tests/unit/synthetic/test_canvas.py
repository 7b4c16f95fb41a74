import numpy as np

from stillact.synthetic.canvas import Camera


def test_camera_projects_a_hand_computed_point():
    camera = Camera(focal=500, centre=300, horizon=200, height=1.5, slope=0.1)
    # 2 m right, 1 m up, 10 m away: 50 px/m; 100 px right; 25 px below the horizon, 10 by the tilt.
    assert np.allclose(camera.project(np.array([[2.0, 1.0, 10.0]])), [[400, 235, 50]])
