"""A Ray cluster by its Jobs API, asked in such a way that a page which looks every other second never waits for it long."""

from __future__ import annotations

import os
import re
import time
from functools import cache
from importlib.util import find_spec

from imle.errors import Refusal, brief

ADDRESS = "IMLE_RAY_ADDRESS"
# The limits of time of a connection, of an answer, and of a job's submission.
CONNECT_S, ANSWER_S, SUBMIT_S = 1.0, 3.0, 15.0
# A cluster that did not answer is not asked again for so long; an answer stands for so long.
SILENCE_S, KEPT_S = 10.0, 1.0
PENDING, GONE = "PENDING", "GONE"
ENDED = ("STOPPED", "SUCCEEDED", "FAILED")
NO_ADDRESS = f"no Ray cluster is named; set {ADDRESS} to its dashboard, such as http://127.0.0.1:8265"


class Unanswered(Refusal):
    """A cluster that does not answer, or not as one of Ray does; the message is one sentence."""


def named_address() -> str | None:
    """The cluster that IMLE_RAY_ADDRESS names, as http://HOST:PORT; None where it names none."""
    address = os.environ.get(ADDRESS, "").strip().rstrip("/")
    return (address if "://" in address else f"http://{address}") if address else None


def why_unusable(address: str | None) -> str | None:
    """One sentence on why nothing can be asked of the cluster at `address`; None where it answers."""
    if address is None:
        return NO_ADDRESS
    if not re.match(r"https?://", address):
        return (
            f"{ADDRESS} is {address}; the address of the cluster's dashboard is needed, such as http://127.0.0.1:8265"
        )
    if find_spec("ray") is None:
        return "Ray is not installed; install it with pip install -e .[ray]"
    try:
        cluster_at(address).greet()
    except Unanswered as error:
        return str(error)
    return None


@cache
def cluster_at(address: str) -> Cluster:
    """The one Cluster of this process for that address."""
    return Cluster(address)


class Cluster:
    """The cluster whose dashboard is at `address`. Every method may raise Unanswered, soon."""

    def __init__(self, address: str):
        self.address = address
        self._client = None
        self._silent_until, self._greeted_until, self._reason = 0.0, 0.0, ""
        self._known: dict[str, tuple[float, str]] = {}

    def greet(self) -> None:
        """Do nothing but have the cluster answer."""
        if time.monotonic() >= self._greeted_until:
            self._ask(lambda client: client.get_version())
            self._greeted_until = time.monotonic() + SILENCE_S

    def status(self, submission: str) -> str:
        """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED as Ray says it, or GONE where the cluster knows no such job."""
        until, known = self._known.get(submission, (0.0, ""))
        if known in ENDED or time.monotonic() < until:
            return known
        try:
            found = str(self._ask(lambda client: client.get_job_status(submission)).value)
        except NotThere:
            found = GONE
        self._known[submission] = (time.monotonic() + KEPT_S, found)
        return found

    def exit_status(self, submission: str) -> int | None:
        """With which the job's process ended; None where Ray does not say."""
        return self._ask(lambda client: client.get_job_info(submission)).driver_exit_code

    def message(self, submission: str) -> str:
        """What Ray tells of the job: why it waits, or the last lines of what it printed before it failed."""
        try:
            return self._ask(lambda client: client.get_job_info(submission)).message or ""
        except NotThere:
            return ""

    def submit(self, submission: str, command: str, variables: dict[str, str], cpus: float, gpus: float) -> None:
        """Have the cluster run `command` by its shell, with the environment `variables`, once so much is free."""
        self._ask(
            lambda client: client.submit_job(
                entrypoint=command, submission_id=submission, runtime_env={"env_vars": variables},
                entrypoint_num_cpus=cpus, entrypoint_num_gpus=gpus,
            )
        )  # fmt: skip
        self._known[submission] = (time.monotonic() + KEPT_S, PENDING)

    def stop(self, submission: str) -> None:
        """Have the job's process ended."""
        self._ask(lambda client: client.stop_job(submission))

    def log(self, submission: str) -> str:
        """All that the job has printed."""
        return self._ask(lambda client: client.get_job_logs(submission))

    def _ask(self, question):
        """What the cluster says to `question(client)`."""
        if time.monotonic() < self._silent_until:
            raise Unanswered(self._reason)
        try:
            self._client = self._client or _client(self.address)
            return question(self._client)
        except RuntimeError as error:
            if "status code 404" in str(error):
                raise NotThere from None
            raise self._silence(f"answers with an error ({brief(error)})") from None
        except (
            OSError,
            KeyError,
            ValueError,
        ):  # requests' own errors are of OSError; the others are of no Ray's answer
            raise self._silence(f"does not answer; start it, or set {ADDRESS} to where it is") from None

    def _silence(self, reason: str) -> Unanswered:
        """Ask nothing for a while; the error to raise meanwhile."""
        self._reason = f"the Ray cluster at {self.address} {reason}"
        self._silent_until = time.monotonic() + SILENCE_S
        return Unanswered(self._reason)


class NotThere(Exception):
    """The cluster knows no such job."""


def _client(address: str):
    """Ray's client of the Jobs API with limits of time, which it has none of."""
    from ray.job_submission import JobSubmissionClient

    class Hasty(JobSubmissionClient):
        def _do_request(self, method, *args, **kwargs):
            limit = SUBMIT_S if method == "POST" else ANSWER_S
            return super()._do_request(method, *args, **kwargs, timeout=(CONNECT_S, limit))

    return Hasty(address)
