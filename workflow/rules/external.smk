# Input: weights of the main task's models, the manifest of `external`. Output, if that is set:
# results/external/, metrics of the models on an external dataset.

if cfg.external:
    if cfg.external.manifest not in MADE and not os.path.exists(cfg.external.manifest):
        raise WorkflowError(
            f"external.manifest: there is no file {cfg.external.manifest!r}; check the path"
        )

    EXTERNAL = in_study(cfg.external.manifest)
    EXTERNAL_BY = cfg.asked(cfg.usable)

    use rule manifest as external_manifest with:
        input:
            manifest=local(cfg.external.manifest),
        output:
            "results/external/manifest.csv",
        log:
            "results/logs/external/manifest.log",
        benchmark:
            "results/benchmarks/external/manifest.tsv"
        params:  # all of them, since those that are not named here stay those of the study
            options=dict(
                classes=cfg.tasks[MAIN].classes,
                known=f"tasks.{MAIN}.classes in config.yaml, of which external photos are",
            ),
            tasks=[],
            splits={},
            content=EXTERNAL["manifest"],
            code=digest_of("data/manifest.py"),

    use rule fetch as external_fetch with:
        input:
            manifest=rules.external_manifest.output[0],
        output:
            "results/external/images.csv",
        log:
            "results/logs/external/fetch.log",
        benchmark:
            "results/benchmarks/external/fetch.tsv"
        params:
            fetch=cfg.fetch.model_dump(),
            dataset=cfg.dataset.model_dump() | cfg.external.model_dump(),
            base=str(source.base(cfg.external.manifest)),
            photos=EXTERNAL["photos"],
            code=digest_of("data/fetch.py"),

    rule external_duplicates:
        """Find photos of the external dataset that the study has, also as copies."""
        input:
            study=rules.fetch.output[0],
            external=rules.external_fetch.output[0],
        output:
            "results/external/duplicates.csv",
        log:
            "results/logs/external/duplicates.log",
        benchmark:
            "results/benchmarks/external/duplicates.tsv"
        conda:
            "../../envs/data.yaml"
        threads: 1
        resources:
            mem_mb=scaled_by_attempt(2000),
            runtime=scaled_by_attempt(60),
        params:
            cache=cfg.dataset.cache,
            max_distance=cfg.duplicates.max_distance,
            code=digest_of("data/external_duplicates.py"),
        message:
            f"Finding photos of {cfg.external.name} that the study has"
        script:
            "../scripts/data/external_duplicates.py"

    if cfg.people.detector:

        use rule people as external_people with:
            input:
                manifest=rules.external_manifest.output[0],
                images=rules.external_fetch.output[0],
                record=rules.fetch_detector.output[0],
            output:
                "results/external/people.csv",
            log:
                "results/logs/external/people.log",
            benchmark:
                "results/benchmarks/external/people.tsv"

    rule external_predict:
        """Predictions of a model on the external photos that are not in the study."""
        input:
            unpack(files_of_asked(EXTERNAL_BY)),
            external=rules.external_manifest.output[0],
            external_images=rules.external_fetch.output[0],
            copies=rules.external_duplicates.output[0],
            people=lambda wildcards: (
                rules.external_people.output[0]
                if cfg.looks_at_people(EXTERNAL_BY[wildcards.asked][0])
                else []
            ),
        output:
            "results/external/answers/{asked}.csv",
        log:
            "results/logs/external/answers/{asked}.log",
        benchmark:
            "results/benchmarks/external/answers/{asked}.tsv"
        wildcard_constraints:
            asked=ASKED,
        priority: LOADS_WEIGHTS
        conda:
            "../../envs/backbones.yaml"
        threads: 2
        resources:
            gpu=gpu,
            mem_mb=scaled_by_attempt(16000),
            runtime=scaled_by_attempt(240),
        params:
            plans=plans_of_asked(EXTERNAL_BY),
            cache=cfg.dataset.cache,
            fetch=LIMITS,
            code=digest_of_asked("evaluation/external_predict.py", EXTERNAL_BY),
        message:
            f"Predicting the photos of {cfg.external.name} with {{wildcards.asked}}"
        script:
            "../scripts/evaluation/external_predict.py"

    rule external_together:
        """Predictions of an ensemble on the external photos, made of those of its members."""
        input:
            asked=lambda wildcards: [
                f"results/external/answers/{asked}.csv" for asked in cfg.asked([wildcards.model])
            ],
            weights=weights_of_holdout,
        output:
            "results/external/answers/{model}.csv",
        log:
            "results/logs/external/answers/{model}.log",
        benchmark:
            "results/benchmarks/external/answers/{model}.tsv"
        wildcard_constraints:
            model=OF_SEVERAL,
        localrule: True
        conda:
            "../../envs/train.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=20,
        params:
            plan=lambda wildcards: cfg.plan(MAIN, wildcards.model).model_dump(),
            code=digest_of("evaluation/combine.py"),
        message:
            f"Combining the predictions for {cfg.external.name} by the members of {{wildcards.model}}"
        script:
            "../scripts/evaluation/combine.py"

    rule external:
        """External validation: metrics of the models on the external dataset."""
        input:
            asked=expand(
                "results/external/answers/{asked}.csv",
                asked=[*EXTERNAL_BY, *together_of(cfg.usable)],
            ),
            manifest=rules.external_manifest.output[0],
            images=rules.external_fetch.output[0],
            copies=rules.external_duplicates.output[0],
            predictions=f"results/predictions/{MAIN}.csv",
        output:
            predictions="results/external/predictions.csv",
            summary=report(
                "results/external/summary.csv",
                caption="../report/captions/external.rst",
                category="External validation",
            ),
            classes=report(
                "results/external/classes.csv",
                caption="../report/captions/external.rst",
                category="External validation",
            ),
            svg=report(
                "results/figures/external.svg",
                caption="../report/captions/external.rst",
                category="External validation",
            ),
            png="results/figures/external.png",
        log:
            "results/logs/external.log",
        benchmark:
            "results/benchmarks/external.tsv"
        conda:
            "../../envs/report.yaml"
        threads: 1
        resources:
            mem_mb=scaled_by_attempt(2000),
            runtime=scaled_by_attempt(20),
        params:
            name=cfg.external.name,
            models=cfg.usable,
            code=digest_of("evaluation/external.py"),
        message:
            f"Evaluating the models on {cfg.external.name}"
        script:
            "../scripts/evaluation/external.py"
