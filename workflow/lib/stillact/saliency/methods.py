"""Saliency maps of fine-tuned transformers by several methods, all of one shape.

LeGrad beside what it has to be compared with: attention rollout, which knows no class, Grad-CAM,
and a Gaussian in the middle of the photo, which knows nothing.
"""

import copy

import numpy as np
import torch

from stillact.recipes.fine_tune.setup import Classifier
from stillact.saliency import attention, legrad

BATCH = 16  # photos at a time
BASELINES = ("rollout", "grad_cam", "centre")
SPREAD = 0.25  # of the Gaussian: standard deviation over the photo's side


def method(layers: legrad.Layers) -> str:
    """LeGrad's name in tables: legrad_2, legrad_all."""
    return f"legrad_{layers}"


def maps(name: str, network: Classifier, images: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """What each photo's score for a class hangs on.

    Args:
        name: legrad_{layers}, or one of `BASELINES`.
        network: a fine-tuned transformer, left as found.
        images: normalised, float32 (photos, 3, size, size), on the network's device.
        classes: int64 (photos,): the class of each that is explained.

    Returns:
        float32 (photos, size, size), 0 to 1; 0 everywhere where a map is the same everywhere.

    Raises:
        InputError: as `attention.anatomy`.
    """
    pairs = zip(images.split(BATCH), classes.split(BATCH), strict=True)
    return np.concatenate([_maps(name, network, *pair) for pair in pairs])


def _maps(name: str, network: Classifier, images, classes) -> np.ndarray:
    match name:
        case "grad_cam":
            return grad_cam(network, images, classes)
        case "centre":
            return np.repeat(centre(images.shape[-1])[None], len(images), 0)
        case "rollout":
            flow = attention.rollout(network.backbone, images)[:, None]
            made = legrad.heat(flow, images.shape[-2:], pooled=False)
        case _:
            layers = name.removeprefix("legrad_")
            made = legrad.maps(
                network.backbone,
                images,
                lambda embeddings: network.logits(embeddings).gather(1, classes[:, None]),
                int(layers) if layers.isdigit() else "all",
            )
    return made[:, 0].cpu().numpy()


def grad_cam(network: Classifier, images: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """Grad-CAM (Selvaraju and others, arXiv 1610.02391) on the last block's first norm, where
    pytorch-grad-cam looks at ViTs: behind it only the class token is still read.

    Args and returns as `maps`.
    """
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    parts = attention.anatomy(network.backbone)
    watched = copy.deepcopy(network).requires_grad_(False)  # gradients that it would fill

    def grid(tokens: torch.Tensor) -> torch.Tensor:
        return parts.patches(tokens.transpose(1, 2), images)

    targets = [ClassifierOutputTarget(label) for label in classes.tolist()]
    layer = attention.anatomy(watched.backbone).norms[-1]
    with GradCAM(watched, [layer], reshape_transform=grid) as cam:
        return cam(images.detach().requires_grad_(), targets)


def centre(size: int) -> np.ndarray:
    """A Gaussian in the middle, float32 (size, size), 1 at most."""
    from_middle = (np.arange(size) - (size - 1) / 2) / size
    line = np.exp(-(from_middle**2) / (2 * SPREAD**2))
    return np.outer(line, line).astype(np.float32)


def randomised(network: Classifier, seed: int) -> Classifier:
    """A copy that has learnt nothing: each parameter's entries in random order.

    As the randomisation test asks for (Adebayo and others, arXiv 1810.03292): a map that stays the
    same explains the photo, not the model. Every parameter keeps its values' distribution.
    """
    made = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
    return made
