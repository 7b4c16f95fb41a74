"""stillact: human activity recognition in still images.

`snakemake --cores 4 --resources gpu=1` makes the report and all its inputs; any file under
results/, or one of the named targets below, can be requested separately.
"""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


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


include: "workflow/rules/runs.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/synthetic.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/tables.smk"


if cfg.paper:

    include: "workflow/rules/paper.smk"


include: "workflow/rules/saliency.smk"
include: "workflow/rules/perturb.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/review.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/planning.smk"
include: "workflow/rules/terminal.smk"


onstart:
    gpu()  # its error comes before anything is done
    cancel_left_jobs()
    STUDY.write()
    if cfg.labelled and cfg.device == "auto" and gpu():
        logger.info(labelled_photos.HINT)


onerror:
    tell_ended_jobs()


onsuccess:
    tell_ended_jobs()
    run_dirs.clear(Path("results/unfinished"))


rule all:
    """The report of the study, the photos to check, and all their inputs (default target)."""
    default_target: True
    input:
        rules.report.output,
        rules.review.output if cfg.candidates else [],


rule data:
    """Fetch and check the photos, without training."""
    input:
        rules.table_1.output,
        rules.figure_1.output,
        rules.figure_2.output,
        rules.audit.output,


rule runs:
    """Train all models and compute their metrics, without the report."""
    input:
        rules.metrics.output,


rule predict:
    """Predictions and gallery for unlabelled photos, by the deployed model."""
    input:
        rules.predict_photos.output,
        rules.gallery.output,
        rules.sort_photos.output[0] if cfg.sort_into else [],


rule sweep:
    """The sensitivity of models to their settings (`sweep` in the config)."""
    input:
        analyses_of_sweep,


rule weights:
    """Fetch the pretrained weights of the study's models; needs the network."""
    input:
        expand("results/backbones/{backbone}/weights.json", backbone=STARTED_FROM),
