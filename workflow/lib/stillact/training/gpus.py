"""One GPU per job, for parallel jobs on a machine with several GPUs."""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from stillact.core import locks
from stillact.core.logs import logger

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path(tempfile.gettempdir(), f"stillact_gpus_{os.getuid()}")
POLL_S = 0.5


def take_one() -> None:
    """Reserve one GPU for this process until it ends, among the jobs of this user.

    Only this GPU is visible to CUDA. It is one of CUDA_VISIBLE_DEVICES, if set, or else of the
    machine. If all are in use, wait for one. If that variable names at most one device, as in a
    SLURM job, it is left unchanged. Call this before CUDA is initialised, which reads the variable
    once.
    """
    devices = _devices()
    if VISIBLE in os.environ and len(devices) < 2:
        return
    warned = False
    while devices and not any(_lock(device) for device in devices):
        if not warned:
            logger.warning(
                "all GPUs (%d) are in use by other jobs; waiting for one. "
                "--resources gpu=%d limits the GPU jobs to the number of GPUs",
                *[len(devices)] * 2,
            )
            warned = True
        time.sleep(POLL_S)


def _devices() -> list[str]:
    if VISIBLE in os.environ:
        return [name for name in os.environ[VISIBLE].split(",") if name]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no driver: torch will find no GPU either
        return []
    return re.findall(r"^GPU .*\(UUID: (GPU-[^)]+)\)", listed.stdout, re.MULTILINE)


def _lock(device: str) -> bool:
    """Lock a device for this process, unless another has locked it. The file stays open: the system
    releases the lock when the process ends, however it ends."""
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    file = os.open(LOCKS / device.replace("/", "_"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if not locks.lock(file, LOCKS, wait=False):
        os.close(file)
        return False
    os.environ[VISIBLE] = device
    logger.info("using GPU %s", device)
    return True
