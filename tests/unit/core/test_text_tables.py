import shutil
import subprocess

import pandas as pd
import pytest

from stillact.core import text_tables
from stillact.paper import comparison

TABLE = pd.DataFrame(
    {
        "metric": ["accuracy", "", "F1"],
        "cnn_base|a": ["a_b & 50 %", "{x}^2 ~ \\ #$", "*<b>*"],
        "mean ± sd": ["0.500 ± 0.020†", "[0.1, 0.2]", "−0.100"],
    }
)
ALL = dict(caption="Sizes & shares", note="A † marks 40\xa0% – or less, p < 0.05.", words=2)


def test_markdown(tmp_path):
    text_tables.write(tmp_path / "table_2.md", TABLE, **ALL)
    assert (tmp_path / "table_2.md").read_text(encoding="utf-8").splitlines() == [
        "**Table 2. Sizes & shares**",
        "",
        "| metric | cnn_base\\|a | mean ± sd |",
        "| --- | --- | --: |",
        "| accuracy | a_b & 50 % | 0.500 ± 0.020† |",
        "|  | {x}^2 ~ \\\\ #$ | [0.1, 0.2] |",
        "| F1 | \\*&lt;b>\\* | −0.100 |",
        "",
        "A † marks 40\xa0% – or less, p &lt; 0.05.",
    ]


def test_only_the_papers_tables_have_numbers(tmp_path):
    text_tables.write(tmp_path / "claims.md", TABLE, **ALL)
    assert (tmp_path / "claims.md").read_text().startswith("**Sizes & shares**\n")


def test_latex(tmp_path):
    text_tables.write(tmp_path / "table_2.tex", TABLE, **ALL)
    assert (tmp_path / "table_2.tex").read_text(encoding="ascii").splitlines() == [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        r"\caption{Sizes \& shares}",
        r"\label{tab:table_2}",
        r"\begin{tabular}{llr}",
        r"\toprule",
        r"metric & cnn\_base$|$a & mean $\pm$ sd \\",
        r"\midrule",
        r"accuracy & a\_b \& 50 \% & 0.500 $\pm$ 0.020$^{\dagger}$ \\",
        r" & \{x\}\textasciicircum{}2 \textasciitilde{} \textbackslash{} \#\$ & "
        r"{[}0.1, 0.2] \\",
        r"\midrule",
        r"F1 & *$<$b$>$* & $-$0.100 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\medskip\parbox{\linewidth}{\footnotesize A $^{\dagger}$ marks 40~\% -- or less, "
        r"p $<$ 0.05.}",
        r"\end{table}",
    ]


def test_a_table_of_one_part_has_no_rules_in_it(tmp_path):
    text_tables.write(tmp_path / "table_1.tex", TABLE.assign(metric=["a", "b", "c"]), **ALL)
    assert (tmp_path / "table_1.tex").read_text().count(r"\midrule") == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
def test_latex_compiles_on_a_portrait_page(tmp_path):
    metrics = {
        f"{metric}_{value}": 0.5
        for metric in comparison.METRICS
        for value in ("mean", "sd", "ci_low", "ci_high", "paper", "difference")
    }
    rows = [
        {"model": "random_resized_crop", "task": "activity3", "subset": "test", "runs": 50}
        for _ in range(10)
    ]
    table, note = comparison.readable(pd.DataFrame([row | metrics for row in rows]), 29, 0.5)
    text_tables.write(tmp_path / "a.tex", TABLE, **ALL)
    text_tables.write(tmp_path / "b.tex", table, caption="All", note=note, words=2)
    (tmp_path / "all.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        r"\input{a}\input{b}\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    assert "Overfull" not in run.stdout


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-2.5, "−2.5"), (999.4, "999"), (1000.4, "1000"), (12345.6, "12346")],
)
def test_figures_have_no_exponent(value, text):
    assert text_tables.figures(value) == text
