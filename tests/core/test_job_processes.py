"""Jobs whose process is killed, and that another process takes up again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.media_server import BLOCK, MediaServer
from tests.peak_memory import STATUS

ROOT = Path(__file__).parents[2]
WAIT = 60.0
"""Seconds after which a process has failed."""

START = """
import sys
from tests.job_vendor import kill_this_process, make_client

client = make_client(sys.argv[1])

def store(ref):
    print(ref.model_dump_json(), flush=True)
"""
SUBMIT = """
job = client.submit_video("A cat.")
store(job.ref)
"""
CONTINUE = """
import sys
from tests.job_vendor import make_client

with make_client(sys.argv[1]) as client:
    job = client.job(sys.argv[2])
    print(len(job.result(output=sys.argv[3]).video.read()))
"""
ENDS = {
    "after the submission": SUBMIT + "kill_this_process()",
    "in polling": SUBMIT + "job.wait(progress=lambda state: kill_this_process())",
    "in the download": SUBMIT + "job.result(output=sys.argv[2])",
    "in the polling of a call": """
client.video("A cat.", submitted=store, progress=lambda state: kill_this_process())
""",
    "in the download of a stream": """
for event in client.stream_video("A cat.", output=sys.argv[2], submitted=store):
    if hasattr(event, "data") and hasattr(event, "total"):
        kill_this_process()
""",
}


def run(code, *arguments):
    """
    Run code in another process; return its exit status and the lines that it wrote.
    """
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT, check=False)
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


@pytest.mark.parametrize("end", ENDS)
def test_job_of_a_killed_process_continues_in_another(tmp_path, end):
    """
    Nothing is submitted twice, and the file is either complete or missing.
    """
    target = tmp_path / "cat.mp4"
    with MediaServer(poll_headers={"openai-poll-after-ms": "100"}, video_size=8 * len(BLOCK)) as vendor:
        process = []

        def kill_in_download(handler):
            handler.send_head(200, 8 * len(BLOCK), {"content-type": "video/mp4"})
            handler.wfile.write(BLOCK)
            handler.wfile.flush()
            process[0].kill()
            handler.close_connection = True

        if end == "in the download":
            vendor.fault = lambda _, request: kill_in_download if "content" in request.path and process else None
        command = [sys.executable, "-c", START + ENDS[end], vendor.url, str(target)]
        process.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        output, _ = process[0].communicate(timeout=WAIT)
        assert process[0].returncode == -9
        assert not target.exists()
        process.clear()

        status, lines, errors = run(CONTINUE, vendor.url, output.strip(), target)

        assert (status, lines) == (0, [str(vendor.video_size)]), errors
        assert vendor.count("POST /v1/videos") == 1
        assert target.stat().st_size == vendor.video_size


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux has this measure")
@pytest.mark.parametrize("call", ["client.video('A cat.', output=sys.argv[2])", "list_sizes(client)"])
def test_memory_does_not_grow_with_a_video(tmp_path, call):
    """
    A video of 200 MB passes in blocks, also if they are shown while it is downloaded.
    """
    code = f"""
import sys
from tests.job_vendor import make_client
from tests.peak_memory import read_peak_memory

def list_sizes(client):
    with client.stream_video("A cat.", output=sys.argv[2]) as stream:
        return sum(len(getattr(event, "data", b"")) for event in stream)

with make_client(sys.argv[1]) as client:
    before = read_peak_memory()
    {call}
    after = read_peak_memory()
print(after - before)
"""
    size = 200_000_000
    with MediaServer(poll_headers={"openai-poll-after-ms": "100"}, video_size=size) as vendor:
        status, lines, errors = run(code, vendor.url, tmp_path / "cat.mp4")

    assert status == 0, errors
    assert (tmp_path / "cat.mp4").stat().st_size == size
    assert int(lines[0]) < 50_000_000
