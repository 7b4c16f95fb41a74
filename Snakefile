"""stillact: how well a single still photograph tells what a person is doing.

The map of the study. `snakemake --cores 4 --resources gpu=1` makes the report and all it reads;
any file under results/, or one of the named targets below, can be asked for alone.
"""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


# A study's own config, which needs to hold only what differs from the shipped config.yaml.
if Path("config.yaml").exists():

    configfile: "config.yaml"


include: "workflow/rules/common.smk"


wildcard_constraints:
    task="|".join(cfg.tasks),
    model="[a-z][a-z0-9_]*",
    split=r"holdout|shuffled|cv_\d+_\d+",
    seed=r"\d+",
    geometry="resize_crop|letterbox",
    size=r"\d+",
    backbone="|".join(cfg.backbones),
    prompts="|".join(cfg.prompts),


include: "workflow/rules/data.smk"
include: "workflow/rules/explore.smk"
include: "workflow/rules/splits.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/backbones.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/cover.smk"
include: "workflow/rules/errors.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/plan.smk"


onsuccess:
    run_dirs.clear(Path("results/unfinished"))


rule all:
    default_target: True
    input:
        rules.report.output,


rule data:
    """Photos fetched and judged, no model trained."""
    input:
        rules.table_1.output,
        rules.figure_1.output,
        rules.figure_2.output,
        rules.audit.output,


rule runs:
    """All trainings and their metrics, no report."""
    input:
        rules.metrics.output,


rule predict:
    """Photos that nobody has labelled, answered by the model that is used; not part of a study."""
    input:
        rules.predict_photos.output,
        rules.gallery.output,


rule weights:
    """The pretrained weights that the study's models start from, in the cache; needs the network."""
    input:
        expand(rules.fetch_weights.output, backbone=STARTED_FROM),
