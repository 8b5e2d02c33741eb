"""Settings that take effect at the next start."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from budwood import Settings
from budwood_server import worker as workers
from budwood_server.settings import ServerSettings
from budwood_server.settings_at_start import list_changed
from budwood_server.worker import Worker


def test_changed_settings_are_named():
    """
    Those of sections with the section. Values, which may be secrets, are not shown.
    """
    old = ServerSettings.model_validate({"webhooks": {"allow_local": True}})
    new = ServerSettings.model_validate({"admin_key": "x" * 40, "drain": 1, "events": {"alerts_poll": 1, "poll": 1}})

    assert list_changed(old, new) == ["admin_key", "events.poll", "events.alerts_poll", "webhooks.allow_local"]
    assert list_changed(new, new) == []


def test_each_change_is_logged_once(monkeypatch):
    """
    Also if settings are loaded again by the file, and then by a signal or the API.
    """
    server, lines = {"events": {}}, []
    worker = Worker(lambda: Settings.load({"server": server}), authenticate=lambda _: None)
    monkeypatch.setattr(workers, "logs", SimpleNamespace(emit=lambda name, **fields: lines.append((name, fields))))

    def load():
        asyncio.run(worker.reload())
        found = [fields["settings"] for name, fields in lines if name == "settings need a restart"]
        lines.clear()
        return found

    server["events"] = {"alerts_poll": 1.0}
    assert (load(), load()) == ([["events.alerts_poll"]], [])
    server["port"] = 1
    assert (load(), load()) == ([["port", "events.alerts_poll"]], [])
    del server["port"]
    server["events"] = {}
    assert load() == []
    server["port"] = 1
    assert load() == [["port"]]
