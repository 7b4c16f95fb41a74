"""What a report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from stillact.evaluation.answer import Answer
from stillact.evaluation.shown import Shown, shown
from stillact.study.config import Config
from stillact.training.run_record import RunRecord


@dataclass(frozen=True)
class Study:
    """The contents of a report.

    config: the study's config; its first task is the main one.
    answer: which model to use; None where the main task has no results.
    images: images.csv (every row of the manifest).
    holdouts: the holdout.csv of each task.
    audit: a table of `overview.audit`.
    shown: tables of results/selection/, tables/ (confusion_{first task}), statistics/, explain/,
        errors/, robustness/ and external/, by their path under results/ without suffix.
    claims: the paper's claims: claim, verdict and evidence; None where none is evaluated.
    browser: from `browser.photos`; None where the study has no predictions.
    paper: paper_results.csv; None where the study has nothing of the paper.
    tables: table_1 from `overview.table_1`; all_models, of the first task, from
        `model_tables.of_models`; table_2 to table_7 from `comparison.beside`. Missing ones
        are left out.
    figures: PNG or SVG files: all_models, table_3 and table_7 of `results.accuracy`, figure_1,
        figure_2, figure_3 and confusion_{first task} of `results.confusion`. Missing
        ones are left out.
    runs: the records of the runs on the holdout.
    files: source files of tables and figures: paths relative to the report.
    """

    config: Config
    images: pd.DataFrame
    holdouts: Mapping[str, pd.DataFrame]
    audit: pd.DataFrame
    paper: pd.DataFrame | None
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]
    runs: Sequence[RunRecord]
    files: Sequence[str]
    shown: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    answer: Answer | None = None
    claims: pd.DataFrame | None = None
    browser: Mapping | None = None

    @property
    def task(self) -> str:
        return self.config.main_task

    @property
    def chosen(self) -> str | None:
        """The model of the answer."""
        return self.answer.chosen if self.answer else None

    def of(self, pooled: pd.DataFrame) -> Shown:
        """The models shown of a task, from its table of `bootstrap.intervals`."""
        return shown(pooled, **self.config.report.model_dump())

    @property
    def of_paper(self) -> bool:
        """Whether the paper's tables, tests and claims are part of the report."""
        return self.paper is not None
