"""Titles and captions of the tables that the report shows unmodified."""

# By the last part of a table's name: its title and its caption.
SHOWN = {
    "recipes": (
        "Comparison of recipes",
        "Accuracy and log loss (nats) with 95 % bootstrap intervals over photos and runs, "
        "cross-validated (cv) and on the holdout. Averaged: accuracy of the probabilities averaged "
        "over seeds. Seconds: per run on the holdout, without embedding.",
    ),
    "views": (
        "Test-time augmentation",
        "Validation loss (nats) and accuracy on a single view of each photo, and with the logits "
        "averaged over all views; means over the runs.",
    ),
    "members": (
        "Members of ensembles",
        "Accuracy of the geometric mean of the members, and without each of them (left out); "
        "difference: what that member brings, with a 95 % bootstrap interval over photos and runs. "
        "Cross-validated where the models are, else on the test photos.",
    ),
    "pooled": (
        "Metrics with intervals",
        "Each metric as the mean over a model's runs, with a 95 % bootstrap interval over images "
        "and runs. A run is a seed on the holdout split, or a repeat of cross-validation (cv) with "
        "its folds pooled. Log loss is in nats, the others are 0 to 1.",
    ),
    "pairs": (
        "Pairwise comparisons of models",
        "Difference: accuracy of a minus that of b. Over folds: Nadeau and Bengio's corrected "
        "resampled t-test. Over images: McNemar's exact test on the majority votes (b: images that "
        "only a classifies correctly, c: only b). Holm: adjusted for all pairs.",
    ),
    "smallest_differences": (
        "Minimum detectable difference",
        "In accuracy, at 80 % power and a level of 5 %: over images, given the share of discordant "
        "predictions (discordant), and over seeds, given the standard deviation of the difference "
        "(sd).",
    ),
    "anova": (
        "The paper's analysis of variance",
        "Test accuracy over models, seeds as replicates, with partial eta squared, its 95 % "
        "interval and the achieved power; Welch's test does not assume equal variances.",
    ),
    "anova_checks": (
        "Assumptions of the analysis of variance",
        "Normality of the accuracies (Shapiro and Wilk) and equal variances (Levene). A small p is "
        "evidence against the assumption.",
    ),
    "t_test": (
        "The paper's paired t-test",
        "Test accuracy of a minus that of b over seeds, with its 95 % interval.",
    ),
    "calibration": (
        "Calibration",
        "Log loss (nats), Brier score (0 to 2) and expected calibration error (ece, 0 to 1; ten "
        "bins of equal mass), over images, averaged over runs. An ece between calibrated low and "
        "high is no evidence of miscalibration: that is the 95 % band under perfect calibration.",
    ),
    "reliability": (
        "Points of the reliability diagrams",
        "For each bin the mean confidence, the accuracy, and the 95 % band of the accuracy under "
        "perfect calibration.",
    ),
    "localisation": (
        "Localisation of saliency maps",
        "For the map of each predicted class: whether its maximum lies on a person (pointing), the "
        "share of its sum on people (energy), and of its top pixels, as many as people cover (rank "
        "accuracy); the chance level of each is the area of people. Insertion (higher is better) "
        "and deletion (lower is better): area under the model's probability as pixels are added or "
        "removed in the order of the map. Rank correlation: with the model's own map. Means over "
        "photos, with 95 % bootstrap intervals; answers: the photos that the model classifies "
        "right or wrong.",
    ),
    "covered": (
        "Accuracy with people covered",
        "On photos of which people cover at most half, with nothing, the people, or an equal area "
        "of background covered, by the photo's mean colour or by blur. Difference: background "
        "minus people, with its 95 % bootstrap interval over photos and seeds.",
    ),
    "rates": (
        "Error rates by factor",
        "Errors of the majority vote of a model's runs, with 95 % Wilson intervals.",
    ),
    "contrasts": (
        "Error rates of the first and the last bin",
        "Newcombe's 95 % interval of their difference, and Fisher's exact test, adjusted for all "
        "factors of a model (Holm).",
    ),
    "agreement": (
        "Agreement between models",
        "Cohen's kappa of their majority votes, with a 95 % bootstrap interval over photos.",
    ),
    "failures": (
        "Example errors, selected by rule",
        "Confident: for each model and class the error with the highest probability on a photo "
        "that is not the example of another model, where there is one. Closest call: the error "
        "whose probability is closest to that of the true class. Models wrong: how many models "
        "misclassify the photo.",
    ),
    "wrong_by_all": (
        "Photos misclassified by all models",
        "The hardest first: possibly mislabelled.",
    ),
    "corrupted": (
        "Robustness to corruptions",
        "Accuracy, log loss (nats) and expected calibration error (ece, 0 to 1), and their "
        "differences from the same photos clean; for accuracy with the 95 % bootstrap interval "
        "over photos and seeds. all: the mean over the corruptions that have severities. Without a "
        "severity: the mean over all severities, or a corruption without severities.",
    ),
    "summary": (
        "Models on the external dataset",
        "Metrics over its photos and the seeds, with 95 % bootstrap intervals. Difference: "
        "accuracy minus that on the study's own test photos, which is in the last column.",
    ),
    "classes": (
        "Classes of the external dataset",
        "Recall and precision per class, both with 95 % Wilson intervals. Answers: number of "
        "predictions of the class per run.",
    ),
}
