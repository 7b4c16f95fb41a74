# Needs: the answer of the study, and the photos of config.yaml (photos). Makes: results/deployed/, the
# model trained on all labelled photos; results/predict/ and results/export/. Nothing here is part of
# a study.


rule deploy:
    """Train the recommended model, or that of `deploy:`, on all labelled photos."""
    input:
        deployable_inputs(metas=True),
        answer=rules.answer.output.json,
        predictions=f"results/predictions/{MAIN}.csv",
        kfold=f"results/splits/{MAIN}/kfold.csv",
    output:
        record="results/deployed/model.json",
        weights="results/deployed/weights.safetensors",
    log:
        "results/logs/deploy.log",
    benchmark:
        "results/benchmarks/deploy.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: max([cfg.resources_of(cfg.models[m].recipe).threads for m in DEPLOYABLE], default=1)
    resources:
        gpu=gpu if any(cfg.recipe_of(m).gpu for m in DEPLOYABLE) else 0,
        mem_mb=scaled_by_attempt(
            max([cfg.resources_of(cfg.models[m].recipe).mem_mb for m in DEPLOYABLE], default=2000)
        ),
        runtime=scaled_by_attempt(240),
    params:
        models={model: refit_params(model) for model in DEPLOYABLE},
        deploy=cfg.deploy,
        accuracy=cfg.predict.accuracy,
        code=deployable_digest("inference/deploy.py"),
    message:
        "Training the deployed model on all labelled photos"
    script:
        "../scripts/inference/deploy.py"


rule find_photos:
    """List the input photos of a folder, or fetch those of a CSV into the cache."""
    input:
        listed=photos_listed,
    output:
        "results/predict/photos.csv",
    log:
        "results/logs/predict/find_photos.log",
    benchmark:
        "results/benchmarks/predict/find_photos.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        asked=photos_asked,
        code=digest_of("inference/find_photos.py"),
    message:
        "Listing the photos of {params.asked[photos]}"
    script:
        "../scripts/inference/find_photos.py"


if cfg.people.detector:

    rule predict_people:
        """Find the people in the input photos."""
        input:
            photos=rules.find_photos.output[0],
            record=rules.fetch_detector.output[0],
        output:
            "results/predict/people.csv",
        log:
            "results/logs/predict/predict_people.log",
        benchmark:
            "results/benchmarks/predict/predict_people.tsv"
        conda:
            "../../envs/backbones.yaml"
        threads: 2
        resources:
            gpu=gpu,
            mem_mb=scaled_by_attempt(4000),
            runtime=scaled_by_attempt(240),
        params:
            people=cfg.people.model_dump(),
            fetch=LIMITS,
            code=digest_of("inference/predict_people.py"),
        message:
            f"Finding people with {cfg.people.detector}"
        script:
            "../scripts/inference/predict_people.py"


# The people in the input photos, if the deployed model may need them.
PEOPLE_THERE = rules.predict_people.output[0] if any(map(cfg.looks_at_people, DEPLOYABLE)) else []


rule predict_photos:
    """Predictions of the deployed model for all input photos."""
    input:
        deployable_inputs(),
        used=rules.deploy.output.record,
        weights=rules.deploy.output.weights,
        photos=rules.find_photos.output[0],
        people=PEOPLE_THERE,
        kfold=rules.deploy.input.kfold,
    output:
        predictions="results/predict/predictions.csv",
        label_next="results/predict/label_next.csv",
    log:
        "results/logs/predict/ask_photos.log",
    benchmark:
        "results/benchmarks/predict/ask_photos.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(240),
    params:
        models=deployable_params(),
        fetch=LIMITS,
        code=deployable_digest("inference/predict_photos.py"),
    message:
        "Predicting"
    script:
        "../scripts/inference/predict_photos.py"


if cfg.sort_into:

    rule sort_photos:
        """Copy the input photos into one folder per predicted class."""
        input:
            photos=rules.find_photos.output[0],
            predictions=rules.predict_photos.output.predictions,
        output:
            update(local(f"{cfg.sort_into}/sorted.csv")),  # lists the copies to replace
        log:
            "results/logs/predict/sort_photos.log",
        benchmark:
            "results/benchmarks/predict/sort_photos.tsv"
        localrule: True
        conda:
            "../../envs/data.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
        params:
            target=folder_sorted_into,
            code=digest_of("inference/sort_photos.py"),
        message:
            f"Copying the photos into {cfg.sort_into}"
        script:
            "../scripts/inference/sort_photos.py"


rule gallery:
    """HTML page of selected photos with predictions and saliency maps."""
    input:
        deployable_inputs(),
        used=rules.deploy.output.record,
        weights=rules.deploy.output.weights,
        photos=rules.find_photos.output[0],
        predictions=rules.predict_photos.output.predictions,
        people=PEOPLE_THERE,
        template=[own(f"workflow/report/{name}") for name in ("gallery.html.j2", "report.css")],
    output:
        report(
            "results/predict/gallery.html",
            caption="../report/captions/gallery.rst",
            category="Prediction",
        ),
    log:
        "results/logs/predict/gallery.log",
    benchmark:
        "results/benchmarks/predict/gallery.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        models=deployable_params(),
        fetch=LIMITS,
        settings=dict(photos=cfg.predict.gallery, layers=cfg.explain.layers[0]),
        code=deployable_digest("inference/gallery.py"),
    message:
        "Writing {output}"
    script:
        "../scripts/inference/gallery.py"


rule export:
    """Export the deployed model: tensors, ONNX graph, example script and model card."""
    input:
        deployable_inputs(),
        used=rules.deploy.output.record,
        weights=rules.deploy.output.weights,
        predictions=rules.deploy.input.predictions,
        holdout=f"results/splits/{MAIN}/holdout.csv",
        manifest=rules.manifest.output[0],
        people=rules.people.output[0],
        detector=rules.fetch_detector.output[0] if cfg.people.detector else [],
        source=local(cfg.dataset.manifest),
        images=rules.fetch.output[0],
        factors=f"results/errors/{MAIN}/factors.csv" if cfg.tasks[MAIN].models else [],
        card=own("workflow/report/model_card.md.j2"),
        example=own("workflow/report/predict.py"),
    output:
        expand(
            "results/export/{file}",
            file=["README.md", "config.json", "model.onnx", "model.safetensors", "predict.py"]
            # empty for a model that looks at no person: none of an earlier export is left
            + (
                ["detector.onnx"]
                if any(map(cfg.looks_at_people, {*DEPLOYABLE, *cfg.candidates}))
                else []
            ),
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
        models=deployable_params(),
        people=cfg.people.model_dump(),
        dataset=cfg.dataset.model_dump(include={"name", "manifest", "cache"}),
        code=deployable_digest("inference/export.py"),
    message:
        "Exporting the model of {input.used}"
    script:
        "../scripts/inference/export.py"


# The modules of the app, and the licence of its runtime.
OF_APP = ["worker.mjs", "decoding.mjs", "containers.mjs", "colours.mjs", "preprocessing.mjs"]
OF_APP += ["resampling.mjs", "onnxruntime-web.LICENSE.txt"]


rule fetch_onnxruntime_web:
    """Fetch ONNX Runtime Web, the runtime of the app; needs the network."""
    output:
        expand(
            "results/export/app/{file}",
            file=["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"],
        ),
    log:
        "results/logs/fetch_onnxruntime_web.log",
    benchmark:
        "results/benchmarks/fetch_onnxruntime_web.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=digest_of("inference/fetch_onnxruntime_web.py"),
    message:
        "Fetching ONNX Runtime Web"
    script:
        "../scripts/inference/fetch_onnxruntime_web.py"


rule app:
    """Page that runs the exported model in the browser."""
    input:
        export=rules.export.output,
        used=rules.deploy.output.record,
        runtime=rules.fetch_onnxruntime_web.output,
        template=[
            own(f"workflow/report/{name}") for name in ("app.html.j2", "app.js", "report.css")
        ],
        files=[own(f"workflow/report/{name}") for name in OF_APP],
    output:
        page="results/export/app.html",
        files=expand("results/export/app/{file}", file=OF_APP),
    log:
        "results/logs/app.log",
    benchmark:
        "results/benchmarks/app.tsv"
    localrule: True
    conda:
        "../../envs/backbones.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=digest_of("inference/app.py"),
    message:
        "Writing {output.page}"
    script:
        "../scripts/inference/app.py"
