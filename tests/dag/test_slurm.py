"""What profiles/slurm asks SLURM for: its commands are made up, and sbatch notes what it is given,
a file a call as several are sent at once, and refuses it, so that every job is sent again."""

import collections
import os
import re
import shlex
import subprocess

from support.projects import SNAKEMAKE, Project, environment

COMMANDS = {
    "sbatch": """printf '%s\\0' "$@" > "$NOTED/$$"; exit 1""",
    "sinfo": "printf 'PARTITION\\nshort*\\ngpu\\n'",
    "sacctmgr": "echo mine",
    "squeue": "",
    "sacct": "",
    "scontrol": "",
}
PARTITIONS = "partitions: {short: {max_runtime: 1h}, long: {}, gpu: {max_gpu: 1}}"
RUNS = "results/runs/activity3"
FIGURE = "results/figures/figure_1.png"
MODELS = ("cnn_base", "clip_zero_photo", "clip_ic")
# The plugin looks at its jobs for the first time, and can end, after 40 s else.
PROFILE = ["--workflow-profile", "profiles/slurm", "--forcerun", "embed_images"]
PROFILE += ["--slurm-init-seconds-before-status-checks", "1"]


def send(
    project: Project, monkeypatch, *arguments: str, models: tuple[str, ...] = MODELS
) -> dict[str, list[dict[str, str]]]:
    """Send jobs of each kind; returns for each rule the options of sbatch, an attempt each."""
    commands = project.folder / "commands"
    commands.mkdir()
    for name, text in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (commands / name).chmod(0o755)
    noted = project.folder / "noted"
    noted.mkdir()
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NOTED", str(noted))
    targets = [f"{RUNS}/{model}/holdout/seed_0/predictions.csv" for model in models]
    for target in (*targets, FIGURE):
        (project.folder / target).unlink()
    project.fail(*PROFILE, "--keep-going", *arguments, "--", *targets, FIGURE)
    sent: dict[str, list[dict[str, str]]] = {}
    for call in sorted(noted.iterdir(), key=lambda path: path.stat().st_mtime_ns):
        options = read(call.read_text().rstrip("\0").split("\0"))
        command = shlex.split(options["--wrap"])
        rule, attempt = (
            command[command.index(name) + 1] for name in ("--allowed-rules", "--attempt")
        )
        sent.setdefault(rule, []).append(options)
        assert attempt == str(len(sent[rule]))
    return sent


def read(words: list[str]) -> dict[str, str]:
    """--name value, --name=value and --name, as a mapping."""
    options, name = {}, ""
    for word in words:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            options[name] = value
        else:
            options[name] = word
    return options


def asked(options: dict[str, str], *names: str) -> list[str | None]:
    return [options.get(name) for name in names]


NAMES = ("--gpus", "--cpus-per-task", "--mem", "-t", "-p", "-A")


def test_what_is_asked_for(rerun, monkeypatch):
    rerun.configure({"device": "auto", "resources": {"fine_tune": {"threads": 2}}})
    sent = send(rerun, monkeypatch)
    scratch = [asked(options, *NAMES) for options in sent["train_from_scratch_holdout_seed_0"]]
    assert scratch == [  # minutes and MB; two seeds
        ["1", "1", "3000", "40", "short", None],
        ["1", "1", "6000", "80", "short", None],
        ["1", "1", "9000", "120", "short", None],
    ]
    tuned = [asked(options, *NAMES) for options in sent["train_fine_tune_holdout_seed_0"]]
    assert tuned[0] == ["1", "2", "16000", "120", "short", None]
    embedded = [asked(options, *NAMES) for options in sent["embed_images"]]
    assert embedded[0] == ["1", "2", "10000", "120", "short", None]
    assert embedded[1] == ["1", "2", "20000", "240", "short", None]
    # what takes seconds is not sent
    assert set(sent) == {
        "train_from_scratch_holdout_seed_0",
        "train_fine_tune_holdout_seed_0",
        "embed_images",
    }
    assert (rerun.folder / FIGURE).exists()


def test_partitions_and_account_filled_in(rerun, monkeypatch):
    profile = rerun.folder / "profiles/slurm/config.yaml"
    text = profile.read_text()
    for line in ("- slurm_account=NAME", "slurm-partition-config: "):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line.replace("NAME", "mine"))
    profile.write_text(text)
    (rerun.folder / "profiles/slurm/partitions.yaml").write_text(PARTITIONS)
    rerun.configure({"device": "auto"})
    alone = ("--group-components", "embed=1", "--retries", "0")
    sent = send(rerun, monkeypatch, "--forcerun", "embed_texts", *alone)
    assert asked(sent["train_from_scratch_holdout_seed_0"][0], *NAMES) == [
        *("1", "1", "3000", "40", "gpu", "mine"),
    ]
    (texts,) = sent["embed_texts"]
    assert asked(texts, *NAMES) == [None, "1", "10000", "30", "short", "mine"]
    assert texts["--ntasks"] == "1"


def test_a_group_asks_for_the_sum_of_the_minutes_and_the_most_of_all_else(rerun, monkeypatch):
    fat = {"threads": 2, "mem_mb": 5000, "minutes": 7}
    rerun.configure({"device": "auto", "resources": {"fine_tune": fat}})
    models = ("cnn_base", "cnn_gen", "fnn_base", "clip_ic", "vit")
    sent = send(rerun, monkeypatch, "--retries", "1", models=models)
    scratch = [asked(options, *NAMES) for options in sent["train_from_scratch_holdout_seed_0"]]
    assert scratch == [  # three jobs of two seeds
        ["1", "1", "3000", "120", "short", None],
        ["1", "1", "6000", "240", "short", None],
    ]
    tuned = [asked(options, *NAMES) for options in sent["train_fine_tune_holdout_seed_0"]]
    assert tuned == [  # two jobs
        ["1", "2", "5000", "28", "short", None],
        ["1", "2", "10000", "56", "short", None],
    ]


LOCAL = re.compile(r"^ *rule (\w+):\n(?:(?! *rule )[^\n]*\n)*? +localrule: True", re.MULTILINE)


def test_the_papers_study_submits_at_most_60_jobs(project):
    """All jobs that are submitted are in groups."""
    asking = ("--workflow-profile", "profiles/slurm", "--config", "device=cuda", "--dry-run")
    asking += ("--verbose",)
    done = subprocess.run(
        [*SNAKEMAKE, *asking], cwd=project.folder, env=environment(), text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = done.stdout + done.stderr
    rules = "".join(path.read_text() for path in (project.folder / "workflow/rules").iterdir())
    local = {"all", "total", *LOCAL.findall(rules)}
    assert {"fetch", "report"} < local
    assert not {"pack", "evaluate"} & local
    stats = re.findall(r"(?m)^(\w+) +(\d+)$", output.split("Job stats:")[1])
    sent = sum(int(count) for rule, count in stats if rule not in local)
    assert sent > 200
    assert len(re.findall(r"(?m)^    Job \d+: ", output)) == sent
    groups = collections.Counter(re.findall(r"(?m)^\[.*\] Group job (\w+) \(", output))
    assert 20 < groups.total() <= 60, groups


def test_no_gpu_limit_that_jobs_would_not_hear_of(rerun):
    rerun.configure({"device": "auto"})
    output = rerun.fail(*PROFILE, "--resources", "gpu=0", "--", "runs")
    assert "--config device=cpu" in output
