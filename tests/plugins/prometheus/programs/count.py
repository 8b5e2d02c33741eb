"""Make one call, and print the metrics of all processes: ``count.py FOLDER [late] [variable] [kill]``."""

import importlib
import os
import signal
import sys
from pathlib import Path

from budwood import Client
from budwood_testing import ScriptedTransport, chat_reply

if "late" in sys.argv:
    importlib.import_module("prometheus_client")
if "variable" in sys.argv:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(Path(sys.argv[1]) / "prometheus")

transport = ScriptedTransport()
transport.reply(200, chat_reply("Hi"))
settings = {"observers": ["prometheus"], "observer": {"prometheus": {"multiprocess_folder": sys.argv[1]}}}
with Client("openai/gpt-4o", api_key="sk-test-secret", transport=transport, settings=settings, cache=False) as client:
    client.ask("Hello")
    if "kill" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)

prometheus_client = importlib.import_module("prometheus_client")
registry = prometheus_client.CollectorRegistry()
importlib.import_module("prometheus_client.multiprocess").MultiProcessCollector(registry)
sys.stdout.write(prometheus_client.generate_latest(registry).decode())
