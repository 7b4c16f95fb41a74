# Functions of the runs of models: their folders by job, and the runs that others are made of.

RUN = "results/runs/{{task}}/{{model}}/{split}/seed_{seed}"


def folders_of(recipe, seeds_per_job):
    """The folders of a recipe's runs, by job: batches of seeds, and of folds."""
    folds_per_job = cfg.resources_of(recipe.name).folds_per_job or cfg.runs_per_job
    seeds = cfg.seeds[:1] if recipe.of_seeds else cfg.seeds
    return [
        [RUN.format(split="holdout", seed=seed) for seed in batch]
        for batch in runs.batches(seeds, seeds_per_job)
    ] + [
        [RUN.format(split=split, seed=cfg.seeds[0]) for split in batch]
        for batch in runs.batches(cfg.cv_splits(recipe.name), folds_per_job)
    ]


def with_and_without_weights(recipe, batches):
    """The batches of a recipe's folders, once for the models whose weights are saved and once for
    the others, where there are any.

    Yields:
        The folders; whether the weights are saved; a regular expression of the task, which also
        requires that one of these models is the next part of the path.
    """
    for folders in batches:
        split = folders[0].split("/")[-2]
        models = {True: {}, False: {}}
        for task in cfg.tasks:
            for model in cfg.models_by(recipe.name):
                saved = cfg.keeps_weights(task, model, bool(runs.fold_of(split)))
                models[saved or split == runs.SHUFFLED].setdefault(task, []).append(model)
        for saved, by_task in models.items():
            tasks = [f"{task}(?=/(?:{'|'.join(of)})/)" for task, of in by_task.items()]
            if tasks:
                yield folders, saved, "|".join(tasks)


def weights_kept(folders):
    """Outputs: the weights of runs, deleted after their last use with `keep_weights: none`."""
    files = [f"{folder}/weights.safetensors" for folder in folders]
    return temp(files) if cfg.keep_weights == "none" else files


def described(folders):
    """The splits and seeds of the runs of a job, for its message."""
    splits, seeds = zip(*(folder.split("/")[-2:] for folder in folders))
    if runs.fold_of(splits[0]):
        return f"{len(splits)} folds from {splits[0]}" if len(splits) > 1 else f"fold {splits[0]}"
    numbers = ", ".join(seed.removeprefix("seed_") for seed in seeds)
    return f"{splits[0]}, seed{'s' * (len(seeds) > 1)} {numbers}"


def run_of_member(folder, member):
    """The predictions of a member's run with the split and seed of an ensemble's."""
    run = runs.Run.at(Path(folder))
    seed = run.seed if run.seed in cfg.seeds_of(member) else cfg.seeds_of(member)[0]
    return f"{runs.Run(run.task, member, run.split, seed).folder}/predictions.csv"


def combined_from(folders):
    """Param: the predictions that each of an ensemble's runs is made of."""

    def files(wildcards):
        block, made = cfg.models[wildcards.model], {}
        for folder in (folder.format(**wildcards) for folder in folders):
            answers = {name: run_of_member(folder, name) for name in block.members}
            folds = {name: folds_of_member(folder, name) for name in block.members}
            made[folder] = dict(answers=answers, folds=folds if block.combine == "stack" else None)
        return made

    return files


def predictions_of_members(folders):
    """Inputs: the files of `combined_from`."""

    def files(wildcards):
        found = []
        for one in combined_from(folders)(wildcards).values():
            found += one["answers"].values()
            found += [file for files in (one["folds"] or {}).values() for file in files]
        return list(dict.fromkeys(found))

    return files


def folds_of_member(folder, member):
    """The predictions of all folds of a member, in the repeat of an ensemble's run."""
    run = runs.Run.at(Path(folder))
    repeat, _ = runs.fold_of(run.split) or (0, 0)
    splits = [runs.fold_split(repeat, fold) for fold in range(cfg.splits.kfold.folds)]
    made = [runs.Run(run.task, member, split, cfg.seeds[0]) for split in splits]
    return [f"{one.folder}/predictions.csv" for one in made]


def weights_of_holdout(wildcards):
    """The weights of a model's runs on the holdout."""
    return holdout_weights(wildcards.get("task", MAIN), wildcards.model)


def holdout_weights(task, model):
    """The weights of a model's runs on the holdout, by seed."""
    folders = [runs.Run(task, model, "holdout", seed).folder for seed in cfg.seeds_of(model)]
    return [f"{folder}/weights.safetensors" for folder in folders]


def made_of(folders):
    """An input function: weights of the runs from which a derived model is made."""

    def weights(wildcards):
        model = cfg.models[wildcards.model]
        runs = [folder.format(task=wildcards.task, model=model.of) for folder in folders]
        if RECIPES[model.recipe].of_seeds:
            runs = [f"{os.path.dirname(runs[0])}/seed_{seed}" for seed in cfg.seeds]
        return [f"{run}/weights.safetensors" for run in runs]

    return weights
