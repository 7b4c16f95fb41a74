"""How often each test finds a difference between two models that are equal.

For a test at 5 % that should be 5 % of the studies. Takes seconds.
"""

import argparse

from stillact.evaluation.null_simulation import rejection_rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300, help="made-up studies")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5, help="of cross-validation")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rates = rejection_rates(
        options.studies, folds=options.folds, repeats=options.repeats, seed=options.seed
    )
    print(f"{options.studies} studies of two equal models, tests at 5 %: studies with a difference")
    for row in rates.itertuples():
        interval = f"[{100 * row.ci_low:.1f}, {100 * row.ci_high:.1f}]"
        print(f"{row.test:40} {100 * row.rejected:5.1f} %   {interval}")


if __name__ == "__main__":
    main()
