"""The network of joints of the synthetic dataset: a ViT that looks at one person."""

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from stillact.data.boxes import MARGIN
from stillact.models.backbones.timm_pose import Joints
from stillact.synthetic import limbs
from stillact.synthetic.captioned import JOINTS

JITTER = 0.1  # of the crop's side and place, as detected boxes are not exact
BODY = 0.08  # of the box of the joints: the body around them
UNIT = 0.2  # of a crop's side: a typical deviation of a joint's place


class Posed(nn.Module):
    """A ViT, initialised from the vit, that finds the joints of the main person in a square crop
    around them.

    The loss is the mean squared error of the joints' places, in units of `UNIT`.
    """

    def __init__(self, described: dict, joints: torch.Tensor, start: Path):
        """
        Args:
            described: timm's config.json of the ViT.
            joints: of the scenes, float32 (scenes, 18, 2), shares of the picture's side.
            start: folder of the saved vit.
        """
        super().__init__()
        self.described = described | {"joints": JOINTS}
        tower = timm.create_model(
            described["architecture"], num_classes=0, **described["model_args"]
        )
        tower.load_state_dict(load_file(start / "model.safetensors"))
        self.image = Joints(tower, JOINTS)
        nn.init.zeros_(self.image.linear.weight)
        nn.init.constant_(self.image.linear.bias, 0.5)  # the middle
        self.joints = joints

    def loss(self, images: torch.Tensor, rows: torch.Tensor, mirrored: torch.Tensor):
        joints = self.joints[rows]
        joints = torch.where(mirrored[:, None, None], limbs.mirrored(joints), joints)
        crops, places = cropped(images, joints)
        return F.mse_loss(self.image.places(crops), places) / UNIT**2

    def save(self, folder: Path) -> None:
        text = json.dumps(self.described, indent=1) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")
        save_file(self.image.state_dict(), folder / "model.safetensors")


def cropped(images: torch.Tensor, joints: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Square crops around people, of random size and place about the box of their joints, in the
    size of the pictures, and the joints as shares of the crops' sides.

    Args:
        images: float32 (batch, 3, size, size), -1 to 1; outside them it is black.
        joints: float32 (batch, 18, 2), shares of the picture's side.
    """
    seen = joints.clamp(0, 1)
    low, high = seen.amin(1), seen.amax(1)
    box = (high - low) * (1 + 2 * BODY)
    side = box.amax(1, keepdim=True).clamp_min(0.1) * (1 + 2 * MARGIN)
    side = side * (1 + JITTER * (2 * torch.rand_like(side) - 1))
    middle = (low + high) / 2 + side * JITTER * (torch.rand_like(low) - 0.5)
    corner = middle - side / 2
    places = (joints - corner[:, None]) / side[:, None]
    size = images.shape[-1]
    steps = (torch.arange(size) + 0.5) / size
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
    where = corner[:, None, None] + grid * side[:, None, None]
    crops = F.grid_sample(images + 1, 2 * where - 1, align_corners=False) - 1
    return crops, places
