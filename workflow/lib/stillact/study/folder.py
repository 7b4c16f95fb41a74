"""The study that the files under results/ belong to."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from stillact.core.errors import InputError
from stillact.core.tables import replacing
from stillact.study.config import Config

RECORD = Path("results/study.json")


class Study(BaseModel):
    """What identifies a study, and the config files of its last run.

    name: of the dataset.
    manifest: path as in the config, or relative to the workflow's own folder if it lies there.
    labelled: whether it was given as `labelled`.
    configfiles: without the folder's own config.yaml.
    """

    name: str
    manifest: str
    configfiles: list[str]
    labelled: bool = False

    @classmethod
    def of(cls, config: Config, configfiles: Sequence[str | Path], root: Path) -> "Study":
        """The study of a config.

        Args:
            config: of the study.
            configfiles: as given to Snakemake.
            root: the workflow's own folder.
        """
        manifest = Path(config.dataset.manifest)
        if (absolute := Path(os.path.abspath(manifest))).is_relative_to(root):
            manifest = absolute.relative_to(root)
        files = [_near(Path(file)) for file in configfiles if str(file) != "config.yaml"]
        return cls(
            name=config.dataset.name,
            manifest=str(manifest),
            configfiles=files,
            labelled=config.labelled is not None,
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.manifest})"

    @property
    def options(self) -> str:
        """The options of Snakemake that name this study; '' if it is that of config.yaml. After
        `--config`, which is the last, more keys may follow."""
        options = [f"--configfile {' '.join(self.configfiles)}"] if self.configfiles else []
        if self.labelled:
            options.append(f"--config labelled={shlex.quote(self.manifest)}")
        return " ".join(options)

    def check(self, record: Path = RECORD) -> None:
        """Check that the results in this folder are of this study, or that there are none.

        Raises:
            InputError: they are of another study; names both, and the options that continue it.
        """
        try:
            there = Study.model_validate_json(record.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValidationError) as error:
            raise InputError(f"{record}: cannot be read; delete it ({error})") from None
        if (there.name, there.manifest) == (self.name, self.manifest):
            return
        given = there.options or "no other"
        raise InputError(
            f"{record.parent}/ is of the study {there}, and the config of this command is of "
            f"{self}. To continue {there.name}, use its config ({given}). To run {self.name}, use "
            f"a folder of its own (--directory). To replace the results of {there.name}, delete "
            f"{record}."
        )

    def write(self, record: Path = RECORD) -> None:
        """Record that the results in this folder are of this study."""
        with replacing(record) as part:
            Path(part).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _near(path: Path) -> str:
    """Relative to the working directory, if the file is in it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
