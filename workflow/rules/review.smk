# Needs: the predictions and the answer. Makes: results/review.html, the page of photos to check. The
# rule correct applies what was saved on it to the labelled photos themselves.


rule review:
    """Page of the photos whose labels may be wrong, in the order in which to check them."""
    input:
        predictions=f"results/predictions/{MAIN}.csv",
        answer=rules.answer.output.json,
        images=rules.fetch.output[0],
        template=[
            own(f"workflow/report/{name}")
            for name in ("review.html.j2", "review.js", "report.css")
        ],
    output:
        html=report(
            "results/review.html",
            caption="../report/captions/review.rst",
            category="Errors",
        ),
        csv="results/review.csv",
    log:
        "results/logs/review.log",
    benchmark:
        "results/benchmarks/review.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        cache=cfg.dataset.cache,
        classes=cfg.tasks[MAIN].classes,
        # A function: in a text, Snakemake reads the braces of a path as a wildcard.
        options=lambda wildcards: STUDY.options,
        code=digest_of("report/review.py"),
    message:
        "Writing {output.html}"
    script:
        "../scripts/report/review.py"


rule correct:
    """Correct the labels of the user's own photos; needs `corrections`."""
    input:
        corrections=corrections_given,
    output:
        "results/corrected.csv",
    log:
        "results/logs/correct.log",
    benchmark:
        "results/benchmarks/correct.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        photos=cfg.dataset.manifest,
        classes=cfg.dataset.classes,
        writable=is_of_user(cfg.dataset.manifest),
        code=digest_of("data/correct.py"),
    message:
        "Correcting the labels of {params.photos}"
    script:
        "../scripts/data/correct.py"
