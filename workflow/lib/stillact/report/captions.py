"""Titles and captions of the tables that the report shows as they are."""

# By the last part of a table's name: its title and its caption.
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
