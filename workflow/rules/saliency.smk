# Input: weights of the main task's fine-tuned models, the photos packed for them, person boxes.
# Output: results/explain/, saliency maps and their metrics, and its figures.

RUNS = "results/runs/{{task}}/{{model}}/{split}/seed_{seed}/weights.safetensors"
OF_SHUFFLED = (
    dict(shuffled=RUNS.format(split=runs.SHUFFLED, seed=cfg.seeds[0]))
    if cfg.explain.shuffled_labels
    else {}
)


rule saliency_maps:
    """Saliency maps of a fine-tuned model's first run, with localisation metrics."""
    input:
        unpack(trained_on),
        unpack(seen_by),
        **OF_SHUFFLED,
        split=rules.split.output.holdout,
        people=rules.people.output[0],
        images=rules.fetch.output[0],
        weights=RUNS.format(split="holdout", seed=cfg.seeds[0]),
    output:
        table=f"{LOOKED}.csv",
        maps=f"{LOOKED}.npz",
        note=f"{LOOKED}.txt",
    log:
        "results/logs/explain/{task}/{model}.log",
    benchmark:
        "results/benchmarks/explain/{task}/{model}.tsv"
    wildcard_constraints:
        model="|".join(cfg.explained) or "-",
    priority: LOADS_WEIGHTS
    group:
        "explain"
    conda:
        "../../envs/backbones.yaml"
    threads: cfg.resources_of("fine_tune").threads
    resources:
        gpu=gpu,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        plan=lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
        layers=cfg.explain.layers,
        steps=cfg.explain.steps,
        code=digest_of("saliency/saliency_maps.py"),
    message:
        "Computing saliency maps of {wildcards.model}"
    script:
        "../scripts/saliency/saliency_maps.py"


rule localisation:
    """Localisation metrics of the saliency maps, averaged over photos, with intervals."""
    input:
        tables=expand(f"{LOOKED}.csv", task=MAIN, model=cfg.explained),
        notes=expand(f"{LOOKED}.txt", task=MAIN, model=cfg.explained),
    output:
        csv=report(
            f"results/explain/{MAIN}/localisation.csv",
            caption="../report/captions/localisation.rst",
            category="Saliency",
        ),
        notes=f"results/explain/{MAIN}/notes.csv",
        svg=report(
            "results/figures/localisation.svg",
            caption="../report/captions/localisation.rst",
            category="Saliency",
        ),
        png="results/figures/localisation.png",
    log:
        "results/logs/explain/localisation.log",
    benchmark:
        "results/benchmarks/explain/localisation.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=cfg.explained,
        code=digest_of("saliency/localisation.py"),
    message:
        "Summarising the localisation of saliency maps"
    script:
        "../scripts/saliency/localisation.py"


rule figure_4:
    """Figure of example photos with the saliency map of each class, for one model."""
    input:
        maps=expand(f"{LOOKED}.npz", task=MAIN, model=cfg.explained),
        predictions=f"results/predictions/{MAIN}.csv",
        summary=rules.metrics.output.summary,
        people=rules.people.output[0],
        images=rules.fetch.output[0],
    output:
        png=report(
            "results/figures/figure_4.png",
            caption="../report/captions/maps.rst",
            category="Saliency",
        ),
        csv="results/explain/figure_4.csv",
    log:
        "results/logs/figures/figure_4.log",
    benchmark:
        "results/benchmarks/figures/figure_4.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        models=cfg.explained,
        model=cfg.explain.model,
        task=MAIN,
        classes=cfg.tasks[MAIN].classes,
        seed=cfg.seeds[0],
        cache=cfg.dataset.cache,
        code=digest_of("figures/figure_4.py"),
    message:
        "Drawing figure 4"
    script:
        "../scripts/figures/figure_4.py"
