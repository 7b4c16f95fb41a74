# Needs: the manifest that config.yaml names. Makes: the photos in the cache, results/data/ and
# results/splits/; figures and tables of the photos.


rule curate:
    """Select photos and labels from COCO's caption and instance annotations."""
    output:
        manifest=local("results/curate/manifest.csv"),
        others=local("results/curate/others.csv"),
    log:
        "results/logs/curate.log",
    benchmark:
        "results/benchmarks/curate.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        curate=cfg.curate.model_dump(),
        local_dirs=cfg.dataset.local_dirs,
        cache=cfg.dataset.cache,
        code=digest_of("data/curate.py"),
    message:
        "Curating manifests from COCO's annotations"
    script:
        "../scripts/data/curate.py"


rule manifest:
    """Validate and normalise the user's manifest."""
    input:
        manifest=local(cfg.dataset.manifest),
    output:
        "results/data/manifest.csv",
    log:
        "results/logs/manifest.log",
    benchmark:
        "results/benchmarks/manifest.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        options=dict(classes=cfg.dataset.classes, group_by=cfg.dataset.group_by),
        tasks=[cfg.tasks[task].classes for task in cfg.tasks],
        splits=cfg.splits.model_dump(),
        content=STUDIED["manifest"],
        code=digest_of("data/manifest.py"),
    message:
        "Checking {input.manifest}"
    script:
        "../scripts/data/manifest.py"


rule fetch:
    """Fetch all photos of the manifest into the cache, in one job."""
    input:
        manifest=rules.manifest.output[0],
    output:
        "results/data/images.csv",
    log:
        "results/logs/fetch.log",
    benchmark:
        "results/benchmarks/fetch.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        fetch=cfg.fetch.model_dump(),
        dataset=cfg.dataset.model_dump(),
        base=str(source.base(cfg.dataset.manifest)),
        photos=STUDIED["photos"],
        code=digest_of("data/fetch.py"),
    message:
        "Fetching the photos of {input.manifest} into {params.dataset[cache]}"
    script:
        "../scripts/data/fetch.py"


rule pack:
    """Decode and resize all photos into one array for training."""
    input:
        images=rules.fetch.output[0],
    output:
        array="results/data/pack/{geometry}_{size}.npy",
        index="results/data/pack/{geometry}_{size}.csv",
    log:
        "results/logs/pack/{geometry}_{size}.log",
    benchmark:
        "results/benchmarks/pack/{geometry}_{size}.tsv"
    group:
        "pack"
    conda:
        "../../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(120),
    params:
        cache=cfg.dataset.cache,
        code=digest_of("data/pack.py"),
    message:
        "Packing the photos to {wildcards.size} px, {wildcards.geometry}"
    script:
        "../scripts/data/pack.py"


rule duplicates:
    """Find exact and near-duplicate photos."""
    input:
        images=rules.fetch.output[0],
    output:
        "results/data/duplicates.csv",
    log:
        "results/logs/duplicates.log",
    benchmark:
        "results/benchmarks/duplicates.tsv"
    group:
        "pack"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(60),
    params:
        cache=cfg.dataset.cache,
        max_distance=cfg.duplicates.max_distance,
        code=digest_of("data/duplicates.py"),
    message:
        "Finding duplicate photos"
    script:
        "../scripts/data/duplicates.py"


rule table_1:
    """Table of counts, shares and sizes of the photos per class."""
    input:
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
    output:
        csv=report(
            "results/tables/table_1.csv",
            caption="../report/captions/photos.rst",
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
        classes=cfg.dataset.classes,
        of_paper=cfg.of_paper,
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
        classes=cfg.dataset.classes,
        cache=cfg.dataset.cache,
        seed=cfg.splits.seed,
        per_class=4,
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
        classes=cfg.dataset.classes,
        tasks=[cfg.tasks[task].classes for task in cfg.tasks],
        splits=cfg.splits.model_dump(),
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


rule split:
    """Stratified holdout split and repeated stratified k-fold splits of a task."""
    input:
        manifest=rules.manifest.output[0],
        images=rules.fetch.output[0],
        duplicates=rules.duplicates.output[0],
    output:
        holdout="results/splits/{task}/holdout.csv",
        kfold="results/splits/{task}/kfold.csv",
    log:
        "results/logs/split/{task}.log",
    benchmark:
        "results/benchmarks/split/{task}.tsv"
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        classes=lambda wildcards: cfg.tasks[wildcards.task].classes,
        splits=cfg.splits.model_dump(),
        code=digest_of("data/split.py"),
    message:
        "Splitting the photos of {wildcards.task}"
    script:
        "../scripts/data/split.py"
