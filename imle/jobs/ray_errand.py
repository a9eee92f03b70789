"""An `imle` command that runs on the Ray cluster instead of here, while what it prints comes here."""

from __future__ import annotations

import os
import shlex
import sys
import time
import uuid
from contextlib import suppress

from imle.errors import BadChoice
from imle.jobs.ray_cluster import ENDED, Cluster, NotThere, Unanswered, cluster_at, named_address, why_unusable
from imle.jobs.ray_runner import passed_on, python_there

LOOK_S = 1.0
PATIENCE_S = 120.0


def is_sent_away() -> bool:
    """Whether a command for the cluster is to be sent there: one is named, and this process is not within one of its jobs."""
    return named_address() is not None and not os.environ.get("RAY_ADDRESS")


def run_there(arguments: list[str]) -> int:
    """Run `imle` with these arguments on the cluster; its exit status. An interrupt ends it there too. BadChoice."""
    address = named_address()
    if reason := why_unusable(address):
        raise BadChoice(reason)
    cluster, submission = cluster_at(address), f"imle-{arguments[0]}-{uuid.uuid4().hex[:8]}"
    command = [python_there(), "-c", "import sys; from imle.cli import main; sys.argv[0] = 'imle'; main()", *arguments]
    cluster.submit(submission, shlex.join(command), passed_on(), cpus=0, gpus=0)
    try:
        return _followed(cluster, submission)
    except KeyboardInterrupt:
        with suppress(NotThere):
            cluster.stop(submission)
        return 130
    except NotThere:
        raise Unanswered(
            f"the Ray cluster at {address} knows {submission} no more, as after a restart; give the command again, and it goes on"
        ) from None


def _followed(cluster: Cluster, submission: str) -> int:
    """Print what the job prints until it ends; its exit status.

    Unanswered where the cluster is away for PATIENCE_S, NotThere where it has forgotten the job.
    """
    printed, heard = 0, time.monotonic()
    while True:
        try:
            status = cluster.status(submission)
            log = cluster.log(submission)
            heard = time.monotonic()
        except Unanswered:
            if time.monotonic() - heard > PATIENCE_S:
                raise
            time.sleep(LOOK_S)
            continue
        sys.stdout.write(log[printed:])
        sys.stdout.flush()
        printed = max(printed, len(log))
        if status in ENDED:
            return 0 if status == "SUCCEEDED" else cluster.exit_status(submission) or 1
        time.sleep(LOOK_S)
