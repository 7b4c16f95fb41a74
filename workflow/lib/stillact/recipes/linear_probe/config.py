"""Config and plan of linear_probe: logistic regression on a backbone's embeddings."""

from typing import Literal

from stillact.config.backbones import BackboneName
from stillact.config.training import LinearProbe, Plan, Views, embeddings, record
from stillact.config.types import Label


class LinearProbeModel(Views):
    recipe: Literal["linear_probe"]
    backbone: BackboneName


class LinearProbePlan(LinearProbeModel, Plan):
    classes: list[Label]
    training: LinearProbe

    @property
    def packages(self) -> tuple[str, ...]:
        return (*super().packages, "scikit-learn")

    @property
    def shared_features(self) -> str:
        return self.features_of(self.backbone)

    def reads(self) -> dict[str, str]:
        return record(self.backbone) | embeddings(self.backbone, self.sees, self.mirror)


PLAN = LinearProbePlan
