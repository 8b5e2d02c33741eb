"""``/api/prompts``."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import select

from budwood_prompts import PromptReference, read_prompt
from budwood_server.access.keys import INFER, PROMPTS
from budwood_server.database.tables import AUDIT
from budwood_server.prompts import store
from tests.plugins.server.databases import open_database
from tests.plugins.server.keyed_gateway import KeyedGateway


class Prompts:
    """
    Sends requests to a gateway with a key for prompts.
    """

    def __init__(self, gateway):
        self.gateway = gateway
        self.token = gateway.create_key(scopes={PROMPTS})

    def send(self, method, path="", body=None, **headers):
        """
        Send a request, and return the status and the body.
        """
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **headers} if content else headers
        answer = self.gateway.send(method, f"/api/prompts{path}", self.token, content, **headers)
        return answer.status, answer.json if answer.body else None


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with keys.
    """
    folder = tmp_path_factory.mktemp("gateway")
    with KeyedGateway({}, f"sqlite:///{folder}/server.sqlite3") as gateway:
        yield gateway


@pytest.fixture
def prompts(gateway):
    """
    Requests with a key for prompts.
    """
    return Prompts(gateway)


def make(name, text="Greet {{ name }}."):
    """
    Return a prompt as JSON.
    """
    return {"name": name, "variables": {"name": {}}, "messages": [{"role": "user", "content": text}]}


def test_errors_of_templates_are_sentences(prompts):
    """
    A message begins with the field, then what is wrong with the template.
    """
    _, reply = prompts.send("POST", "", make("power", "{{ name * 9 }}"))

    assert reply["error"]["message"].startswith("body: Message 1 (user), line 1, uses the operator *")
    assert not reply["error"]["message"].endswith("..")


def test_saved_prompt_is_returned_by_name_label_and_number(prompts):
    """
    Each save is a new version. Labels stay where they are until they are moved.
    """
    assert prompts.send("POST", body=make("versions", "a {{ name }}"))[1]["version"] == 1
    assert prompts.send("PUT", "/versions/labels/production", {"version": 1}) == (200, {"version": 1})
    assert prompts.send("POST", body=make("versions", "b {{ name }}"))[1]["version"] == 2

    newest = prompts.send("GET", "/versions")[1]
    assert (newest["version"], newest["labels"], newest["author"]) == (2, {"production": 1}, "test")
    assert prompts.send("GET", "/versions?at=production")[1]["version"] == 1
    assert prompts.send("GET", "/versions?at=1")[1]["prompt"]["messages"][0]["content"] == "a {{ name }}"
    assert prompts.send("PUT", "/versions/labels/production", {"version": 2})[0] == 200
    assert prompts.send("GET", "/versions?at=production")[1]["version"] == 2
    assert prompts.send("DELETE", "/versions/labels/production") == (204, None)
    assert prompts.send("GET", "/versions?at=production")[0] == 404


def test_diff_and_rollback(prompts):
    """
    A rollback saves an earlier version once more; history is not changed.
    """
    for text in ("a {{ name }}", "b {{ name }}"):
        prompts.send("POST", body=make("rolled", text))

    difference = prompts.send("GET", "/rolled/diff?old=1")[1]["diff"]
    assert difference.startswith("--- rolled@1\n+++ rolled\n")
    assert prompts.send("POST", "/rolled/rollback", {"version": 1})[1]["version"] == 3
    assert prompts.send("GET", "/rolled/diff?old=1&new=3")[1] == {"diff": ""}
    first = prompts.send("GET", "/rolled/versions?limit=2")[1]
    rest = prompts.send("GET", f"/rolled/versions?cursor={first['next_cursor']}")[1]
    assert [each["version"] for each in (*first["items"], *rest["items"])] == [3, 2, 1]


def test_rendered_prompt_is_returned(prompts):
    """
    Values are data: a template in one is not rendered.
    """
    prompts.send("POST", body=make("rendered"))

    assert prompts.send("POST", "/rendered/render", {"variables": {"name": "{{ 7*7 }}"}}) == (
        200,
        {"version": 1, "messages": [{"role": "user", "content": "Greet {{ 7*7 }}."}]},
    )


def test_mistyped_prompt_is_answered_with_similar_names(prompts):
    """
    Or with the labels of the prompt.
    """
    prompts.send("POST", body=make("farewell"))
    prompts.send("PUT", "/farewell/labels/production", {"version": 1})

    def hint(path):
        status, reply = prompts.send("POST", path, {"variables": {"name": "Ada"}})
        return status, reply["error"]["hint"]

    assert hint("/farewel/render") == (404, "Use one of: farewell.")
    assert hint("/farewell/render?at=live") == (404, "Its labels: production.")


def test_keys_that_infer_may_render(gateway, prompts):
    """
    Unless their policy forbids prompts. They see and change nothing else.
    """
    prompts.send("POST", body=make("for-all"))
    body = json.dumps({"variables": {"name": "Ada"}}).encode()
    app, strict = gateway.create_key(scopes={INFER}), gateway.create_key(scopes={INFER}, request_options={"label"})

    def send(token, path):
        answer = gateway.send(
            "POST", f"/api/prompts/for-all/{path}", token, body, **{"content-type": "application/json"}
        )
        return answer.status, answer.json.get("error", {}).get("code")

    assert send(app, "render") == (200, None)
    assert send(app, "rollback") == (403, "missing_scope")
    assert send(strict, "render") == (403, "option_not_allowed")


def test_prompts_are_listed_in_pages(prompts):
    """
    The newest version of each, by name.
    """
    for name in ("page-a", "page-b", "page-c"):
        prompts.send("POST", body=make(name))

    names, cursor = [], ""
    while cursor is not None:
        page = prompts.send("GET", f"?limit=2{cursor and '&cursor='}{cursor}")[1]
        names += [item["prompt"]["name"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert names == sorted(set(names))
    assert {"page-a", "page-b", "page-c"} <= set(names)


def test_repeated_request_saves_one_version(prompts):
    """
    With an idempotency-key, the first reply is returned again.
    """
    replies = [prompts.send("POST", body=make("once"), **{"idempotency-key": "k"}) for _ in range(2)]

    assert replies[0] == replies[1]
    assert prompts.send("GET", "/once")[1]["version"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", make("bomb", "{{ ('a'*1000000000)|length }}"), 400),
        ("POST", "", make("escape", "{{ name.__class__ }}"), 400),
        ("POST", "", make("../etc"), 400),
        ("POST", "", make("surrogate", "\ud800"), 400),
        ("POST", "", {**make("long"), "description": "x" * 1001}, 400),
        ("GET", "/none", None, 404),
        ("GET", "/none/versions", None, 404),
        ("GET", "/refused?at=9", None, 404),
        ("POST", "", {**make("default"), "variables": {"name": {"default": "x" * 100_001}}}, 400),
        ("GET", "/refused?at=9999999999", None, 400),
        ("GET", "/refused?at=A'--", None, 400),
        ("GET", "/refused'%20OR%201=1", None, 400),
        ("GET", "?cursor=x", None, 400),
        ("GET", "/refused/versions?cursor=WyJhIl0", None, 400),
        ("PUT", "/refused/labels/1", {"version": 1}, 400),
        ("PUT", "/refused/labels/production", {"version": 700}, 404),
        ("DELETE", "/refused/labels/none", None, 404),
        ("POST", "/refused/rollback", {"version": 700}, 404),
        ("POST", "/refused/rollback", {"version": 10**30}, 400),
        ("POST", "/refused/render", {"variables": {}}, 400),
        ("POST", "/refused/render", {"variables": {"name": {"a": 1}}}, 400),
        ("POST", "/refused/render", {"variables": {"name": "\ud800"}}, 400),
        ("POST", "/refused/render", {"variables": {"name": "x" * 1_100_000}}, 400),
    ],
)
def test_bad_requests_are_refused(method, path, body, status, prompts):
    """
    Each is the client's error, in the form of the API.
    """
    prompts.send("POST", body=make("refused"))

    found, reply = prompts.send(method, path, body)

    assert (found, bool(reply["error"]["message"])) == (status, True)


def test_changes_are_in_the_audit_log(gateway, prompts):
    """
    Saving, labelling and restoring are recorded with who did it.
    """
    prompts.send("POST", body=make("audited"))
    prompts.send("PUT", "/audited/labels/production", {"version": 1})
    prompts.send("POST", "/audited/rollback", {"version": 1})

    async def read():
        async with gateway.worker.database.read() as connection:
            query = select(AUDIT.c.action, AUDIT.c.target).where(AUDIT.c.target.like("audited@%")).order_by(AUDIT.c.id)
            return [tuple(row) for row in await connection.execute(query)]

    assert gateway.run(read()) == [
        ("prompt.save", "audited@1"),
        ("prompt.label", "audited@production"),
        ("prompt.roll_back", "audited@2"),
    ]


def test_concurrent_saves_get_different_numbers(database_url):
    """
    Transactions that save the same prompt follow each other, in both databases.
    """

    async def main():
        async with open_database(database_url) as database:
            prompt = read_prompt(make("busy"), where="busy")

            async def save():
                async with database.write() as connection:
                    return (await store.save_prompt(connection, prompt, "ann")).version

            versions = await asyncio.gather(*[save() for _ in range(6)])
            async with database.write() as connection:
                await store.set_label(connection, "busy", "production", 2)
            async with database.read() as connection:
                found = await store.find_prompt(connection, PromptReference("busy", label="production"))
            return sorted(versions), found

    versions, found = asyncio.run(main())

    assert versions == [1, 2, 3, 4, 5, 6]
    assert (found.version, found.prompt.name, found.author) == (2, "busy", "ann")


def test_prompt_is_deleted_with_its_versions(prompts):
    """
    It is not listed or found any more. One that is saved under its name begins with the next number.
    """
    for _ in range(2):
        prompts.send("POST", body=make("gone"))
    prompts.send("PUT", "/gone/labels/production", {"version": 1})

    assert prompts.send("DELETE", "/gone") == (204, None)

    assert [prompts.send(*each)[0] for each in (("GET", "/gone"), ("GET", "/gone/versions"), ("DELETE", "/gone"))] == [
        404
    ] * 3
    assert "gone" not in str(prompts.send("GET", "?limit=200"))
    assert prompts.send("POST", body=make("gone"))[1]["version"] == 3
    assert prompts.send("GET", "/gone")[1]["labels"] == {}


def test_version_is_deleted_unless_a_label_names_it(prompts):
    """
    The newest one may be deleted, too; then the one before is the newest.
    """
    for _ in range(3):
        prompts.send("POST", body=make("shorter"))
    prompts.send("PUT", "/shorter/labels/production", {"version": 1})

    status, body = prompts.send("DELETE", "/shorter/versions/1")
    assert (status, body["error"]["code"]) == (409, "version_in_use")
    assert prompts.send("DELETE", "/shorter/versions/3") == (204, None)
    assert prompts.send("DELETE", "/shorter/versions/3")[0] == 404

    assert prompts.send("GET", "/shorter")[1]["version"] == 2
    listed = prompts.send("GET", "?limit=200")[1]["items"]
    assert [item["version"] for item in listed if item["prompt"]["name"] == "shorter"] == [2]
    assert prompts.send("POST", body=make("shorter"))[1]["version"] == 4
