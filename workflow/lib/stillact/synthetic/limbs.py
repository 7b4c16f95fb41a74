"""Positions of a person's limbs per patch of a picture, as training targets for a ViT.

Joints are float32 (scenes, 18, 2), column and row as shares of the picture's side, in the order of
`synthetic.captioned.JOINTS`.
"""

import torch

# Limbs as pairs of joints, left and right combined; joints are numbered as in the scenes' arrays.
PELVIS, CHEST, NECK, SKULL, LEFT, RIGHT = 0, 1, 2, 3, 4, 11
HIP, KNEE, ANKLE, TOE, SHOULDER, ELBOW, HAND = range(7)
LIMBS = [[(NECK, SKULL)], [(PELVIS, CHEST)]]
LIMBS += [
    [(side + a, side + b) for side in (LEFT, RIGHT)]
    for a, b in [(SHOULDER, ELBOW), (ELBOW, HAND), (HIP, KNEE), (KNEE, ANKLE), (ANKLE, TOE)]
]
MIRRORED = [*range(LEFT), *range(RIGHT, 18), *range(LEFT, RIGHT)]


def fields(joints: torch.Tensor, grid: int, points: int = 6) -> torch.Tensor:
    """Length and direction of each kind of limb in each patch; similar to the part affinity fields
    of OpenPose (arXiv 1611.08050), with undirected orientations.

    Args:
        joints: (scenes, 18, 2), shares of the picture's side.
        grid: patches per side.
        points: sample points per limb, each distributed over the four nearest patches.

    Returns:
        (scenes, grid * grid, 3 * 7): for each of LIMBS, its length in the patch in units of the
        patch side, and that times the cosine and sine of twice its angle (clockwise from right).
    """
    lengths = torch.zeros(len(joints), len(LIMBS), 3, grid * grid)
    for kind, limbs in enumerate(LIMBS):
        for a, b in limbs:
            along = joints[:, b] - joints[:, a]
            twice = 2 * torch.atan2(along[:, 1], along[:, 0])
            values = torch.stack([torch.ones_like(twice), twice.cos(), twice.sin()], dim=1)
            values = values * (along.norm(dim=1) * grid / points)[:, None]
            for point in range(points):
                place = (joints[:, a] + along * ((point + 0.5) / points)) * grid - 0.5
                _share_out(lengths[:, kind], values, place, grid)
    return lengths.flatten(1, 2).transpose(1, 2).contiguous()


def _share_out(field: torch.Tensor, values: torch.Tensor, place: torch.Tensor, grid: int) -> None:
    """Add values (scenes, 3) bilinearly to a field (scenes, 3, patches) at places (scenes, 2)."""
    corner = place.floor()
    rest = place - corner
    for right in (0, 1):
        for below in (0, 1):
            cell = corner.long() + torch.tensor([right, below])
            share = (rest if right else 1 - rest)[:, 0] * (rest if below else 1 - rest)[:, 1]
            inside = ((cell >= 0) & (cell < grid)).all(dim=1)
            column, row = cell.clamp(0, grid - 1).unbind(dim=1)
            index = (row * grid + column)[:, None, None].expand(-1, 3, 1)
            field.scatter_add_(2, index, (values * (share * inside)[:, None])[..., None])


def mirrored_fields(field: torch.Tensor, grid: int) -> torch.Tensor:
    """Convert the result of `fields` to that of the mirrored pictures."""
    signs = torch.tensor([1.0, 1.0, -1.0]).repeat(len(LIMBS))
    return field.unflatten(1, (grid, grid)).flip(2).flatten(1, 2) * signs


def mirrored(joints: torch.Tensor) -> torch.Tensor:
    """The joints of the mirrored pictures, with left and right exchanged."""
    return torch.stack([1 - joints[..., 0], joints[..., 1]], dim=-1)[:, MIRRORED]
