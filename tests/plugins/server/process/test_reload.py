"""The settings of a running server are loaded again: by signal, by file and by the API."""

from __future__ import annotations

import os
import signal

import pytest

from tests.plugins.server.serving import MODELS, ServeProcess, wait_until

pytestmark = pytest.mark.one_python

NEW = MODELS + 'other = "offline/extractive"\n'
INVALID = "[server.models]\nfast = 'no-model'\n"


def names(client):
    """
    Return the public names that the server lists.
    """
    return {row["id"] for row in client.get("/v1/models").json()["data"]}


def versions(client):
    """
    Return the versions of the configuration that the workers report.
    """
    return [worker["version"] for worker in client.get("/api/config").json()["workers"]]


def errors(client):
    """
    Return why each worker has rejected newer settings, by its process.
    """
    return {worker["pid"]: worker["error"] for worker in client.get("/api/config").json()["workers"]}


def times(client):
    """
    Return when each worker has loaded its settings.
    """
    return {(worker["pid"], worker["loaded_at"]) for worker in client.get("/api/config").json()["workers"]}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_way_to_reload_reaches_every_worker(tmp_path, workers):
    """
    A file that is replaced, SIGHUP and the API each have all workers use the settings, without a restart.
    """
    with ServeProcess(tmp_path, "--workers", workers) as server, server.client(server.admin_key) as admin:
        first = versions(admin)
        assert len(first) == int(workers)
        assert len(set(first)) == 1
        pids = {worker["pid"] for worker in admin.get("/api/config").json()["workers"]}

        server.write_settings(NEW)  # the watch on the file
        wait_until(lambda: not set(versions(admin)) & set(first) and len(set(versions(admin))) == 1)
        with server.client() as client:
            assert "other" in names(client)

        loaded = times(admin)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: not times(admin) & loaded)

        server.write_settings(MODELS)
        reply = admin.post("/api/config/reload")
        assert (reply.status_code, reply.json()["version"]) == (200, first[0])
        wait_until(lambda: set(versions(admin)) == set(first))
        assert pids == {worker["pid"] for worker in admin.get("/api/config").json()["workers"]}


def test_invalid_settings_leave_the_present_ones_in_use(tmp_path):
    """
    The reason is logged once, is in the reply of the API, and /readyz says so, until the settings are corrected.
    """
    with ServeProcess(tmp_path) as server, server.client(server.admin_key) as admin, server.client() as client:
        before = versions(admin)
        server.write_settings(INVALID)
        line = server.wait_for_line("settings rejected")
        assert "no-model" in line
        reply = admin.post("/api/config/reload")
        assert (reply.status_code, "no-model" in reply.json()["error"]["message"]) == (400, True)
        checks = client.get("/readyz").json()["checks"]["configuration"]
        assert (checks["ok"], "not valid" in checks["note"]) == (True, True)
        assert "no-model" not in str(checks)  # it needs no key
        assert (versions(admin), "fast" in names(client)) == (before, True)

        server.write_settings(MODELS)
        wait_until(lambda: client.get("/readyz").json()["checks"]["configuration"].get("note") is None)


def test_a_worker_that_dies_while_settings_are_invalid_is_replaced_by_one_with_the_present_ones(tmp_path):
    """
    The new one reports why it rejects the newer settings, and uses those of the others.
    """
    with ServeProcess(tmp_path, "--workers", "2") as server, server.client(server.admin_key) as admin:
        before = versions(admin)
        server.write_settings(INVALID)
        wait_until(lambda: all(errors(admin).values()))
        dead = next(iter(errors(admin)))
        os.kill(dead, signal.SIGKILL)

        def is_replaced():
            with server.client(server.admin_key) as fresh:  # the connection may have been that of the killed one
                found = errors(fresh)
            return len(found) == 2 and dead not in found and all(found.values())

        wait_until(is_replaced)
        with server.client(server.admin_key) as fresh:
            assert versions(fresh) == before


def test_weak_admin_keys_are_refused_at_a_reload(tmp_path):
    """
    The present settings remain in use, and the log does not contain the key.
    """
    with ServeProcess(tmp_path) as server, server.client(server.admin_key) as admin:
        server.write_settings('[server]\nadmin_key = "sk-1234"\n' + MODELS)
        line = server.wait_for_line("settings rejected")
        assert admin.get("/api/config").status_code == 200

    assert "server.admin_key" in line
    assert "sk-1234" not in "\n".join(server.lines)


def test_only_admin_keys_see_the_configuration(tmp_path):
    """
    A key that may infer gets 403, a request without a key 401, in the form of errors of this API.
    """
    with ServeProcess(tmp_path) as server, server.client() as client:
        forbidden = client.get("/api/config")
        unknown = client.post("/api/config/reload", headers={"authorization": "Bearer x"})
        missing = client.get("/api/nowhere")
        method = client.delete("/api/config")

    assert (forbidden.status_code, forbidden.json()["error"]["code"]) == (403, "missing_scope")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_route")
    assert (method.status_code, method.json()["error"]["code"]) == (405, "method_not_allowed")
    assert missing.json()["error"]["request_id"] == missing.headers["x-request-id"]
