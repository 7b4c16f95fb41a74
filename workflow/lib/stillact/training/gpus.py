"""One GPU a job, where jobs run side by side on a machine that has several."""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from stillact.core.logs import logger

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path(tempfile.gettempdir(), f"stillact_gpus_{os.getuid()}")
POLL_S = 0.5


def take_one() -> None:
    """Show CUDA one GPU alone, which no other job of this user has until this process ends.

    It is one of those that CUDA_VISIBLE_DEVICES names, or else of the machine's. Waits for one
    where all are taken. Where that variable names one device or none, as in a SLURM job, somebody
    has chosen already. To be called before CUDA is started, which reads the variable once.
    """
    devices = _devices()
    if VISIBLE in os.environ and len(devices) < 2:
        return
    told = False
    while devices and not any(_lock(device) for device in devices):
        if not told:
            logger.warning(
                "all GPUs (%d) are taken by other jobs; waiting for one. "
                "--resources gpu=%d starts no more jobs than there are GPUs",
                *[len(devices)] * 2,
            )
            told = True
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
    """Take a device for this process, unless another has it. The file stays open: the system takes
    the lock back when the process ends, however that happens."""
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    file = os.open(LOCKS / device.replace("/", "_"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    os.environ[VISIBLE] = device
    logger.info("on GPU %s", device)
    return True
