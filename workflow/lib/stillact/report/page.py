"""The study told on one HTML page that needs no network, and no script to be read."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype
from scipy.stats import binomtest

from stillact.config.study import (
    AFTERWARDS,
    CNN,
    Config,
    FineTuneModel,
    FromScratchModel,
    LinearProbeModel,
    MLPModel,
    Model,
    ProLIPModel,
    SeedSoupModel,
    ViewsModel,
    WiseFTModel,
    ZeroShotModel,
)
from stillact.core.runs import SUBSETS
from stillact.core.text_tables import percent
from stillact.data.overview import MEASURES, audit_summary, largest_class_rate
from stillact.evaluation import error_analysis, external_metrics
from stillact.evaluation.predictions import SAME
from stillact.evaluation.selection import SELECTED
from stillact.figures import statistics as statistics_figures
from stillact.figures.base import COLOURS
from stillact.paper.claims import RULE
from stillact.paper.comparison import LARGEST_CLASS, METRICS
from stillact.perturb import robustness
from stillact.saliency import localisation_summary

RESULTS = ("table_2", "table_3", "table_4", "table_5", "table_6", "table_7")

# Title and caption of the tables that are shown as they are, by the last part of their names.
SHOWN = {
    "recipes": (
        "Every recipe",
        "Accuracy and log loss (nats) with 95 % bootstrap intervals over photos and runs, "
        "cross-validated (cv) and on the holdout. Averaged: accuracy of the seeds' averaged "
        "probabilities. Seconds: a run's, on the holdout, without embedding.",
    ),
    "chosen": (
        "What was chosen in every run",
        "Of each run (a fold, or a seed on the holdout) the model that was chosen without its test "
        "photos, on how many it was judged for that, how it did there, and what it had chosen for "
        "itself.",
    ),
    "views": (
        "Views of a photo",
        "Validation loss (nats) and accuracy of a model asked about one view of each photo, and of "
        "the mean of its logits over all of them; means over the runs.",
    ),
    "pooled": (
        "Metrics with intervals",
        "Each metric as the mean over a model's runs, with a 95 % bootstrap interval over images "
        "and runs. A run is a seed on the holdout split, or a repeat of cross-validation (cv) with "
        "its folds pooled. Log loss is in nats, the others are 0 to 1.",
    ),
    "pairs": (
        "Models, pair by pair",
        "Difference: accuracy of a minus that of b. Over folds: Nadeau and Bengio's corrected "
        "resampled t-test. Over images: McNemar's exact test on the majority votes (b: images that "
        "only a gets right, c: only b). Holm: corrected for all pairs.",
    ),
    "smallest_differences": (
        "The smallest difference that could be shown",
        "In accuracy, at 80 % power and a level of 5 %: over images, given how often the two "
        "models disagree (discordant), and over seeds, given how much the difference varies (sd).",
    ),
    "anova": (
        "The paper's analysis of variance",
        "Test accuracy over models, seeds as replicates, with partial eta squared, its 95 % "
        "interval and the achieved power; Welch's does not ask for equal variances.",
    ),
    "anova_checks": (
        "What the analysis of variance asks for",
        "Normal accuracies (Shapiro and Wilk) and equal variances (Levene). A small p speaks "
        "against it.",
    ),
    "t_test": (
        "The paper's paired t-test",
        "Test accuracy of a minus that of b over seeds, with its 95 % interval.",
    ),
    "calibration": (
        "Calibration",
        "Log loss (nats), Brier score (0 to 2) and expected calibration error (ece, 0 to 1; ten "
        "bins of equal mass), over images as the mean over runs. Within calibrated low to high, an "
        "ece says nothing against the model: with so few images a perfectly calibrated one shows "
        "as much.",
    ),
    "reliability": (
        "Points of the reliability diagrams",
        "For each bin the mean confidence, the share of answers that is right, and where 95 % of "
        "such shares would lie if the confidences were true.",
    ),
    "localisation": (
        "Whether maps lie on people",
        "Of the map of each answer: whether its highest point lies on a person (pointing), the "
        "share of its sum that does (energy), and of as many top pixels as people have (rank "
        "accuracy); by chance each is the area of people. Insertion (more is better) and deletion "
        "(less is better): areas under the model's probability while pixels come or go in the "
        "map's order. Rank correlation: with the model's own map. Means over photos, with 95 % "
        "bootstrap intervals; answers: the photos that the model gets right or wrong.",
    ),
    "covered": (
        "Accuracy with people covered",
        "Of photos of which people take at most half, with nothing, the people, or as many pixels "
        "of background covered, by the photo's mean colour or by blur. Difference: background "
        "minus people, with its 95 % bootstrap interval over photos and seeds.",
    ),
    "rates": (
        "Error rates by what may make a photo hard",
        "Photos that the majority of a model's runs gets wrong, with 95 % Wilson intervals.",
    ),
    "contrasts": (
        "Error rates of the first bin and the last",
        "Newcombe's 95 % interval of their difference, and Fisher's exact test, corrected for all "
        "factors of a model (Holm).",
    ),
    "agreement": (
        "Agreement between models",
        "Cohen's kappa of their majority votes, with a 95 % bootstrap interval over photos.",
    ),
    "failures": (
        "Photos that stand for failures, chosen by rule",
        "Of each model and class the wrong answer with the highest probability, and the one whose "
        "probability is nearest to the truth's.",
    ),
    "wrong_by_all": (
        "Photos that every model gets wrong",
        "The hardest first: candidates for wrong labels.",
    ),
    "corrupted": (
        "Answers about corrupted photos",
        "Accuracy, log loss (nats) and expected calibration error (ece, 0 to 1), and how much each "
        "differs from that on the same photos clean; of accuracy with the 95 % bootstrap interval "
        "over photos and seeds. all: the mean over the corruptions that come at severities. "
        "Without a severity: the mean over all that were asked, or the corruption has none.",
    ),
    "summary": (
        "Models on the other dataset",
        "Metrics over its photos and the seeds, with 95 % bootstrap intervals. Difference: "
        "accuracy minus that on the study's own test photos, which is the last column.",
    ),
    "classes": (
        "Classes of the other dataset",
        "Recall: the share of a class's photos that are found; precision: the share of the answers "
        "that are right; both with 95 % Wilson intervals. Answers: photos a run gives that class.",
    ),
}
ON_FEATURES = MLPModel | ZeroShotModel | LinearProbeModel | ProLIPModel
HEADS = {  # how a fine-tuned model's last layer starts
    "random": "a new last layer",
    "text": "a new last layer, which starts from the classes' prompts",
    "probe": "a new last layer, which starts from a logistic regression",
    "text_tower": "its text tower, which goes on embedding the classes' prompts",
}
SCHEMES = {
    "cv": "Over {images} photos, each tested in its fold",
    "holdout": "On the {images} test photos of the holdout split",
}
P_VALUES = {"p", "p_holm", "mcnemar_p", "mcnemar_p_holm"}
SMALLEST_P = 0.001  # a smaller one is not told in figures
# The section of a table, by its folder, or by its name where that has one of its own.
SECTIONS = {"selection": "recipes", "statistics": "sure", "explain": "looking", "errors": "errors"}
SECTIONS |= {"robustness": "robustness", "external": "elsewhere"}
SECTIONS |= {"calibration": "calibration", "reliability": "calibration"}
# Of tables with a row a metric, what makes a row of the page.
ONE_ROW = ("task", "model", "method", "answers", "scheme")

MIME = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Study:
    """What a report tells.

    config: the study's config; its first task is the one that the answer is about.
    images: images.csv (every row of the manifest).
    holdouts: the holdout.csv of each task.
    audit: a table of `explore.audit`.
    shown: tables of results/selection/, statistics/, explain/, errors/, robustness/ and
        external/, by their path under results/ without its ending.
    claims: what the paper says: claim, verdict and evidence; None where none is judged.
    browser: of `browse.of_photos`; None where the study has no predictions.
    paper: paper_results.csv.
    tables: table_1 of `explore.table_1`; table_2 to table_7 of `paper.compare` (table_7: all models
        of the first task). One that is not there is said to be missing.
    figures: PNG or SVG files: table_3 and table_7 of `figures.accuracy`, figure_1, figure_2,
        figure_3 and confusion_{first task} of `figures.confusion`. One that is not there is said
        to be missing, too.
    metas: the meta.json of each run.
    files: where what is shown lies: paths relative to the report.
    """

    config: Config
    images: pd.DataFrame
    holdouts: Mapping[str, pd.DataFrame]
    audit: pd.DataFrame
    paper: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]
    metas: list[dict]
    files: Sequence[str]
    shown: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    claims: pd.DataFrame | None = None
    browser: Mapping | None = None

    @property
    def task(self) -> str:
        return self.config.main_task

    @property
    def of_paper(self) -> bool:
        """Whether it has a task of the paper's, so that there are figures to set beside its own."""
        return not {*self.config.tasks}.isdisjoint(self.paper["task"])


def build(study: Study, template: Path) -> str:
    """The report: one self-contained HTML page, as text.

    Args:
        study: what it tells.
        template: report.html.j2; report.css and report.js lie beside it.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    models = _models(study.config)
    script = template.with_name("report.js").read_text(encoding="utf-8")
    return environment.get_template(template.name).render(
        study=study,
        answers={name: _answer(study, name) for name in ("table_5", "table_7")},
        models=[(name, _about(study.config, model)) for name, model in models.items()],
        backbones=_backbones(study.config, models),
        on_features=[name for name, model in models.items() if isinstance(model, ON_FEATURES)],
        photos=_photos(study.images),
        splits={task: _split(study, task) for task in study.config.tasks},
        runs=_runs(study.metas),
        sizes=_sizes(study.tables.get("table_1")),
        audit=audit_summary(study.audit),
        results={name: _results(study, name) for name in RESULTS},
        metrics=METRICS,
        subsets=SUBSETS,
        shown=_shown(study.shown),
        choosing=_choosing(study),
        looking=_looking(study),
        erring=_erring(study),
        withstanding=_withstanding(study),
        elsewhere=_elsewhere(study),
        not_asked=sorted({*study.config.robustness.models} - {*study.config.asked_again}),
        claims_rule=RULE,
        script=script,
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        hues=_hues(study.config.tasks[study.task].classes),
        images={name: _data_uri(path) for name, path in study.figures.items()},
        links={path: quote(path) for path in study.files},
        config={
            key: yaml.safe_dump({key: block}, sort_keys=False)
            for key, block in study.config.model_dump(mode="json").items()
            if key not in AFTERWARDS
        },
    )


def _answer(study: Study, table: str) -> dict | None:
    """The sentence that answers, what qualifies it, and the plot's words for who cannot see it."""
    models = study.tables.get(table)
    if models is None or models.empty:
        return None
    best = models.iloc[0]
    classes = study.config.tasks[best["task"]].classes
    told = _listed(classes) if len(classes) <= len(COLOURS) else f"{len(classes)} classes"
    photos, rate = _judged(study, best["task"], best["subset"])
    low, high = best["accuracy_ci_low"], best["accuracy_ci_high"]
    sure = f"95\xa0% interval {percent(low)} to {percent(high)}" if pd.notna(low) else "one run"
    if pd.notna(low) and high - low < SAME:
        sure = f"the same with each of {best['runs']} seeds"
    headline = (
        f"{best['model']} tells {told} apart best: right on {percent(best['accuracy_mean'])} "
        f"of {photos} {best['subset']} photos ({sure}). Always answering the largest class is "
        f"right on {percent(rate)}."
    )
    qualified = _against_constant(best, rate), _against_second(models), _photo_luck(models, photos)
    plot = "; ".join(f"{m['model']} {percent(m['accuracy_mean'])}" for _, m in models.iterrows())
    return {"headline": headline, "qualified": " ".join(filter(None, qualified)), "plot": plot}


def _judged(study: Study, task: str, subset: str) -> tuple[int, float]:
    """How many photos, and the accuracy of answering always their largest class."""
    holdout = study.holdouts[task]
    return int((holdout["subset"] == subset).sum()), largest_class_rate(holdout, subset)


def _against_constant(best: pd.Series, rate: float) -> str:
    if best["accuracy_mean"] <= rate:
        return "Not even the best model beats that constant answer."
    if pd.isna(best["accuracy_ci_low"]):
        return "With a single run, nothing is known of how far another seed would differ."
    if best["accuracy_ci_low"] <= rate:
        return "Its interval reaches down to that constant answer, so it may have learnt nothing."
    if best["accuracy_ci_high"] - best["accuracy_ci_low"] < SAME:
        return "It lies above that constant answer."
    return f"Its whole interval, over {best['runs']} seeds, lies above that constant answer."


def _against_second(models: pd.DataFrame) -> str:
    if len(models) < 2:
        return ""
    best, second = models.iloc[0], models.iloc[1]
    said = f"The next best, {second['model']}, is right on {percent(second['accuracy_mean'])}"
    if pd.isna(best["accuracy_ci_low"]) or pd.isna(second["accuracy_ci_high"]):
        return f"{said}."
    if second["accuracy_ci_high"] < best["accuracy_ci_low"]:
        return f"{said}; the two intervals do not overlap."
    return f"{said}; the two intervals overlap, so that their order is not settled."


def _photo_luck(models: pd.DataFrame, photos: int) -> str:
    """How far other test photos might move the result, which no number of seeds shows."""
    right = binomtest(round(models["accuracy_mean"].iloc[0] * photos), photos)
    interval = right.proportion_ci(method="wilson")
    chosen = (
        f"; to be the best of {len(models)} models on them flatters it" if len(models) > 2 else ""
    )
    return (
        f"Seeds show the luck of training alone. With only {photos} test photos, the luck of "
        f"which they are gives by itself a 95\xa0% interval of {percent(interval.low)} to "
        f"{percent(interval.high)} (Wilson){chosen}."
    )


def _about(config: Config, model: Model) -> str:
    """One sentence: what a model brings with it, and what is trained on the study's photos."""
    if isinstance(model, FromScratchModel):
        kind = "convolutional" if isinstance(model.network, CNN) else "dense"
        means = [
            name
            for name, used in (
                ("augmentation", model.augment),
                ("batch norm", getattr(model.network, "batch_norm", False)),
                ("dropout", getattr(model.network, "dropout", 0)),
            )
            if used
        ]
        return (
            f"A {kind} network{' with ' if means else ''}{_listed(means)}, trained from random "
            "weights."
        )
    match model:
        case FineTuneModel(head=head, backbone=of):
            return f"The pretrained {of}, trained further together with {HEADS[head]}."
        case MLPModel(features="embedding", backbone=of):
            seen = f"what the pretrained {of} makes of a photo (its embedding)"
        case MLPModel(backbone=of):
            seen = f"how similar the pretrained {of} finds a photo to each class's prompts"
        case ZeroShotModel(backbone=of, prompts=prompts):
            return f"The pretrained {of} as it is: the class whose prompts ({prompts}) fit best."
        case LinearProbeModel(backbone=of):
            return f"A logistic regression on the embeddings of the pretrained {of}."
        case ProLIPModel(backbone=of):
            return f"The last projection of the pretrained {of}, trained to fit the prompts."
        case WiseFTModel(of=of):
            return f"Weights between those of {of} before and after its training."
        case SeedSoupModel(of=of):
            return f"The mean of the weights of all seeds of {of}."
        case ViewsModel(of=of, views=views):
            return f"{of}, asked about several views of a photo ({_listed(views)}) at once."
    return f"A dense network, trained on {seen}; {of} stays as it is."


def _backbones(config: Config, models: Mapping[str, Model]) -> list[str]:
    used = {config.backbone_of(name) for name in models}
    return [
        f"{name}: {block.weights.removeprefix('hub:')}"
        for name, block in config.backbones.items()
        if name in used
    ]


def _models(config: Config) -> dict[str, Model]:
    trained = {name for task in config.tasks.values() for name in task.every_model}
    return {name: model for name, model in config.models.items() if name in trained}


def _choosing(study: Study) -> list[str]:
    """What choosing a model without the photos tested on is worth, in sentences."""
    table = study.shown.get("selection/recipes")
    if table is None:
        return []
    said = []
    for scheme, rows in table.groupby("scheme", sort=False):
        rows = rows.set_index("model")
        if SELECTED not in rows.index or len(rows) < 2:
            continue
        ours, best = rows.loc[SELECTED], rows.drop(index=SELECTED).iloc[0]
        low, high = percent(ours["accuracy_ci_low"]), percent(ours["accuracy_ci_high"])
        where = SCHEMES[scheme].format(images=ours["images"])
        said.append(
            f"{where}: whichever model is chosen without the photos tested on is right on "
            f"{percent(ours['accuracy'])} (95\xa0% interval {low} to {high}). The best single "
            f"one, {best.name}, known only afterwards, is right on {percent(best['accuracy'])}."
        )
    return said


def _hues(classes: Sequence[str]) -> list[tuple[str, str, str]]:
    """The colours of the photo browser: name, colour and what it stands for; a class each, or where
    there are more of them than colours, what an answer is."""
    if len(classes) <= len(COLOURS):
        return [(str(place), COLOURS[place], label) for place, label in enumerate(classes)]
    wrong, right, none = COLOURS[1], COLOURS[2], "var(--quiet)"
    return [
        ("truth", right, "true class"),
        ("wrong", wrong, "wrong answer"),
        ("other", none, "all others"),
    ]


def _photos(images: pd.DataFrame) -> dict:
    missing = images[images["status"] != "ok"]
    return {
        "rows": len(images),
        "had": len(images) - len(missing),
        "missing": missing[["id", "reason", "url"]].to_dict("records"),
    }


def _split(study: Study, task: str) -> dict:
    holdout = study.holdouts[task]
    table = pd.crosstab(holdout["label"], holdout["subset"])
    table = table.reindex(
        index=study.config.tasks[task].classes, columns=list(SUBSETS), fill_value=0
    )
    return {
        "rows": [(label, (*counts, sum(counts))) for label, *counts in table.itertuples()],
        "totals": (*table.sum(), int(table.to_numpy().sum())),
    }


def _runs(metas: list[dict]) -> dict | None:
    """How the runs went: in all, and a row for each model."""
    if not metas:
        return None
    table = pd.DataFrame([{**meta, **meta["run"]} for meta in metas])
    versions = pd.DataFrame([meta["versions"] for meta in metas])
    models = table.groupby(["task", "model"], sort=False).agg(
        runs=("seed", "size"),
        parameters=("parameters", "first"),
        epochs=("epochs", "mean"),
        seconds=("seconds", "mean"),
        memory=("peak_memory_mb", "max"),
    )
    return {
        "count": len(table),
        "duration": _duration(table["seconds"].sum()),
        "devices": sorted(set(table["device"])),
        "versions": [
            f"{name} {' and '.join(sorted(set(used.dropna())))}" for name, used in versions.items()
        ],
        "models": models.reset_index().to_dict("records"),
    }


def _sizes(table: pd.DataFrame | None) -> list[dict]:
    digits = {"width": 0, "height": 0, "aspect_ratio": 2}
    rows = []
    for row in () if table is None else table.to_dict("records"):
        values = [
            _number(row[f"{measure}_{value}"], digits[measure])
            for measure in MEASURES
            for value in ("mean", "median", "iqr")
        ]
        rows.append(
            {
                "label": row["label"],
                "count": row["count"],
                "share": percent(row["share"]),
                "values": values,
            }
        )
    return rows


def _results(study: Study, name: str) -> dict:
    """A table of results, its cells as text, and what has to be said about it."""
    table = study.tables.get(name)
    reported = study.paper[study.paper["table"] == int(name.removeprefix("table_"))]
    reported = reported if study.of_paper else reported.head(0)
    if table is None or table.empty:
        return {"rows": [], "absent": reported["model"].tolist()}
    task, subset = table["task"].iloc[0], table["subset"].iloc[0]
    photos, rate = _judged(study, task, subset)
    largest, of = LARGEST_CLASS.get(task, (None, None)) if subset == "test" else (None, None)
    rows = []
    for row in table.to_dict("records"):
        cells = [_cell(row, metric) for metric in METRICS]
        cells[0]["ours_marked"] = row["accuracy_mean"] <= rate
        cells[0]["paper_marked"] = of is not None and row["accuracy_paper"] <= largest / of
        rows.append({"name": next(iter(row.values())), "runs": int(row["runs"]), "cells": cells})
    names = [row["name"] for row in rows]
    return {
        "rows": rows,
        "absent": [model for model in reported["model"] if model not in names],
        "single": [row["name"] for row in rows if row["runs"] < 2],
        "task": task,
        "subset": subset,
        "photos": photos,
        "rate": percent(rate),
        "paper_rate": f"{largest} of {of} ({percent(largest / of)})" if of else None,
        "in_paper": bool(table["accuracy_paper"].notna().any()),
    }


def _cell(row: dict, metric: str) -> dict:
    mean, sd, low, high, paper = (
        row[f"{metric}_{value}"] for value in ("mean", "sd", "ci_low", "ci_high", "paper")
    )
    spread = pd.notna(sd)
    return {
        "ours": f"{mean:.3f} ± {sd:.3f}" if spread else f"{mean:.3f}",
        "interval": f"[{low:.2f}, {high:.2f}]" if spread else "",
        "paper": _number(paper, 4),
        "ours_marked": False,
        "paper_marked": False,
    }


def _looking(study: Study) -> list[str]:
    """Where each fine-tuned model looks, in a sentence, and why it is not known of others."""
    folder = f"explain/{study.task}"
    summary, notes = (study.shown.get(f"{folder}/{name}") for name in ("localisation", "notes"))
    if summary is None:
        return []
    told = [localisation_summary.sentence(summary, model) for model in summary["model"].unique()]
    return [*filter(None, told), *notes["note"]]


def _erring(study: Study) -> list[str]:
    """What the errors on the main task say, in sentences; of the factors, for the best model."""
    pooled = study.shown.get(f"statistics/{study.task}/pooled")
    if pooled is None or pooled.empty:
        return []
    scheme, models, over = statistics_figures.drawn(pooled)
    tables = {}
    for name in ("contrasts", "agreement", "wrong_by_all"):
        table = study.shown[f"errors/{study.task}/{name}"]
        tables[name] = table[table["scheme"] == scheme]
    photos = pooled.loc[pooled["scheme"] == scheme, "images"].max()
    contrasts = tables["contrasts"].query("model == @models[0]").to_dict("records")
    return [
        f"What follows is {over}.",
        error_analysis.wrong_by_all_sentence(tables["wrong_by_all"], len(models), photos),
        error_analysis.agreement_sentence(tables["agreement"]),
        *map(error_analysis.contrast_sentence, contrasts),
    ]


def _withstanding(study: Study) -> list[str]:
    """What corruption costs each model, in a sentence."""
    summary = study.shown.get(f"robustness/{study.task}/corrupted")
    return [] if summary is None else robustness.sentences(summary)


def _elsewhere(study: Study) -> list[str]:
    summary = study.shown.get("external/summary")
    return (
        [] if summary is None else external_metrics.sentences(summary, study.config.external.name)
    )


def _shown(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[dict]]:
    """The tables of each section, their cells as text."""
    sections = {section: [] for section in SECTIONS.values()}
    for name, table in tables.items():
        folder, *task, kind = name.split("/")
        if kind not in SHOWN:
            continue
        title, caption = SHOWN[kind]
        shown, notes = _numbered(table.dropna(axis=1, how="all"))
        columns = _columns(shown)
        sections[SECTIONS.get(kind, SECTIONS[folder])].append(
            {
                "name": name,
                "id": name.replace("/", "-"),
                "title": ": ".join([title, *task]),
                "caption": caption,
                "columns": [
                    {"label": label.replace("_", " "), "number": number}
                    for label, number, _ in columns
                ],
                "rows": list(zip(*(cells for _, _, cells in columns), strict=True)),
                "notes": notes,
            }
        )
    return sections


def _columns(table: pd.DataFrame) -> list[tuple[str, bool, list[tuple]]]:
    """The columns of a table, as `_column`; one with a row a metric becomes one with a column a
    metric, whose cells hold the interval too."""
    if "metric" not in table or table.empty:
        ends = [label for label in table if re.search("._ci_(low|high)$", str(label))]
        return [_with_ends(str(label), table, ends) for label in table if label not in ends]
    keys = [key for key in ONE_ROW if key in table]
    metrics = table["metric"].unique()
    of = ["value", "ci_low", "ci_high"]
    wide = table.pivot(index=keys, columns="metric", values=of)
    rest = table.drop(columns=["metric", *of]).groupby(keys, sort=False).first()
    wide = wide.reindex(rest.index)
    made = [_column(str(label), values) for label, values in rest.reset_index().items()]
    return made + [
        (metric, True, [_interval(*row) for row in wide.xs(metric, axis=1, level=1)[of].to_numpy()])
        for metric in metrics
    ]


def _with_ends(label: str, table: pd.DataFrame, ends: list) -> tuple[str, bool, list[tuple]]:
    """A column, with its interval in its cells where the table has one of it."""
    of = [label, f"{label}_ci_low", f"{label}_ci_high"]
    if of[1] not in ends:
        return _column(label, table[label])
    return label, True, [_interval(*row) for row in table[of].to_numpy(float)]


def _interval(value: float, low: float, high: float) -> tuple[str, float]:
    shown = _figures(value, 0)
    if pd.notna(low):
        shown += f" [{_figures(low, 0)}, {_figures(high, 0)}]"
    return shown, value


def _numbered(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with the numbers of its notes in the place of their words, and the notes."""
    if "note" not in table:
        return table, []
    notes = [note for note in table["note"].unique() if pd.notna(note) and note]
    number = {note: str(i) for i, note in enumerate(notes, 1)}
    return table.assign(note=[number.get(note, "") for note in table["note"]]), notes


def _column(label: str, values: pd.Series) -> tuple[str, bool, list[tuple]]:
    """Its label, whether it holds numbers, and each cell as shown and, if a number, whole."""
    if not is_numeric_dtype(values) or is_bool_dtype(values):
        return label, False, [("" if pd.isna(value) else str(value), "") for value in values]
    if is_integer_dtype(values):
        return label, True, [(f"{value:,}", value) for value in values]
    smallest = SMALLEST_P if label in P_VALUES else 0
    return label, True, [(_figures(value, smallest), value) for value in values]


def _figures(value: float, smallest: float) -> str:
    """Three of them, or that it is less than `smallest`."""
    if pd.isna(value):
        return "–"
    return f"< {smallest}" if 0 <= value < smallest else f"{value:.3g}".replace("-", "−")


def _number(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"


def _listed(words: Sequence[str]) -> str:
    """'a', 'a and b' or 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _duration(seconds: float) -> str:
    """'41 s', '12 min 5 s' or '3 h 20 min'."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{minutes} min {rest} s" if hours < 1 else f"{hours} h {minutes_left} min"


def _data_uri(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f"data:{MIME[path.suffix]};base64,{content}"
