"""A GPU per job, or a share of one, for parallel jobs on a machine with GPUs."""

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
QUERY = ("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")
# A training of a ViT-B/16 in batches of 32 takes 4 GB (docs/gpu.md).
JOB_MB = 10_000
MOST = 7  # jobs on a GPU: alone, one kept an H100 busy for 13 % of the time


def take_one() -> None:
    """Reserve a place on a GPU for this process until it ends, among the jobs of this user.

    Only this GPU is visible to CUDA. It is one of CUDA_VISIBLE_DEVICES, if set, or else of the
    machine. A GPU that no other job uses comes first; one in use is shared as long as each job has
    `JOB_MB` of its memory. If there is no place, wait for one. If that variable names at most one
    device, as in a SLURM job, it is left unchanged. Call this before CUDA is initialised, which
    reads the variable once.
    """
    places = _places()
    if VISIBLE in os.environ and len({device for device, _ in places}) < 2:
        return
    warned = False
    while places and not any(_lock(device, place) for device, place in places):
        if not warned:
            logger.warning(
                "all %d places on GPUs are in use by other jobs; waiting for one. "
                "--resources gpu=%d limits the GPU jobs to that number",
                *[len(places)] * 2,
            )
            warned = True
        time.sleep(POLL_S)


def _places() -> list[tuple[str, int]]:
    """Devices and places on them: the first place of each device, then the second, and so on. Of
    devices named in CUDA_VISIBLE_DEVICES, whose memory is not known, there is one each."""
    if VISIBLE in os.environ:
        return [(name, 0) for name in os.environ[VISIBLE].split(",") if name]
    try:
        listed = subprocess.run(["nvidia-smi", *QUERY], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no driver: torch will find no GPU either
        return []
    found = re.findall(r"^(GPU-[^,]+), (\d+)", listed.stdout, re.MULTILINE)
    places = {device: max(1, min(MOST, int(mb) // JOB_MB)) for device, mb in found}
    return [(device, n) for n in range(MOST) for device in places if n < places[device]]


def _lock(device: str, place: int) -> bool:
    """Lock a place for this process, unless another has locked it. The file stays open: the system
    releases the lock when the process ends, however it ends."""
    LOCKS.mkdir(mode=0o700, exist_ok=True)
    name = f"{device.replace('/', '_')}.{place}"
    file = os.open(LOCKS / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if not locks.lock(file, LOCKS, wait=False):
        os.close(file)
        return False
    os.environ[VISIBLE] = device
    logger.info("using GPU %s", device)
    return True
