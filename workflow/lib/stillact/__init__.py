"""The library of the workflow; it knows nothing of Snakemake."""

import gc

# Importing torch and scikit-learn creates some hundred thousand objects, which by default are
# searched for garbage every 700 new ones: a tenth of the CPU time of these imports.
gc.set_threshold(10_000)
