"""A Ray cluster of this machine's loopback alone, for the tests: one head, started as an engineer starts it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

PATIENCE_S = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


@contextmanager
def ray_head(cpus: int) -> Iterator[str]:
    """The address of a cluster with room for `cpus`, gone after with all its processes."""
    gcs, dashboard, client, agent = free_ports(4)
    # A socket's path may have 107 characters, of which Ray wants most.
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    command = [
        str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--disable-usage-stats",
        "--node-ip-address=127.0.0.1", f"--port={gcs}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}",
        f"--ray-client-server-port={client}", f"--dashboard-agent-listen-port={agent}", f"--num-cpus={cpus}",
        "--object-store-memory=80000000", f"--temp-dir={folder}",
    ]  # fmt: skip
    # Ray otherwise takes another of this machine's addresses for 127.0.0.1, and asks for a token where the user's home has one.
    settings = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    variables = os.environ | settings
    with (Path(folder) / "printed").open("w") as printed:
        head = subprocess.Popen(command, stdout=printed, stderr=printed, env=variables, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{dashboard}"
        wait_for(lambda: answers(address), PATIENCE_S, (Path(folder) / "printed").read_text)
        yield address
    finally:
        end(head, folder)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/api/version", timeout=2).ok
    except requests.RequestException:
        return False


def wait_for(condition, patience_s: float, told=lambda: "") -> None:
    """Look until `condition()` is so; an AssertionError with what is `told` where that takes too long."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"waited {patience_s} s in vain: {told()}"
        time.sleep(0.2)


def end(head: subprocess.Popen, folder: str) -> None:
    """End the head and all that it started."""
    started = children_of(head.pid)
    head.terminate()
    try:
        head.wait(5)
    except subprocess.TimeoutExpired:
        head.kill()
    for process in started:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def children_of(number: int) -> list[int]:
    """The numbers of all processes that this one started, and theirs."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    return _below(number, parents)


def _below(number: int, parents: dict[int, int]) -> list[int]:
    found = [child for child, parent in parents.items() if parent == number]
    return found + [one for child in found for one in _below(child, parents)]
