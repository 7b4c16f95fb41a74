"""Rule app: a page that runs the exported model in the browser."""

import json
import shutil
from pathlib import Path

from stillact.core import logs
from stillact.core.tables import replacing
from stillact.inference import app
from stillact.inference.deployed import Record

with logs.job(snakemake.log[0]):
    source = snakemake.input
    graphs = [Path(file) for file in source.export if file.endswith(".onnx")]
    app.check_size(graphs)
    used = Record.model_validate_json(Path(source.used).read_text(encoding="utf-8"))
    (config,) = (Path(file) for file in source.export if file.endswith("config.json"))
    classes = json.loads(config.read_text(encoding="utf-8"))["classes"]
    runtime = [Path(file) for file in source.runtime if file.endswith(".wasm")]
    for file, target in zip(source.files, snakemake.output.files, strict=True):
        shutil.copyfile(file, target)
    page = app.build(used, classes, [*graphs, *runtime], Path(source.template[0]))
    with replacing(snakemake.output.page) as part:
        part.write_text(page, encoding="utf-8")
