# Input: the model selected by rule deploy, the test photos, the predictions table. Output:
# results/export/, that model as files independent of this project. Not part of `rule all`: run
# `snakemake export`.


rule export:
    """Export the deployed model: tensors, ONNX graph, example script and model card."""
    input:
        deployable_inputs(),
        used=rules.deploy.output[0],
        metas=[f"{run.folder}/meta.json" for run in cfg.runs_of(MAIN) if run.split == "holdout"],
        predictions=rules.deploy.input.predictions,
        holdout=f"results/splits/{MAIN}/holdout.csv",
        manifest=rules.manifest.output[0],
        source=local(cfg.dataset.manifest),
        images=rules.fetch.output[0],
        factors=f"results/errors/{MAIN}/factors.csv" if cfg.tasks[MAIN].models else [],
        card=own("workflow/report/model_card.md.j2"),
        example=own("workflow/report/predict.py"),
    output:
        expand(
            "results/export/{file}",
            file=["README.md", "config.json", "model.onnx", "model.safetensors", "predict.py"],
        ),
    log:
        "results/logs/export.log",
    benchmark:
        "results/benchmarks/export.tsv"
    conda:
        "../../envs/export.yaml"
    threads: 2
    resources:
        mem_mb=scaled_by_attempt(12000),
        runtime=scaled_by_attempt(60),
    params:
        dict(
            models=deployable_params(),
            dataset=cfg.dataset.model_dump(include={"name", "manifest", "cache"}),
        ),
        code=deployable_digest("inference/export.py"),
    message:
        "Exporting the model of {input.used}"
    script:
        "../scripts/inference/export.py"
