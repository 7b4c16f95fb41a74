# Needs: results/data/images.csv and the photo cache, the records of the backbones. Makes: the photos
# in the way of each backbone's authors (results/backbones/), and results/embeddings/.


rule pack_backbone:
    """Decode every photo once, in the size and way that a backbone was trained on."""
    input:
        code=code("pack_backbone.py"),
        images=rules.fetch.output[0],
        record=rules.fetch_weights.output[0],
    output:
        array="results/backbones/{backbone}/photos.npy",
        index="results/backbones/{backbone}/photos.csv",
    log:
        "results/logs/pack_backbone/{backbone}.log",
    benchmark:
        "results/benchmarks/pack_backbone/{backbone}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        dict(cache=cfg.dataset.cache),
    message:
        "Packing the photos for {wildcards.backbone}"
    script:
        "../scripts/pack_backbone.py"


rule embed_images:
    """The embedding of every photo by a backbone that stays as it is."""
    input:
        code=code("embed_images.py"),
        record=rules.fetch_weights.output[0],
        photos=rules.pack_backbone.output.array,
        index=rules.pack_backbone.output.index,
    output:
        array="results/embeddings/{backbone}/images.npy",
        index="results/embeddings/{backbone}/images.csv",
    log:
        "results/logs/embed_images/{backbone}.log",
    benchmark:
        "results/benchmarks/embed_images/{backbone}.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: 2
    resources:
        gpu=gpu(),
        mem_mb=6000,
        runtime=120,
    message:
        "Embedding the photos with {wildcards.backbone}"
    script:
        "../scripts/embed_images.py"


rule embed_texts:
    """The embedding of every text of a prompt set; so few that they need no GPU."""
    input:
        code=code("embed_texts.py"),
        record=rules.fetch_weights.output[0],
    output:
        array="results/embeddings/{backbone}/texts_{prompts}.npy",
        table="results/embeddings/{backbone}/texts_{prompts}.csv",
    log:
        "results/logs/embed_texts/{backbone}/{prompts}.log",
    benchmark:
        "results/benchmarks/embed_texts/{backbone}/{prompts}.tsv"
    conda:
        "../../envs/backbones.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=30,
    params:
        lambda wildcards: dict(prompts=cfg.texts(wildcards.prompts)),
    message:
        "Embedding the prompts {wildcards.prompts} with {wildcards.backbone}"
    script:
        "../scripts/embed_texts.py"
