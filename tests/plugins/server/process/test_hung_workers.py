"""Workers that hang: stopped by a signal, they are killed, and others replace them."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.plugins.server.senders import list_workers, wait_for_replacement
from tests.plugins.server.serving import MODELS, ServeProcess

pytestmark = pytest.mark.one_python

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}
TIMEOUT = 8
SETTINGS = f"[server]\nworker_timeout = {TIMEOUT}\n{MODELS}"


def test_worker_that_hangs_is_replaced(tmp_path):
    """
    The other worker answers meanwhile, and is not started again. The log says how long the worker was silent.
    """
    with ServeProcess(tmp_path, "--workers", "2", settings=SETTINGS) as server:
        key = server.create_key()
        hung, other = list_workers(server)
        os.kill(hung, signal.SIGSTOP)

        with server.client(key) as client:
            assert client.post("/v1/chat/completions", json=QUESTION).status_code == 200
        line = server.wait_for_line("worker hangs and is killed")
        wait_for_replacement(server, hung)
        with server.client(key) as client:
            assert client.post("/v1/chat/completions", json=QUESTION).status_code == 200

        assert other in list_workers(server)
        assert f"pid={hung}" in line
        assert float(re.search(r"silent_for=([\d.]+)", line)[1]) >= TIMEOUT
        assert sum("worker died" in line for line in server.lines) == 1
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
