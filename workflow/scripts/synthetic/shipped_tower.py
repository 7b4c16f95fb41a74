"""Rule shipped_tower: a tower of data/towers as the files that open_clip and timm read."""

from pathlib import Path

from stillact.config.synthetic import Pretrain
from stillact.core import logs
from stillact.synthetic import shipped

with logs.job(snakemake.log[0]):
    settings = Pretrain(**snakemake.params.settings)
    tower = snakemake.wildcards.tower
    shipped.unpack(tower, Path(snakemake.input[0]), settings, Path(snakemake.output[0]))
