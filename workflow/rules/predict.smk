# Needs: the model that rule use names, the photos of config.yaml (photos). Makes: results/predict/.
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
        code=code("inference/find_photos.py"),
    message:
        "Looking for photos in {params[0][photos]}"
    script:
        "../scripts/inference/find_photos.py"


rule ask_photos:
    """Ask the model that is used about every photo."""
    input:
        usable_inputs(),
        used=rules.use.output[0],
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
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        dict(models=usable_params(), fetch=LIMITS),
        code=usable_code("inference/ask_photos.py"),
    message:
        "Asking about the photos"
    script:
        "../scripts/inference/ask_photos.py"


rule gallery:
    """Some of the photos on a page: the answers, and what they hang on."""
    input:
        usable_inputs(),
        used=rules.use.output[0],
        photos=rules.find_photos.output[0],
        predictions=rules.ask_photos.output[0],
        template=own("workflow/report/gallery.html.j2", "workflow/report/report.css"),
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
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        dict(
            models=usable_params(),
            fetch=LIMITS,
            photos=cfg.predict.gallery,
            layers=cfg.explain.layers[0],
        ),
        code=usable_code("inference/gallery.py"),
    message:
        "Writing {output}"
    script:
        "../scripts/inference/gallery.py"
