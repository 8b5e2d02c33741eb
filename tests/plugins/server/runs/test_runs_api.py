"""``/api/runs``: from a specification to rows."""

from __future__ import annotations

import pytest

from tests.plugins.server.runs.running import RunGateway, conversation


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with runs.
    """
    with RunGateway(tmp_path_factory.mktemp("runs")) as gateway:
        yield gateway


def test_a_run_is_executed_and_its_rows_are_read(gateway):
    """
    It waits, a worker executes it with a model of the gateway, and its rows come back in pages.
    """
    run = gateway.submit(conversation(3), name="grafting")
    assert (run["state"], run["name"], run["progress"]["rows_done"]) == ("queued", "grafting", 0)

    gateway.execute()

    done = gateway.find(run)
    assert (done["state"], done["error"]) == ("complete", None)
    assert (done["progress"]["rows"], done["progress"]["rows_done"], done["progress"]["calls"]) == (3, 3, 3)
    status, page = gateway.request("GET", f"/{run['id']}/rows?limit=2")
    assert status == 200
    assert [row["index"] for row in page["items"]] == [0, 1]
    _, rest = gateway.request("GET", f"/{run['id']}/rows?limit=2&cursor={page['next_cursor']}")
    assert [row["index"] for row in rest["items"]] == [2]
    assert rest["next_cursor"] is None


def test_uploads_may_be_larger_than_other_bodies(tmp_path):
    """
    They have a limit of their own, and are written to a file as they arrive.
    """
    with RunGateway(tmp_path, server={"max_body": 1024}) as gateway:
        status, document = gateway.request("POST", "/documents?name=a.txt", b"x" * 5000)
        refused, _ = gateway.request("POST", "", {"specification": conversation(), "name": "x" * 5000})

    assert (status, document["bytes"], refused) == (201, 5000, 413)
