# Needs: the model that rule deploy names, the photos of config.yaml (photos). Makes: results/predict/.
# Nothing here is part of a study.

# The limits of photos, and not how they are fetched: that changes no answer.
LIMITS = cfg.fetch.model_dump(include={"max_bytes", "max_pixels"})


rule find_photos:
    """List the photos of a folder, or fetch those of a CSV into the cache."""
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
        photos_asked,
        code=digest_of("inference/find_photos.py"),
    message:
        "Looking for photos in {params[0][photos]}"
    script:
        "../scripts/inference/find_photos.py"


rule predict_photos:
    """Ask the model that is used about every photo."""
    input:
        deployable_inputs(),
        used=rules.deploy.output[0],
        photos=rules.find_photos.output[0],
    output:
        "results/predict/predictions.csv",
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
        dict(models=deployable_params(), fetch=LIMITS),
        code=deployable_digest("inference/predict_photos.py"),
    message:
        "Asking about the photos"
    script:
        "../scripts/inference/predict_photos.py"


rule gallery:
    """Some of the photos on a page: the answers, and what they hang on."""
    input:
        deployable_inputs(),
        used=rules.deploy.output[0],
        photos=rules.find_photos.output[0],
        predictions=rules.predict_photos.output[0],
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
        dict(
            models=deployable_params(),
            fetch=LIMITS,
            photos=cfg.predict.gallery,
            layers=cfg.explain.layers[0],
        ),
        code=deployable_digest("inference/gallery.py"),
    message:
        "Writing {output}"
    script:
        "../scripts/inference/gallery.py"
