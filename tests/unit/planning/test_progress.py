"""What a run prints about its jobs, and the time that is left."""

import pytest

from stillact.planning.progress import Job, Progress, duration, overview, workload


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (10000, "167 min"), (3 * 3600, "3 h")],
)
def test_a_time_in_words(seconds, told):
    assert duration(seconds) == told


def test_the_workload_in_a_sentence():
    jobs = [Job("mlp", seconds=60, threads=2, disk_mb=1500), Job("fetch", seconds=120)]
    assert workload(jobs, 2) == "2 jobs: about 2 min on 2 cores, 1.5 GB of disk"
    assert workload(jobs[:1], 1) == "1 job: about 2 min on 1 core, 1.5 GB of disk"
    on_gpu = [*jobs, *[Job("fine_tune", seconds=300, gpu=True)] * 2]
    assert workload(on_gpu, 4) == "4 jobs: about 10 min on 4 cores and one GPU, 1.5 GB of disk"
    assert workload(jobs, None) == "2 jobs: about 4 min of CPU time, 1.5 GB of disk"


def test_no_estimate_is_said():
    assert workload([Job("export")], 2) == "1 job, without an estimate of the time"
    some = workload([Job("export"), Job("fetch", seconds=120)], 2)
    assert some == "2 jobs: about 2 min on 2 cores, 0.0 GB of disk; 1 of them without an estimate"


def test_the_time_is_at_least_that_of_the_longest_job():
    assert "about 10 min on 8 cores" in workload([Job("mlp", seconds=600)], 8)


def test_an_overview_has_a_line_per_stage_and_reason():
    new, changed = ("missing output",), ("changed input", "changed settings or code")
    jobs = [Job("fetch", "data", new), Job("mlp", "training", new)]
    jobs += [Job("mlp", "training", new), Job("pose", "training", new)]
    jobs += [Job("mlp", "training", changed)]
    assert overview(jobs) == [
        "data        1  missing output: fetch",
        "training    3  missing output: mlp 2, pose",
        "training    1  changed input and changed settings or code: mlp",
    ]
    assert overview([]) == []


def progress(*jobs, cores=1):
    return Progress(dict(enumerate(jobs)), cores)


def test_a_line_per_finished_job():
    run = progress(*[Job("mlp", seconds=100)] * 10)
    run.start(3, "Training clip_em", 0)
    assert run.finish(3, 100) == "[ 1/10] Training clip_em (2 min), about 15 min left"
    assert run.finish(3, 100) == ""
    assert run.finish(77, 100) == ""  # a target


def test_the_last_line_has_no_time_left():
    run = progress(Job("mlp", seconds=100))
    run.start(0, "Training clip_em", 0)
    assert run.finish(0, 7) == "[1/1] Training clip_em (7 s)"


def test_the_time_left_is_scaled_by_what_jobs_took():
    run = progress(*[Job("mlp", seconds=100)] * 4, *[Job("pack", seconds=100)] * 2)
    for number in range(3):
        run.start(number, "", 0)
        run.finish(number, 300)
    # (900 + 30) / (300 + 30) of all estimates, and that of mlp is nearer to its own 3
    of_all = 930 / 330
    of_mlp = (900 + 30 * of_all) / 330
    assert of_all < of_mlp < 3
    assert run.left(300) == f"about {100 * (of_mlp + 2 * of_all) / 60:.0f} min left"


def test_short_jobs_hardly_change_the_estimate():
    run = progress(Job("manifest", seconds=3), Job("fine_tune", seconds=3600))
    run.start(0, "", 0)
    run.finish(0, 1)
    assert run.left(1) == "about 56 min left"


def test_running_jobs_count_for_what_is_left_of_them():
    run = progress(Job("mlp", seconds=600), Job("mlp", seconds=600), cores=2)
    run.start(0, "", 0)
    run.start(1, "", 0)
    assert run.left(300) == "about 5 min left"
    assert run.left(2400) == "about 30 min left"  # late by as much


def test_jobs_without_an_estimate_are_counted_or_take_the_time_of_others_of_their_rule():
    run = progress(Job("export"), Job("export"), Job("fetch", seconds=600))
    assert run.left(0) == "about 10 min left and 2 jobs without an estimate"
    run.start(0, "", 0)
    run.finish(0, 300)
    assert run.left(300) == "about 15 min left"
    assert progress(Job("export")).left(0) == ""


def test_the_time_left_on_a_cluster_is_not_known():
    run = progress(*[Job("mlp", seconds=100)] * 2, cores=None)
    run.start(0, "Training clip_em", 0)
    assert run.finish(0, 50) == "[1/2] Training clip_em (50 s)"
    run.start(1, "Training clip_em", 60)
    assert run.waiting(120) == "[1/2] running or in the queue: Training clip_em (60 s)"


def test_seconds_are_those_of_the_benchmark(tmp_path):
    path = tmp_path / "a.tsv"
    run = progress(*[Job("mlp", seconds=100, benchmark=str(path))] * 2)
    path.write_text("s\th:m:s\n40.5\t0:00:40\n")
    run.start(0, "Training a", 0)
    assert run.finish(0, 4000).startswith("[1/2] Training a (40 s)")
    path.write_text("")  # damaged
    run.start(1, "Training b", 0)
    assert run.finish(1, 50) == "[2/2] Training b (50 s)"


def test_long_jobs_are_mentioned_at_doubled_times():
    run = progress(*[Job("mlp", seconds=1200)] * 5, cores=5)
    run.start(0, "Training a", 0)
    said = [now for now in range(0, 1000, 5) if run.waiting(now)]
    assert said == [60, 120, 240, 480, 960]
    for number in range(1, 5):
        run.start(number, f"Training {number}", 1000)
    told = "Training 1 (60 s); Training 2 (60 s); Training 3 (60 s) and 1 more"
    assert run.waiting(1060) == f"[0/5] still running: {told}, about 19 min left"
    run.fail(0)
    assert run.waiting(1100) == ""
