"""Where a person's limbs lie in a picture, told patch by patch: what a ViT can learn from.

Joints are float32 (scenes, 18, 2), column and row as shares of the picture's side, in the order of
`synthetic.captioned.JOINTS`.
"""

import torch

# Limbs as pairs of joints, left and right alike; joints are numbered as in the scenes' arrays.
PELVIS, CHEST, NECK, SKULL, LEFT, RIGHT = 0, 1, 2, 3, 4, 11
HIP, KNEE, ANKLE, TOE, SHOULDER, ELBOW, HAND = range(7)
LIMBS = [[(NECK, SKULL)], [(PELVIS, CHEST)]]
LIMBS += [
    [(side + a, side + b) for side in (LEFT, RIGHT)]
    for a, b in [(SHOULDER, ELBOW), (ELBOW, HAND), (HIP, KNEE), (KNEE, ANKLE), (ANKLE, TOE)]
]
MIRRORED = [*range(LEFT), *range(RIGHT, 18), *range(LEFT, RIGHT)]


def fields(joints: torch.Tensor, grid: int, points: int = 6) -> torch.Tensor:
    """How much of each kind of limb lies in each patch, and along which direction; after the part
    affinity fields of OpenPose (arXiv 1611.08050), with directions that do not tell ends apart.

    Args:
        joints: (scenes, 18, 2), shares of the picture's side.
        grid: patches a side.
        points: how many on each limb are shared out among the four patches around them.

    Returns:
        (scenes, grid * grid, 3 * 7): of each of LIMBS, its length in the patch in sides of a
        patch, and that times the cosine and sine of twice its angle (clockwise from rightwards).
    """
    lengths = torch.zeros(len(joints), len(LIMBS), 3, grid * grid)
    for kind, limbs in enumerate(LIMBS):
        for a, b in limbs:
            along = joints[:, b] - joints[:, a]
            twice = 2 * torch.atan2(along[:, 1], along[:, 0])
            told = torch.stack([torch.ones_like(twice), twice.cos(), twice.sin()], dim=1)
            told = told * (along.norm(dim=1) * grid / points)[:, None]
            for point in range(points):
                place = (joints[:, a] + along * ((point + 0.5) / points)) * grid - 0.5
                _share_out(lengths[:, kind], told, place, grid)
    return lengths.flatten(1, 2).transpose(1, 2).contiguous()


def _share_out(field: torch.Tensor, told: torch.Tensor, place: torch.Tensor, grid: int) -> None:
    """Add (scenes, 3) to a field (scenes, 3, patches) at places (scenes, 2) between patches."""
    corner = place.floor()
    rest = place - corner
    for right in (0, 1):
        for below in (0, 1):
            cell = corner.long() + torch.tensor([right, below])
            share = (rest if right else 1 - rest)[:, 0] * (rest if below else 1 - rest)[:, 1]
            inside = ((cell >= 0) & (cell < grid)).all(dim=1)
            column, row = cell.clamp(0, grid - 1).unbind(dim=1)
            index = (row * grid + column)[:, None, None].expand(-1, 3, 1)
            field.scatter_add_(2, index, (told * (share * inside)[:, None])[..., None])


def mirrored_fields(made: torch.Tensor, grid: int) -> torch.Tensor:
    """What `fields` gives for the mirrored pictures, from what it gave for the pictures."""
    signs = torch.tensor([1.0, 1.0, -1.0]).repeat(len(LIMBS))
    return made.unflatten(1, (grid, grid)).flip(2).flatten(1, 2) * signs


def mirrored(joints: torch.Tensor) -> torch.Tensor:
    """The joints of the mirrored pictures: left ones are right ones there."""
    return torch.stack([1 - joints[..., 0], joints[..., 1]], dim=-1)[:, MIRRORED]
