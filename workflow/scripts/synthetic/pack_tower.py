"""Rule pack_tower: a pretrained tower as one small file for data/towers."""

from pathlib import Path

import numpy as np
import open_clip
import pandas as pd

from stillact.config.synthetic import Pretrain
from stillact.core import logs
from stillact.core.tables import read_csv
from stillact.synthetic import pretrain, shipped

with logs.job(snakemake.log[0]):
    tables = pd.concat([read_csv(table) for table in snakemake.input.tables])
    captions = pd.unique(tables[pretrain.CAPTIONS].to_numpy().ravel()).tolist()
    tokenize = open_clip.get_tokenizer("ViT-B-32", context_length=pretrain.CONTEXT)
    tokens = np.unique(tokenize([*captions, *snakemake.params.prompts]).numpy())
    settings = Pretrain(**snakemake.params.settings)
    tower, folder = snakemake.wildcards.tower, Path(snakemake.input.folder)
    shipped.pack(tower, folder, settings, tokens, Path(snakemake.output[0]))
