# Input: photos packed for the model, or embeddings of a backbone; the split tables.
# Output: results/runs/, one folder per run.
#
# Each run has its own outputs and can be requested separately; the seeds of a batch, or the folds,
# are trained in one process, which loads torch, the backbone and the photos once. Runs whose weights
# no other rule loads have rules of their own, without weights (`keep_weights`).

# By default glibc returns large tensors to the kernel at once and allocates them again in each step:
# without this, an epoch of the CNN at 128 px takes 3.6 s instead of 2.7 s.
os.environ |= {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


for recipe in RECIPES.values():
    if recipe.combines:
        continue
    needs = cfg.resources_of(recipe.name)
    kind = "derived" if recipe.derived else "frozen" if recipe.frozen else recipe.name
    # A derived run has a separate job, so that its inputs depend on nothing else.
    batches = folders_of(recipe, 1 if recipe.derived else cfg.runs_per_job)
    if recipe.name == "fine_tune" and cfg.explain.shuffled_labels:
        batches.append([RUN.format(split=runs.SHUFFLED, seed=cfg.seeds[0])])
    for folders, saved, of in with_and_without_weights(recipe, batches):
        split, seed = folders[0].split("/")[-2:]
        folds = bool(runs.fold_of(split))
        unlike = "" if saved is not folds else "saved_" if saved else "unsaved_"
        rule_name = f"train_{recipe.name}_{unlike}{split}_{seed}"

        rule:
            name:
                rule_name
            input:
                unpack(trained_on),
                split=f"results/splits/{{task}}/{'kfold' if folds else 'holdout'}.csv",
                weights=made_of(folders) if recipe.derived else [],
            output:
                predictions=[f"{folder}/predictions.csv" for folder in folders],
                history=[f"{folder}/history.csv" for folder in folders],
                meta=[f"{folder}/meta.json" for folder in folders],
                weights=weights_kept(folders) if saved else [],
            log:
                f"results/logs/train/{{task}}/{{model}}/{split}/{seed}.log",
            benchmark:
                f"results/benchmarks/train/{{task}}/{{model}}/{split}/{seed}.tsv"
            wildcard_constraints:
                task=of,
            priority: LOADS_WEIGHTS if recipe.derived else 0
            group:
                f"train_{kind}"
            conda:
                f"../../envs/{recipe.env}.yaml"
            threads: needs.threads
            resources:
                gpu=gpu if recipe.gpu else 0,
                mem_mb=scaled_by_attempt(needs.mem_mb),
                runtime=scaled_by_attempt(needs.minutes * len(folders)),
            params:
                plan=lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
                code=lambda wildcards: digest_of(
                    "training/train.py", *modules_of(cfg.plan(wildcards.task, wildcards.model))
                ),
            message:
                f"Training {{wildcards.model}} on {{wildcards.task}}, {described(folders)}"
            script:
                "../scripts/training/train.py"

        getattr(rules, rule_name).rule.docstring = (
            f"Train {recipe.summary}; {len(folders)} run{'s' * (len(folders) > 1)}."
        )


for folders in folders_of(RECIPES["ensemble"], 1):
    split, seed = folders[0].split("/")[-2:]

    rule:
        name:
            f"train_ensemble_{split}_{seed}"
        input:
            predictions_of_members(folders),
        output:
            predictions=[f"{folder}/predictions.csv" for folder in folders],
            history=[f"{folder}/history.csv" for folder in folders],
            meta=[f"{folder}/meta.json" for folder in folders],
            weights=weights_kept(folders),
        log:
            f"results/logs/train/{{task}}/{{model}}/{split}/{seed}.log",
        benchmark:
            f"results/benchmarks/train/{{task}}/{{model}}/{split}/{seed}.tsv"
        wildcard_constraints:
            model=OF_SEVERAL,
        group:
            "train_ensemble"
        conda:
            "../../envs/train.yaml"
        threads: 1
        resources:
            mem_mb=scaled_by_attempt(cfg.resources_of("ensemble").mem_mb),
            runtime=scaled_by_attempt(cfg.resources_of("ensemble").minutes * len(folders)),
        params:
            plan=lambda wildcards: cfg.plan(wildcards.task, wildcards.model).model_dump(),
            runs=combined_from(folders),
            code=digest_of("training/combine.py"),
        message:
            f"Combining the models of {{wildcards.model}} on {{wildcards.task}}, {described(folders)}"
        script:
            "../scripts/training/combine.py"

    getattr(rules, f"train_ensemble_{split}_{seed}").rule.docstring = (
        f"Train {RECIPES['ensemble'].summary}; {len(folders)} run{'s' * (len(folders) > 1)}."
    )


rule learning_curves:
    """Learning curves: training and validation loss by epoch."""
    input:
        histories=[
            f"results/runs/{MAIN}/{model}/holdout/seed_{seed}/history.csv"
            for model in LEARNING
            for seed in cfg.seeds_of(model)
        ],
    output:
        png="results/figures/learning_curves.png",
        svg=report(
            "results/figures/learning_curves.svg",
            caption="../report/captions/curves.rst",
            category="Training",
        ),
    log:
        "results/logs/figures/learning_curves.log",
    benchmark:
        "results/benchmarks/figures/learning_curves.tsv"
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=digest_of("figures/learning_curves.py"),
    message:
        f"Drawing the learning curves of the models of {MAIN}"
    script:
        "../scripts/figures/learning_curves.py"
