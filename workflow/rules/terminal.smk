# What a run prints, with `--verbose` what Snakemake itself prints: a line per finished job, and in a
# dry run what would run and why, by stage. The log file in .snakemake/log has all of Snakemake's
# messages in any case.
#
# It is not a logger plugin, which would have to be installed wherever Snakemake is, and without which
# a profile that names it fails. Loggers of `--logger`, and the output of a workflow that uses this one
# as a module, stay as they are.

import logging
import threading

from snakemake.logging import ColorizingTextHandler, LogEvent, get_event
from snakemake.settings.enums import Quietness

from stillact.planning.progress import Job, Progress, overview, workload

HIDDEN = {
    LogEvent.WORKFLOW_STARTED,
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.GROUP_INFO,
    LogEvent.RESOURCES_INFO,
    LogEvent.PROGRESS,
}
# The beginnings of messages without an event. Others are shown: those of executors and of rules.
SCAFFOLDING = (
    "Building DAG of jobs",
    "Using shell",
    "Group jobs: inactive",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Select jobs to execute",
    "Shutting down",
    "Elapsed time",
    "Reasons:",
    "Some jobs were triggered by provenance information",
    "Rules with provenance triggered jobs",
    "This was a dry-run",
)
WHY = {  # Snakemake's reasons; a digest of the code is a parameter
    "output files have to be generated": "missing output",
    "input files updated by another job": "after other jobs",
    "updated input files": "changed input",
    "set of input files has changed since last execution": "changed input",
    "params have changed since last execution": "changed settings or code",
    "software environment definition has changed since last execution": "changed environment",
    "incomplete output files": "unfinished output",
}


def estimated():
    """The plan's estimate of each job, by its benchmark. It is empty with --touch, which runs no job,
    and if the manifest or files of an earlier run cannot be read: a job tells that better."""
    import pandas as pd  # not needed to parse the workflow

    from stillact.planning import estimate, work

    if workflow.touch:
        return {}
    try:
        photos = work.photos(cfg)
        parts = work.parts(cfg, photos, PLANNED["small"], PLANNED["folds_per_job"])
        past = estimate.Past.of(Path("results"), photos.total())
        costs = pd.read_csv(ROOT / "data/run_costs.csv")
        return estimate.per_job(parts, costs, past, PLANNED["gpu_rules"])
    except (InputError, OSError, ValueError, LookupError):
        return {}


def jobs_to_run():
    """The jobs of this run, but for targets such as `all`, in the order of the rules."""
    from stillact.planning.estimate import of_benchmark

    each, made = estimated(), {}
    place = {rule: number for number, rule in enumerate(workflow.rules)}
    for job in sorted(workflow.dag.needrun_jobs(), key=lambda job: place[job.rule]):
        if job.is_norun:
            continue
        row = of_benchmark(job.benchmark, each) or {}
        gpu_hours, threads = row.get("gpu_hours", 0), job.threads
        hours = gpu_hours or row.get("cpu_hours", 0) / threads
        reasons = [WHY.get(name, name) for name in workflow.dag.reason(job).get_names()]
        own_reasons = [name for name in reasons if name != "after other jobs"] or reasons
        made[workflow.dag.jobid(job)] = Job(
            name=row.get("rule", job.rule.name),
            stage=Path(str(job.rule.snakefile)).stem,
            reasons=tuple(dict.fromkeys(own_reasons)),
            seconds=3600 * hours if row else None,
            threads=threads,
            gpu=gpu_hours > 0,
            disk_mb=row.get("disk_mb", 0),
            benchmark=job.benchmark and str(job.benchmark),
        )
    return made


class Terminal(ColorizingTextHandler):
    """Takes the place of Snakemake's handler, with its stream, colours, formats and filters."""

    def __init__(self, default):
        super().__init__(default.nocolor, default.stream, default.formatter)
        self.filters = default.filters
        self.progress, self.failed = None, False
        self.ended = threading.Event()

    def handle(self, record):
        with self.lock:
            self.follow(record)
            return super().handle(record)

    def follow(self, record):
        """Also jobs whose lines `--quiet` hides."""
        event, now = get_event(record), time.monotonic()
        self.failed |= record.levelno >= logging.ERROR
        if event == LogEvent.RUN_INFO:
            record.told = "" if self.progress else self.begin()
        elif not self.progress:
            return
        elif event == LogEvent.JOB_INFO:
            self.progress.start(record.jobid, record.rule_msg or record.rule_name, now)
        elif event == LogEvent.JOB_ERROR:
            self.progress.fail(record.jobid)
        elif event == LogEvent.GROUP_ERROR:
            for job in record.job_error_info:
                self.progress.fail(job["jobid"])
        elif event == LogEvent.JOB_FINISHED:
            record.told = self.progress.finish(record.job_id, now)

    def begin(self):
        cores = None if workflow.non_local_exec else workflow.resource_settings.cores or 1
        self.progress = Progress(jobs_to_run(), cores)
        jobs = self.progress.jobs.values()
        if workflow.dryrun:
            ending = "This was a dry run: --verbose lists each job with its files"
            return "\n".join([*overview(jobs), workload(jobs, cores), ending])
        threading.Thread(target=self.mention_long_jobs, daemon=True).start()
        return workload(jobs, cores)

    def emit(self, record):
        message = str(record.msg)
        hidden = get_event(record) in HIDDEN or message.startswith(SCAFFOLDING)
        hidden |= message.startswith("Complete log") and not self.failed
        if not hidden:
            super().emit(record)

    def format(self, record):
        return record.told if hasattr(record, "told") else super().format(record)

    def mention_long_jobs(self):
        while not self.ended.wait(5):
            with self.lock:
                text = self.progress.waiting(time.monotonic())
            if text:
                logger.info(text, extra={"quietness": Quietness.PROGRESS})

    def close(self):
        self.ended.set()
        super().close()


def shows_progress():
    """Whether this run is of this workflow itself, with Snakemake's default output."""
    settings = workflow.output_settings
    own_run = workflow.is_main_process and workflow.modifier.is_main_snakefile()
    return own_run and not settings.verbose and Quietness.ALL not in (settings.quiet or ())


for handler in list(logger.handlers):
    if handler.name == "DefaultStreamHandler" and shows_progress():
        logger.removeHandler(handler)
        logger.addHandler(Terminal(handler))
