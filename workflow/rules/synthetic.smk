# Makes: results/synthetic/, the built-in dataset of rendered scenes, and results/pretrain/, tiny backbones
# trained on other scenes, in the files that open_clip and timm save.


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
        images_per_class=cfg.synthetic.images_per_class,
        seed=cfg.synthetic.seed,
        code=digest_of("synthetic/dataset.py"),
    message:
        "Rendering scenes"
    script:
        "../scripts/synthetic/dataset.py"


rule pretrain_scenes:
    """Render captioned scenes for pretraining, separate from the synthetic dataset."""
    output:
        arrays="results/pretrain/scenes/{shard}.npz",
        table="results/pretrain/scenes/{shard}.csv",
    log:
        "results/logs/pretrain_scenes/{shard}.log",
    benchmark:
        "results/benchmarks/pretrain_scenes/{shard}.tsv"
    wildcard_constraints:
        shard=r"\d+",
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(1500),
        runtime=scaled_by_attempt(30),
    params:
        settings=cfg.pretrain.model_dump(include={"scenes", "shards", "seed", "size"}),
        code=digest_of("synthetic/pretrain_scenes.py"),
    message:
        "Rendering captioned scenes, shard {wildcards.shard}"
    script:
        "../scripts/synthetic/pretrain_scenes.py"


rule pretrain:
    """Pretrain a tiny backbone: vit and pose on the limbs of people, clip and siglip on captions."""
    input:
        arrays=[f"results/pretrain/scenes/{shard}.npz" for shard in range(cfg.pretrain.shards)],
        tables=[f"results/pretrain/scenes/{shard}.csv" for shard in range(cfg.pretrain.shards)],
        start=lambda wildcards: [] if wildcards.tower == "vit" else local("results/pretrain/vit"),
    output:
        local(directory("results/pretrain/{tower}")),
    log:
        "results/logs/pretrain/{tower}.log",
    benchmark:
        "results/benchmarks/pretrain/{tower}.tsv"
    wildcard_constraints:
        tower="clip|siglip|vit|pose",
    conda:
        "../../envs/backbones.yaml"
    threads: 1
    resources:
        mem_mb=scaled_by_attempt(3000),
        runtime=scaled_by_attempt(60),
    params:
        settings=lambda wildcards: cfg.pretrain.model_dump()
        | dict(towers={wildcards.tower: cfg.pretrain.towers[wildcards.tower].model_dump()}),
        code=digest_of("synthetic/pretrain.py"),
    message:
        "Pretraining the {wildcards.tower}"
    script:
        "../scripts/synthetic/pretrain.py"
