"""The precision in which a device computes, float32 or bfloat16, and the name of a device."""

import platform

import torch
from torch import cpu, cuda, device

FP32, BF16 = "fp32", "bf16"
NAMES = {torch.float32: FP32, torch.bfloat16: BF16}


def is_fast(where: device) -> bool:
    """Whether a device multiplies matrices of bfloat16 in hardware: a GPU from Ampere on, or a CPU
    with AVX-512 BF16 or AMX. Others emulate it, which is slower than float32."""
    if where.type == "cuda":
        return cuda.is_bf16_supported(including_emulation=False)
    return cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported()


def device_name(where: device) -> str:
    """The kind of a device and its name: "cpu: x86_64"."""
    name = platform.machine() if where.type == "cpu" else cuda.get_device_name(where)
    return f"{where.type}: {name}"


def resolved(wanted: str, where: device, suits: bool = True) -> str:
    """The precision to compute in.

    Args:
        wanted: "auto", "fp32" or "bf16".
        where: the device.
        suits: whether bfloat16 suits the computation, which counts only for "auto".
    """
    if wanted != "auto":
        return wanted
    return BF16 if suits and is_fast(where) else FP32
