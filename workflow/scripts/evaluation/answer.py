"""Rule answer: which model to use, and how often it will be right."""

from pathlib import Path

from stillact.core import logs
from stillact.core.tables import read_csv, replacing
from stillact.evaluation import answer, answer_text, geometry, selection

with logs.job(snakemake.log[0]):
    settings, source = snakemake.params.settings, snakemake.input
    predictions = read_csv(source.predictions)
    folded = predictions[predictions["split"] != "holdout"]
    judged = folded if len(folded) else predictions
    recipes = settings["recipes"]
    found = answer.answer(
        settings["task"],
        selection.candidates(predictions, list(recipes)),
        read_csv(source.pairs),
        recipes,
        answer.prices(
            {model: list(map(Path, paths)) for model, paths in settings["metas"].items()},
            {model: list(map(Path, paths)) for model, paths in settings["towers"].items()},
            settings["made_of"],
            settings["members"],
        ),
        settings["not_judged"],
        judged.drop_duplicates("image_id")["label"],
        geometry.baseline(
            geometry.features(read_csv(source.people), read_csv(source.images)),
            read_csv(source.kfold),
        ),
    )
    with replacing(snakemake.output.json) as part:
        Path(part).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    with replacing(snakemake.output.md) as part:
        Path(part).write_text(answer_text.as_markdown(found), encoding="utf-8")
    for text in answer_text.sentences(found):
        logs.logger.info("%s", text)
