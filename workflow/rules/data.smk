# Input: the manifest set in config.yaml. Output: the photos in the cache, results/data/.


rule synthetic_dataset:
    """Render the synthetic dataset: scenes with people, labels, boxes and captions."""
    output:
        manifest=local("results/synthetic/manifest.csv"),
        photos=local(directory("results/synthetic/photos")),
    log:
        "results/logs/synthetic_dataset.log",
    benchmark:
        "results/benchmarks/synthetic_dataset.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(30),
    params:
        cfg.synthetic.model_dump(),
        code=digest_of("synthetic/dataset.py"),
    message:
        "Rendering {params[0][images_per_class]} scenes"
    script:
        "../scripts/synthetic/dataset.py"


rule curate:
    """Select photos and labels from COCO's caption and instance annotations."""
    output:
        local("results/curate/manifest.csv"),
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
        dict(
            curate=cfg.curate.model_dump(),
            local_dirs=cfg.dataset.local_dirs,
            cache=cfg.dataset.cache,
        ),
        code=digest_of("data/curate.py"),
    message:
        "Curating a manifest from COCO's annotations"
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
        dict(classes=cfg.dataset.classes),
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
        dict(
            fetch=cfg.fetch.model_dump(),
            dataset=cfg.dataset.model_dump(),
            base=os.path.dirname(cfg.dataset.manifest),
        ),
        code=digest_of("data/fetch.py"),
    message:
        "Fetching the photos of {input.manifest} into {params[0][dataset][cache]}"
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
    conda:
        "../../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(120),
    params:
        dict(cache=cfg.dataset.cache),
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
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(60),
    params:
        dict(cache=cfg.dataset.cache, **cfg.duplicates.model_dump()),
        code=digest_of("data/duplicates.py"),
    message:
        "Finding duplicate photos"
    script:
        "../scripts/data/duplicates.py"
