"""Sends requests by wrk, and reads what they cost a process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BODY: Final = {
    "model": "fast",
    "temperature": 0.5,
    "messages": [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "Why is the sky blue? Answer in one sentence, and give a reason for children."},
    ],
}
_REPORT: Final = """
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.errors.status, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """
    What a round of requests took.

    Attributes:
        requests: The number of requests that were answered.
        seconds: The duration of the round.
        failures: Requests without a reply, and replies with an error status.
        p50_ms: The median latency; ``p99_ms`` is the 99th percentile.
        cpu_us: CPU time of the process for each request.
    """

    requests: int
    seconds: float
    failures: int
    p50_ms: float
    p99_ms: float
    cpu_us: float

    @property
    def rate(self) -> float:
        """
        The requests per second.
        """
        return self.requests / self.seconds


def find_wrk() -> str:
    """
    Return the path of wrk.
    """
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is not installed. On Debian: apt-get install wrk")
    return found


def send_load(url: str, key: str, pid: int, *, connections: int, seconds: float) -> Load:
    """
    Send chats for some seconds.

    Args:
        url: The address of the chats.
        key: The API key.
        pid: The process whose CPU time is counted, with its children.
        connections: How many requests are sent at the same time.
        seconds: For how long.
    """
    script = (
        'wrk.method = "POST"\n'
        'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {key}"\n'
        f"wrk.body = [==[{json.dumps(BODY)}]==]\n{_REPORT}"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "chats.lua")
        file.write_text(script, "utf-8")
        command = [find_wrk(), "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(file), url]
        before = read_cpu_seconds(pid)
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        used = read_cpu_seconds(pid) - before
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise RuntimeError(f"wrk printed no result: {output}")
    requests, duration, broken, errors, p50, p99 = map(int, found.groups())
    return Load(requests, duration / 1e6, broken + errors, p50 / 1000, p99 / 1000, used * 1e6 / max(requests, 1))


def read_cpu_seconds(pid: int) -> float:
    """
    Return the CPU time of a process and its children.
    """
    return sum(_read_cpu(each) for each in list_processes(pid))


def read_memory_mb(pid: int) -> float:
    """
    Return the resident memory of a process in megabytes, without its children.
    """
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def list_processes(pid: int) -> list[int]:
    """
    Return a process and its children.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = children.read_text("utf-8").split() if children.exists() else []
    return [pid, *(each for child in found for each in list_processes(int(child)))]


def _read_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
