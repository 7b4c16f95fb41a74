"""What a study takes: from the benchmarks of earlier runs where there are some, scaled."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stillact.planning import estimate, past
from stillact.study.load import load
from support import records

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
COSTS = pd.DataFrame(
    {
        "rule": ["other", "mlp", "pack"],
        "start_s": [1, 5, 2],
        "cpu_s": [0, 0.1, 0.01],
        "gpu_s": [float("nan"), 0.01, float("nan")],
        "memory_mb": [100, 500, 100],
        "memory_kb": [0, 10, 1],
        "disk_kb": [0, 50, 0],
    }
)
MLP = estimate.JobGroup("mlp", "train/t/m", jobs=2, runs=6, work=1000, photos=200, epochs=20)
PACK = estimate.JobGroup("pack", "pack/a", work=200, photos=200, disk_mb=3)


def benchmark(results, name, seconds, cpu_s, memory_mb=300):
    path = results / f"benchmarks/{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:00\t{memory_mb}\t0\t0\t0\t0\t0\t0\t{cpu_s}\n")
    return path


def rows(results, *parts, gpu_rules=()):
    past = estimate.Past.of(results, 200)
    return estimate.table(parts, COSTS, past, gpu_rules).set_index("rule")


def test_without_earlier_runs_the_shipped_figures_serve(tmp_path):
    table = rows(tmp_path, MLP, PACK)
    assert table.loc["mlp", "cpu_hours"] == pytest.approx((2 * 5 + 100) / 3600, abs=1e-3)
    assert table.loc["mlp", "memory_mb"] == 502
    assert table.loc["mlp", "disk_mb"] == pytest.approx(0.3)
    assert table.loc["all", ["jobs", "runs", "memory_mb"]].tolist() == [3, 6, 502]
    assert set(table["estimated_from"].drop("all")) == {"shipped figures"}


def test_earlier_runs_are_scaled_by_photos_runs_and_epochs(tmp_path):
    images = tmp_path / "data/images.csv"
    images.parent.mkdir()
    images.write_text("id\n" + "x\n" * 100)  # there are 200 now
    benchmark(tmp_path, "pack/a", 14, 12)
    benchmark(tmp_path, "train/t/m/holdout/seed_0", 14, 11, memory_mb=600)
    for seed in range(3):  # there are 6 now, of 20 epochs
        meta = tmp_path / f"runs/t/m/holdout/seed_{seed}/meta.json"
        records.run(config={"training": {"max_epochs": 10}}).write(meta)
    table = rows(tmp_path, MLP, PACK)
    assert table.loc["pack", "cpu_hours"] == pytest.approx((2 + 10 * 2) / 3600, abs=1e-3)
    assert table.loc["mlp", "cpu_hours"] == pytest.approx((2 * 5 + 6 * 2 * 2 * 2) / 3600, abs=1e-3)
    assert table.loc["mlp", "memory_mb"] == 601
    assert set(table["estimated_from"].drop("all")) == {"past runs"}


def test_a_gpu_takes_hours_of_its_own(tmp_path):
    table = rows(tmp_path, MLP, PACK, gpu_rules=["mlp"])
    assert table.loc["mlp", "gpu_hours"] == pytest.approx((10 + 10) / 3600, abs=1e-3)
    assert table.loc["pack", "gpu_hours"] == 0


def test_a_job_goes_on_after_the_last_look_as_before(tmp_path):
    found = past.taken(benchmark(tmp_path, "long", 60, 30))  # the last look was after 45 seconds
    assert found.cpu_s == pytest.approx(40)
    assert past.taken(benchmark(tmp_path, "short", 0.2, "NA")) is None


@pytest.mark.parametrize(
    ("cpu_hours", "gpu_hours", "cores", "told"),
    [
        (0.5, 0, 2, "about 15 min on 2 cores, 1.5 GB"),
        (284, 0, 1, "about 284 h on 1 core, 1.5 GB"),
        (8, 5, 4, "about 5 h on 4 cores and one GPU, 1.5 GB"),
    ],
)
def test_the_total_in_a_sentence(cpu_hours, gpu_hours, cores, told):
    total = {"rule": "all", "cpu_hours": cpu_hours, "gpu_hours": gpu_hours}
    table = pd.DataFrame([total | {"memory_mb": 1500, "disk_mb": 2340}])
    text = estimate.sentence(table, cores)
    assert told in text
    assert text.endswith("and 2.3 GB of disk.")


def test_the_weights_of_runs_in_a_sentence():
    raw = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    read, none = (
        estimate.about_weights(load({**raw, "keep_weights": keep})) for keep in ("read", "none")
    )
    (gb,) = re.findall(r"weights of runs take (\d+\.\d) GB\.", read)
    assert "With keep_weights: none" in read
    assert f"take at most {gb} GB" in none
