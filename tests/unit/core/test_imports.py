"""Libraries of models are imported without torch's compiler, which stays usable."""

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "workflow" / "lib"

LEAN = """
import sys
from stillact.core.imports import without_compiler
with without_compiler():
    import {library}
assert not [name for name in sys.modules if name.startswith(("torch._dynamo", "sympy"))]
"""
# The compiler is imported afterwards as if nothing had been; a tower with functions that are not to
# be compiled, and the operator that asks whether its device can be compiled for, work as they are.
AFTERWARDS = """
import torch
import timm.layers
from torchvision.ops import roi_align
boxes = torch.tensor([[0, 0.0, 0.0, 4.0, 4.0]])
pooled = roi_align(torch.arange(16.0).reshape(1, 1, 4, 4), boxes, 1)
torch.use_deterministic_algorithms(True)
assert torch.equal(roi_align(torch.arange(16.0).reshape(1, 1, 4, 4), boxes, 1), pooled)
assert torch._dynamo.utils.is_compile_supported("cpu")
double = torch.compile(lambda x: 2 * x, backend="eager")
assert torch.equal(double(torch.ones(2)), torch.full((2,), 2.0))
"""


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(LIBRARY)}, check=True)


@pytest.mark.parametrize("library", ["torchvision.transforms.v2", "torchvision.ops"])
def test_torchvision_without_the_compiler(library):
    run(LEAN.format(library=library))


def test_libraries_of_models_without_the_compiler():
    run(LEAN.format(library="open_clip, timm") + AFTERWARDS)


def test_a_compiler_that_is_there_stays():
    run(
        "import sys, torch._dynamo as real\n"
        "from stillact.core.imports import without_compiler\n"
        "with without_compiler():\n"
        "    import torchvision\n"
        "assert sys.modules['torch._dynamo'] is real\n"
    )
