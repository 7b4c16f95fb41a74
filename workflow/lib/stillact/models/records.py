"""The record of a backbone's weights: weights.json."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from stillact.data.preprocessing import Preprocessing


class Facts(BaseModel):
    """Metadata of a backbone, available without loading it.

    size, geometry, interpolation, crop: its `Preprocessing`.
    mean, std: of each channel in [0, 1], for the normalisation of pixels.
    embedding_width: width of the image embedding.
    logit_scale: factor of the cosine similarities; None without a text tower.
    has_text: whether it embeds texts.
    projects: whether its image tower ends in a linear projection.
    image_parameters: number of parameters of the image tower.
    blocks: number of transformer blocks of the image tower.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    geometry: str
    interpolation: str
    crop: float
    mean: list[float]
    std: list[float]
    embedding_width: int
    logit_scale: float | None
    has_text: bool
    projects: bool
    image_parameters: int
    blocks: int

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.size, self.geometry, self.interpolation, self.crop)


class BackboneRecord(BaseModel):
    """The record of a backbone's weights.

    backbone: its name in the config.
    tensors: how the file's tensors are assigned to those of the architecture.
    source, revision, licence: origin of the weights.
    folder: location of the weights.
    files: name, bytes and sha256 of each file.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    backbone: str
    folder: str
    facts: Facts
    loader: str
    name: str
    tensors: Literal["name", "order"] = "name"
    source: str = ""
    revision: str | None = None
    licence: str | None = None
    files: list[dict[str, Any]] = []
    bytes: int = 0
    sha256: str = ""

    @classmethod
    def read(cls, path: Path) -> "BackboneRecord":
        """Read a record from a file."""
        return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
