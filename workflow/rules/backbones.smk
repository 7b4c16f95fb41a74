# Needs: the hub, or weights in a local file or folder. Makes: the weights in the cache, and the
# record of each in results/backbones/. Who uses them reads them from where the record says
# (`folder`), with the hub set offline.

# The backbones that the study's models start from; the config may hold more.
STARTED_FROM = dict.fromkeys(
    filter(None, (cfg.backbone_of(model) for task in cfg.tasks for model in cfg.models_of(task)))
)


rule fetch_weights:
    """Bring a backbone's weights into the cache, and see that they load; the only rule that talks
    to a hub."""
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
