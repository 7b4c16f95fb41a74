"""A deployed ensemble: its members, and the vote that combines their predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from stillact.core.runs import SMALLEST
from stillact.data.preprocessing import Preprocessing
from stillact.models.features import joined
from stillact.training import trained
from stillact.training.trained import Trained

VOTE = "vote."  # prefix of the vote's tensors; those of a member are prefixed by its number


class Combine(nn.Module):
    """The vote, as `vote.Vote`, on the members' logits."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor):
        super().__init__()
        self.register_buffer("weight", weight.double())
        self.register_buffer("bias", bias.double())

    def forward(self, logits: Sequence[torch.Tensor]) -> torch.Tensor:
        """The logits of the ensemble, float64 (photos, classes), of the members' (photos, classes)
        each."""
        logs = [one.double().log_softmax(1).clamp_min(float(np.log(SMALLEST))) for one in logits]
        return torch.cat(logs, 1) @ self.weight.T + self.bias


@dataclass(frozen=True)
class Ensemble:
    """An ensemble of trained models, as a `Trained`.

    members: trained models.
    combine: the vote.
    """

    members: tuple[Trained, ...]
    combine: Combine

    @property
    def sees(self) -> tuple[Preprocessing, ...]:
        """Preprocessing of each view of a photo that any member takes, without repetition."""
        return tuple(dict.fromkeys(how for member in self.members for how in member.sees))

    def views_of(self, member: Trained, views: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Those of the ensemble's views that a member takes, in its order."""
        return [views[self.sees.index(how)] for how in member.sees]

    def probabilities(self, *views: torch.Tensor) -> np.ndarray:
        """Predict the probability of each class, float64 (photos, classes).

        Args:
            views: of the photos, uint8 (photos, 3, size, size), RGB, as in `sees`.
        """
        return self.predicted(*views)[0]

    @torch.no_grad()
    def predicted(self, *views: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """`probabilities`, and the features of the members that have some, `joined`."""
        alike: dict[str, list[int]] = {}  # members on the same features, which are computed once
        for place, member in enumerate(self.members):
            alike.setdefault(member.shared or str(place), []).append(place)
        by_place = {}
        for places in alike.values():
            runs = [self.members[place] for place in places]
            photos = torch.cat(self.views_of(runs[0], views), 1)
            by_place |= zip(places, trained.predicted(runs, photos), strict=True)
        found = [by_place[place] for place in range(len(self.members))]
        device = self.combine.weight.device
        logs = [torch.from_numpy(one).clamp_min(SMALLEST).log().to(device) for one, _ in found]
        features = [one for _, one in found if one is not None]
        combined = self.combine(logs).softmax(1).cpu().numpy()
        return combined, joined(features) if features else None


def apart(tensors: Mapping[str, torch.Tensor], count: int) -> list[dict[str, torch.Tensor]]:
    """The tensors of each of `count` members, and last those of the vote, out of one file."""
    return [
        {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
        for start in (*(f"{place}." for place in range(count)), VOTE)
    ]


def together(
    members: Sequence[Mapping[str, torch.Tensor]], vote: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors of the members and of the vote, for one file."""
    parts = {f"{place}.": tensors for place, tensors in enumerate(members)} | {VOTE: vote}
    return {start + name: t for start, tensors in parts.items() for name, t in tensors.items()}
