"""What a worker imports, since each import costs every worker memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.plugins.server.databases import create_tables

ROOT = Path(__file__).parents[4]
HEAVY = {"alembic", "budwood_generation", "cryptography", "fastapi", "jinja2", "redis", "starlette"}
PROGRAM = """
import asyncio, json, sys
from budwood import Settings
from budwood_server.process.server import GatewayServer
from budwood_server.worker import Worker
from tests.plugins.server.in_process import send_request

def list_imports(heavy):
    return sorted({name.partition(".")[0] for name in sys.modules} & heavy)

async def main(url, heavy):
    settings = {"server": {"models": {"fast": "offline/extractive"}, "database": url}}
    worker = Worker(lambda: Settings.load(settings))
    GatewayServer(worker)
    await worker.start()
    statuses = [(await send_request(worker, "GET", path, b"", {})).status for path in ("/readyz", "/v1/models")]
    before = list_imports(heavy)
    statuses.append((await send_request(worker, "GET", "/api/keys", b"", {})).status)
    await worker.stop()
    print(json.dumps([statuses, before, list_imports(heavy)]))

asyncio.run(main(sys.argv[1], set(sys.argv[2:])))
"""


def test_a_worker_imports_what_its_requests_need(sqlite_url):
    """
    FastAPI is for /api, cryptography for sealed tokens, jinja2 for prompts and the page, alembic for the parent.
    """
    create_tables(sqlite_url)
    command = [sys.executable, "-c", PROGRAM, sqlite_url, *HEAVY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == '[[200, 401, 401], [], ["fastapi", "starlette"]]', done.stderr
