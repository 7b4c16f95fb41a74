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


TOWERS = "clip|siglip|vit|pose"

if cfg.pretrain.train:

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
            start=lambda wildcards: (
                [] if wildcards.tower == "vit" else local("results/pretrain/vit")
            ),
        output:
            local(directory("results/pretrain/{tower}")),
        log:
            "results/logs/pretrain/{tower}.log",
        benchmark:
            "results/benchmarks/pretrain/{tower}.tsv"
        wildcard_constraints:
            tower=TOWERS,
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

    rule pack_tower:
        """A pretrained tower as a file for data/towers; run only if requested."""
        input:
            folder=rules.pretrain.output[0],
            tables=rules.pretrain.input.tables,
        output:
            "results/pretrain/shipped/{tower}.safetensors",
        log:
            "results/logs/pack_tower/{tower}.log",
        benchmark:
            "results/benchmarks/pack_tower/{tower}.tsv"
        wildcard_constraints:
            tower=TOWERS,
        conda:
            "../../envs/backbones.yaml"
        threads: 1
        resources:
            mem_mb=scaled_by_attempt(3000),
            runtime=scaled_by_attempt(10),
        params:
            settings=cfg.pretrain.model_dump(),
            prompts=[
                text
                for prompts in cfg.prompts
                for texts in cfg.texts(prompts).values()
                for text in texts
            ],
            code=digest_of("synthetic/pack_tower.py"),
        message:
            "Packing the {wildcards.tower}"
        script:
            "../scripts/synthetic/pack_tower.py"

else:

    rule shipped_tower:
        """Unpack a tiny backbone that comes with the project."""
        input:
            lambda wildcards: own(f"data/towers/{wildcards.tower}.safetensors"),
        output:
            local(directory("results/pretrain/{tower}")),
        log:
            "results/logs/pretrain/{tower}.log",
        benchmark:
            "results/benchmarks/pretrain/{tower}.tsv"
        wildcard_constraints:
            tower=TOWERS,
        conda:
            "../../envs/train.yaml"
        threads: 1
        resources:
            mem_mb=scaled_by_attempt(1000),
            runtime=scaled_by_attempt(5),
        params:
            settings=cfg.pretrain.model_dump(),
            code=digest_of("synthetic/shipped_tower.py"),
        message:
            "Unpacking the {wildcards.tower}"
        script:
            "../scripts/synthetic/shipped_tower.py"
