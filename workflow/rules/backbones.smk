# Input: the hub, or weights in a local file or folder. Output: the weights in the cache, and their
# records in results/backbones/. Other rules load the weights from the folder in the record
# (`folder`), with the hub set offline.

# The backbones used by the study's models; the config may define more.
STARTED_FROM = dict.fromkeys(
    filter(None, (cfg.backbone_of(model) for task in cfg.tasks for model in cfg.models_of(task)))
)


rule fetch_weights:
    """Fetch and check pretrained weights of a backbone; the only rule that accesses a hub."""
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
        lambda wildcards: dict(
            backbone=cfg.backbones[wildcards.backbone].model_dump(),
            cache=cfg.dataset.cache,
        ),
        code=digest_of("models/fetch_weights.py"),
    message:
        "Fetching the weights of {wildcards.backbone}"
    script:
        "../scripts/models/fetch_weights.py"
