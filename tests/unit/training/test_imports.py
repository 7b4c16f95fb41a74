"""What a training process does not import: that would take longer than torch itself."""

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "workflow" / "lib"
HEAVY = ["torch._dynamo", "torch._inductor", "sympy", "torchvision", "PIL", "sklearn", "scipy"]
HEAVY += ["matplotlib", "pingouin", "open_clip", "timm", "transformers"]

# A training step, as the recipes of each kind come to it.
STEP = """
import sys
import torch
from stillact.config.augmentations import HorizontalFlip
from stillact.config.training import Training
from stillact.training import augment, jobs, loop as training
from stillact.recipes.{recipe} import setup
settings = Training(
    learning_rate=0.1, weight_decay=0.1, batch_size=4, max_epochs=1, patience=1, clip_norm=1.0)
flip = augment.build([HorizontalFlip(name="horizontal_flip", p=0.5)], 8)
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
with training.repeatable(1):
    part = training.LabelledInputs(torch.rand(6, 3, 8, 8), torch.arange(6) % 2)
    loop = training.Loop(network, settings, lambda x, _: flip(x), None, "fp32")
    loop.epoch(part, 1)
    training.evaluate(network, part, lambda x, _: x)
print(*sys.modules)
"""


@pytest.mark.parametrize("recipe", ["from_scratch", "mlp", "prolip", "zero_shot"])
def test_a_training_imports_nothing_heavy(recipe):
    told = subprocess.check_output(
        [sys.executable, "-c", STEP.format(recipe=recipe)], env={"PYTHONPATH": str(LIBRARY)}
    )
    imported = set(told.decode().split())
    assert "torch" in imported
    assert not imported & set(HEAVY)
