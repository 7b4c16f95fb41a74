"""The config.json of an exported model: preprocessing, thresholds and provenance."""

import importlib.metadata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import onnxscript
import torch

from stillact.config.training import Plan
from stillact.core.tables import read_csv
from stillact.inference.deployed import Deployed
from stillact.inference.export import inputs_of
from stillact.models.records import BackboneRecord

LAYOUT = "uint8 (batch, 3, size, size), RGB from 0 to 255; normalised in the graph"
TOOLS = (torch, onnx, onnxscript, onnxruntime)  # torch.onnx imports onnxscript
HALVES = dict(mean=[0.5] * 3, std=[0.5] * 3)  # normalisation of recipe from_scratch
EXCLUDED = {"classes": True, "texts": True}  # of a plan: they have their own keys
KEYS = ("loader", "name", "revision", "licence", "sha256")  # of a backbone

Part = tuple[Plan, Mapping[str, Path]]  # plan of a model, and the files that its setup reads


def described(
    used: Deployed, parts: Sequence[Part], written: Mapping[str, Any], detector: dict | None = None
) -> dict[str, Any]:
    """The contents of config.json.

    Args:
        used: the model.
        parts: the model itself, or the members of an ensemble; files by name: with a backbone its
            `record`; with embedded prompts `texts_index`.
        written: from `export.write`.
        detector: from `export_detector.write`, of a model that looks at people.
    """
    records = [BackboneRecord.read(files["record"]) for _, files in parts if "record" in files]
    different = list({record.backbone: record for record in records}.values())
    return {
        **{name: getattr(used.record, name) for name in ("task", "model", "recipe", "seed")},
        "classes": used.classes,
        "views": [
            {"input": name, **vars(how), **_normalisation(parts, records), "layout": LAYOUT}
            for name, how in zip(inputs_of(used), used.sees, strict=True)
        ],
        "detector": detector,
        "temperature": used.record.temperature,
        "threshold": used.record.threshold,
        "backbones": [
            {"source": _source(one.source), **{name: getattr(one, name) for name in KEYS}}
            for one in different
        ],
        "prompts": prompts(parts),
        "plan": used.plan.model_dump(exclude=_excluded(used.plan)),
        "export": dict(written),
        "versions": {tool.__name__: tool.__version__ for tool in TOOLS} | _versions(different),
    }


def _normalisation(parts: Sequence[Part], records: Sequence[BackboneRecord]) -> dict[str, Any]:
    """Mean and std of the pixels; of an ensemble each member has its own."""
    if len(parts) > 1:
        return {}
    return {name: getattr(records[0].facts, name) for name in HALVES} if records else HALVES


def _excluded(plan: Plan) -> dict[str, Any]:
    members = {name: {**EXCLUDED, "of": EXCLUDED} for name in getattr(plan, "members", {})}
    return {**EXCLUDED, "of": EXCLUDED} | ({"members": members} if members else {})


def prompts(parts: Sequence[Part]) -> dict[str, list[str]] | None:
    """The prompts of each class, if any part has some."""
    found: dict[str, list[str]] = {}
    for plan, files in parts:
        for name, texts in (_prompts(plan, files) or {}).items():
            found[name] = list(dict.fromkeys([*found.get(name, []), *texts]))
    return found or None


def _prompts(plan: Plan, files: Mapping[str, Path]) -> dict[str, list[str]] | None:
    base = getattr(plan, "of", plan)
    if texts := getattr(base, "texts", None):
        return texts
    if "texts_index" not in files:
        return None
    rows = read_csv(files["texts_index"])
    return {name: rows.loc[rows["class"] == name, "text"].tolist() for name in base.classes}


def _source(source: str) -> str:
    """The source of weights, without paths of this machine."""
    return source if source.startswith(("hub:", "pypi:")) else Path(source).name


def _versions(records: Iterable[BackboneRecord]) -> dict[str, str]:
    packages = {"open_clip": "open_clip_torch", "blazepose": "tflite", "timm_pose": "timm"}
    return {
        one.loader: importlib.metadata.version(packages.get(one.loader, one.loader))
        for one in records
    }
