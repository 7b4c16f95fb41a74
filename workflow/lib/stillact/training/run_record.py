"""The record of a trained run: meta.json."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stillact.core.errors import InputError
from stillact.core.runs import Run
from stillact.core.tables import replacing

FILE = "meta.json"


class RunRecord(BaseModel):
    """What a run was trained with, and what it took.

    run: the run.
    device, threads, precision: of the training.
    seconds, peak_memory_mb: wall-clock time, and MiB.
    epochs: number of epochs; 0 without a training loop.
    chosen: values chosen on validation photos or inner folds, such as an epoch or a penalty.
    parameters: number of parameters of the network.
    versions: of packages, by name; None of one that is not installed.
    made_from: digest of what determines the run; "" for ensembles.
    config: its plan.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Run
    device: str
    threads: int
    precision: str
    seconds: float
    peak_memory_mb: int | float
    epochs: int
    chosen: dict[str, int | float]
    parameters: int
    versions: dict[str, str | None]
    made_from: str = ""
    config: dict[str, Any]

    @classmethod
    def read(cls, path: str | Path) -> "RunRecord":
        """Read a meta.json.

        Raises:
            InputError: it is damaged; names the file.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except ValidationError as error:
            raise InputError(
                f"{path} is damaged; delete it to train the run again ({error})"
            ) from None

    def write(self, path: Path) -> None:
        """Write it atomically."""
        with replacing(path) as part:
            part.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
