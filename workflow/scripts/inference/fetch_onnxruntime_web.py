"""Rule fetch_onnxruntime_web: the runtime of the app."""

from pathlib import Path

from stillact.core import logs
from stillact.inference import onnxruntime_web

with logs.job(snakemake.log[0]):
    outputs = [Path(path) for path in snakemake.output]
    members = [f"dist/{path.name}" for path in outputs]
    onnxruntime_web.take(onnxruntime_web.PACKAGE, members, outputs[0].parent)
