#!/usr/bin/env bash
# imagecorruptions asks for opencv-python, whose windows need libGL, which servers lack. Without what
# it asks for it goes by the cv2 of opencv-python-headless, which grad-cam has brought.
set -euo pipefail
python -m pip install numba==0.68.1 scikit-image==0.26.0
python -m pip install --no-deps imagecorruptions-imaug==1.1.5
