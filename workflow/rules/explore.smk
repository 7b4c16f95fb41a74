# Input: results/data/, the holdout split. Output: Table 1, Figures 1 and 2, the data audit.


rule table_1:
    """Table of counts, shares and sizes of the photos per class."""
    input:
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
    output:
        csv=report(
            "results/tables/table_1.csv",
            caption="../report/captions/table.rst",
            category="Tables",
        ),
        md="results/tables/table_1.md",
        tex="results/tables/table_1.tex",
    log:
        "results/logs/table_1.log",
    benchmark:
        "results/benchmarks/table_1.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        dict(classes=cfg.dataset.classes),
        code=digest_of("data/table_1.py"),
    message:
        "Counting photos per class"
    script:
        "../scripts/data/table_1.py"


rule figure_1:
    """Figure of example photos of each class."""
    input:
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
    output:
        report(
            "results/figures/figure_1.png",
            caption="../report/captions/examples.rst",
            category="Photos",
        ),
    log:
        "results/logs/figure_1.log",
    benchmark:
        "results/benchmarks/figure_1.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        dict(
            classes=cfg.dataset.classes, cache=cfg.dataset.cache, seed=cfg.splits.seed, per_class=4
        ),
        code=digest_of("figures/figure_1.py"),
    message:
        "Drawing examples of each class"
    script:
        "../scripts/figures/figure_1.py"


rule figure_2:
    """Figure of sizes and aspect ratios of the photos."""
    input:
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
    output:
        png="results/figures/figure_2.png",
        svg=report(
            "results/figures/figure_2.svg",
            caption="../report/captions/sizes.rst",
            category="Photos",
        ),
    log:
        "results/logs/figure_2.log",
    benchmark:
        "results/benchmarks/figure_2.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        dict(classes=cfg.dataset.classes),
        code=digest_of("figures/figure_2.py"),
    message:
        "Drawing the sizes of the photos"
    script:
        "../scripts/figures/figure_2.py"


rule audit:
    """Audit of duplicates, in particular across subsets of the split."""
    input:
        manifest=rules.manifest.output[0],
        duplicates=rules.duplicates.output[0],
        holdout=f"results/splits/{cfg.main_task}/holdout.csv",
    output:
        report(
            "results/data/audit.csv",
            caption="../report/captions/audit.rst",
            category="Photos",
        ),
    log:
        "results/logs/audit.log",
    benchmark:
        "results/benchmarks/audit.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("data/audit.py"),
    message:
        "Auditing duplicates across the split"
    script:
        "../scripts/data/audit.py"
