"""Saliency maps of fine-tuned transformers by several methods, with a common interface.

LeGrad and its baselines: attention rollout, which does not depend on the class, Grad-CAM, and a
Gaussian centred on the photo, which does not depend on the model.
"""

import copy

import numpy as np
import torch

from stillact.recipes.fine_tune.setup import Classifier
from stillact.saliency import attention, legrad

BATCH = 16  # photos at a time
BASELINES = ("rollout", "grad_cam", "centre")
SPREAD = 0.25  # of the Gaussian: standard deviation as a share of the photo's side


def method(layers: legrad.Layers) -> str:
    """LeGrad's name in tables: legrad_2, legrad_all."""
    return f"legrad_{layers}"


def maps(name: str, network: Classifier, images: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """The saliency map of each photo for one class.

    Args:
        name: legrad_{layers}, or one of `BASELINES`.
        network: a fine-tuned transformer; not changed.
        images: normalised, float32 (photos, 3, size, size), on the network's device.
        classes: int64 (photos,): the class to explain per photo.

    Returns:
        float32 (photos, size, size), 0 to 1; a constant map is 0.

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
    """Grad-CAM (Selvaraju and others, arXiv 1610.02391) on the last block's first norm, as
    pytorch-grad-cam recommends for ViTs: after it only the class token is used.

    Args and returns as `maps`.
    """
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    parts = attention.anatomy(network.backbone)
    copied = copy.deepcopy(network).requires_grad_(False)  # it would fill the network's gradients

    def grid(tokens: torch.Tensor) -> torch.Tensor:
        return parts.patches(tokens.transpose(1, 2), images)

    targets = [ClassifierOutputTarget(label) for label in classes.tolist()]
    layer = attention.anatomy(copied.backbone).norms[-1]
    with GradCAM(copied, [layer], reshape_transform=grid) as cam:
        return cam(images.detach().requires_grad_(), targets)


def centre(size: int) -> np.ndarray:
    """A centred Gaussian, float32 (size, size), 1 at most."""
    from_middle = (np.arange(size) - (size - 1) / 2) / size
    line = np.exp(-(from_middle**2) / (2 * SPREAD**2))
    return np.outer(line, line).astype(np.float32)


def randomised(network: Classifier, seed: int) -> Classifier:
    """A copy with randomised weights: each parameter's entries in random order.

    For the parameter randomisation test (Adebayo and others, arXiv 1810.03292): a map that does not
    change explains the photo, not the model. Every parameter keeps its distribution of values.
    """
    made = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
    return made
