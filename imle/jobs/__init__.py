"""Training as jobs that outlive who started them: one interface, a process on this machine or a Ray cluster behind it."""

from imle.jobs.job import Job, JobRefused, Order, State
from imle.jobs.runner import (
    delete,
    find,
    jobs,
    log,
    log_since,
    metrics,
    read_test_fold,
    report,
    resume,
    runners,
    steps,
    stop,
    submit,
)

__all__ = [
    "Job", "JobRefused", "Order", "State", "delete", "find", "jobs", "log", "log_since", "metrics", "read_test_fold", "report",
    "resume", "runners", "steps", "stop", "submit",
]  # fmt: skip
