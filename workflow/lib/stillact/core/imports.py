"""Imports of libraries that would import torch's compiler."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

COMPILER = ("torch._dynamo", "torch._dynamo.utils")


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """Import torchvision, timm or open_clip in this context, without torch's compiler.

    They import it, which takes as long as torch itself, for two functions: `disable`, which marks
    one that is not to be compiled, and `is_compile_supported`. Nothing is compiled here, so modules
    with these two take its place meanwhile. Whatever needs the compiler later imports it as usual.
    """
    if COMPILER[0] in sys.modules:
        yield
        return
    package, utils = modules = [ModuleType(name) for name in COMPILER]
    package.__path__ = []
    package.disable = _disable  # type: ignore[attr-defined]
    utils.is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]
    sys.modules.update(zip(COMPILER, modules, strict=True))
    try:
        yield
    finally:
        for name in COMPILER:
            del sys.modules[name]


def _disable(function: Callable, recursive: bool = True, *, reason: str | None = None) -> Callable:
    return function


def _is_compile_supported(device: str) -> bool:
    from torch._dynamo.utils import is_compile_supported

    return is_compile_supported(device)
