"""The views of documents for dataset runs: upload, list, deletion, and the choice for a run."""

from __future__ import annotations

import re
import tempfile

import pytest

from tests.plugins.server.in_process import CLIENT, find_app
from tests.plugins.server.page.conftest import ORIGIN, Browser, read
from tests.plugins.server.page.test_run_views import SPECIFICATION, RunPages

PATH = "/admin/runs/documents"
LIMITS = {"max_documents": 100_000, "max_uploads": 150_000}
TEXT = b"# Roots\n\nThey give water."


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with runs and small limits.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budwood_server.people.passwords._N", 16)
        folder = tmp_path_factory.mktemp("documents")
        patch.setattr(tempfile, "tempdir", str(folder))
        with RunPages(folder, runs=LIMITS) as gateway:
            yield gateway


@pytest.fixture
def open_browser(gateway):
    """
    Return a function that logs in; afterwards, no file of an upload is left that is no document.
    """
    yield lambda name: Browser(gateway, *gateway.open_page(name))
    assert list((gateway.folder / "runs").glob("parts/*")) == []
    assert list(gateway.folder.glob("budwood-*")) == []


def encode(files, boundary="limit"):
    """
    Encode a form of pairs of name and content, as browsers do.
    """
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def find_action(browser):
    """
    Return the address of the form.
    """
    return re.search(rf'action="({PATH}\?token=\w+)" enctype', browser.get(PATH).body.decode())[1]


def upload(gateway, browser, *files, action=None, **headers):
    """
    Send the form with pairs of name and content.
    """
    body = encode(files)
    sent = {"cookie": browser.cookie, "content_type": "multipart/form-data; boundary=limit"} | ORIGIN
    sent |= {"content_length": str(len(body))} | headers
    return gateway.send("POST", action or find_action(browser), "", body, **sent)


def list_names(browser):
    """
    List the names of uploaded documents.
    """
    return re.findall(r"<strong>([^<]*)</strong><small class=\"mono\">doc_", browser.get(PATH).body.decode())


def test_documents_are_uploaded_chosen_and_deleted(gateway, open_browser):
    """
    Several at once; a run reads those that its form chooses, besides those of the specification.
    """
    oli = open_browser("oli")
    answer = upload(gateway, oli, ("roots.md", TEXT), ("fruit.md", b"# Fruit\n\nIt has seeds."))
    listed = oli.get(PATH).body.decode()
    ids = dict(re.findall(r"<strong>([^<]*)</strong><small class=\"mono\">(doc_\w+)", listed))

    assert answer.headers["location"] == f"{PATH}?notice=documents-uploaded"
    assert set(ids) == {"roots.md", "fruit.md"}
    form = oli.get(f"/admin/runs/new?document={ids['roots.md']}").body.decode()
    assert re.findall(r'name="document" value="(doc_\w+)" checked', form) == [ids["roots.md"]]
    specification = f'{SPECIFICATION}[documents]\npaths = ["{ids["fruit.md"]}"]\n'
    chosen = [("document", document_id) for document_id in ids.values()]
    run = oli.post("/admin/runs", [("name", "roots"), ("specification", specification), *chosen])
    assert run.status == 303, read(run)
    text = read(oli.get(run.headers["location"]))
    assert text.count(ids["roots.md"]) == text.count(ids["fruit.md"]) == 1
    for name, document_id in ids.items():
        assert "Delete the document?" in read(oli.get(f"{PATH}/{document_id}/delete"))
        assert oli.post(f"{PATH}/{document_id}/delete").status == 303, name
    assert list_names(oli) == []
    assert list((gateway.folder / "runs" / "documents").iterdir()) == []


def test_what_was_typed_is_kept_if_a_run_is_refused(gateway, open_browser):
    """
    Also the documents that were chosen.
    """
    oli = open_browser("oli")
    upload(gateway, oli, ("kept.md", TEXT))
    document_id = re.search(r"doc_\w+", oli.get(PATH).body.decode())[0]

    for specification in ("rows = ", "rows = 1\ndocuments = 3\n", 'rows = 1\n[documents]\npaths = "a.md"\n'):
        answer = oli.post("/admin/runs", {"specification": specification, "document": document_id})

        assert answer.status == 400
        assert b'id="specification-error"' in answer.body
        assert f'value="{document_id}" checked'.encode() in answer.body
        assert specification.replace('"', "&#34;").encode() in answer.body


@pytest.mark.parametrize("name", ["../../etc/passwd.md", "..\\..\\boot.txt", "/etc/passwd.md"])
def test_folders_in_names_are_left_out(gateway, open_browser, name):
    """
    A document is stored under its id.
    """
    ann = open_browser("ann")

    assert upload(gateway, ann, (name, name.encode())).status == 303
    assert re.split(r"[/\\]", name)[-1] in list_names(ann)
    assert all(re.fullmatch(r"doc_\w+", path.name) for path in (gateway.folder / "runs" / "documents").iterdir())


@pytest.mark.parametrize("name", [".env", "~root", "..", "a\x01.md", "a" * 201 + ".md", "a\u202ecod.md", "x.exe"])
def test_names_that_are_not_valid_are_explained(gateway, open_browser, name):
    """
    At the field; no file of the form is stored.
    """
    oli = open_browser("oli")
    answer = upload(gateway, oli, ("first.md", b"first"), (name, b"content"))

    assert answer.status == 400
    assert b'id="files-error"' in answer.body
    assert "first.md" not in list_names(oli)


def test_html_in_names_is_text(gateway, open_browser):
    """
    In the list and in the form for a run.
    """
    oli = open_browser("oli")
    name = "<img src=x onerror=alert(1)>.md"

    assert upload(gateway, oli, (name, b"html")).status == 303
    for path in (PATH, "/admin/runs/new"):
        assert b"<img" not in oli.get(path).body
        assert name in oli.get(path).body.decode().replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize(
    ("files", "status", "message"),
    [
        ([("large.md", b"x" * 100_001)], 413, "100,000 bytes"),
        ([("a.md", b"x" * 90_000), ("b.md", b"y" * 90_000)], 413, "150,000 bytes"),
        ([("", b"")], 400, "Choose at least one file."),
        ([], 400, "Choose at least one file."),
        ([("empty.md", b"")], 400, "'empty.md' is empty."),
    ],
)
def test_uploads_beyond_the_limits_are_explained(gateway, open_browser, files, status, message):
    """
    In the form; nothing is stored.
    """
    ann = open_browser("ann")
    before = list_names(ann)
    answer = upload(gateway, ann, *files)

    assert answer.status == status
    assert message in read(answer)
    assert b'enctype="multipart/form-data"' in answer.body
    assert list_names(ann) == before


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data"])
def test_other_bodies_are_refused(gateway, open_browser, kind):
    """
    With a status that says so.
    """
    ann = open_browser("ann")

    assert upload(gateway, ann, ("a.md", TEXT), content_type=kind).status == 415


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"action": PATH}, 403),
        ({"action": f"{PATH}?token="}, 403),
        ({"action": f"{PATH}?token=of-another"}, 403),
        ({"origin": "http://elsewhere.example"}, 403),
        ({"cookie": ""}, 303),
    ],
)
def test_nothing_is_read_of_strangers(gateway, open_browser, monkeypatch, changes, status):
    """
    The origin, the login and the token are checked before the body is read.
    """
    oli = open_browser("oli")
    action = find_action(oli)
    for reads in ("page.views.run_documents.read_form", "web.exchange.Exchange.read_body"):
        monkeypatch.setattr(f"budwood_server.{reads}", None)

    assert upload(gateway, oli, ("a.md", TEXT), **({"action": action} | changes)).status == status


def test_token_of_other_forms_does_not_upload(gateway, open_browser):
    """
    Nor does the token in the address change anything else.
    """
    oli = open_browser("oli")
    token = find_action(oli).partition("token=")[2]

    assert upload(gateway, oli, ("a.md", TEXT), action=f"{PATH}?token={oli.csrf_token}").status == 403
    assert Browser(gateway, oli.cookie, token).post("/admin/runs", {"specification": SPECIFICATION}).status == 403


def test_documents_of_others_are_not_seen(gateway, open_browser):
    """
    Nobody can delete or use them, and viewers upload none.
    """
    oli, ann, vera = open_browser("oli"), open_browser("ann"), open_browser("vera")
    upload(gateway, oli, ("secret.md", TEXT))
    document_id = re.search(r"doc_\w+", oli.get(PATH).body.decode())[0]

    assert "secret.md" not in read(ann.get(PATH))
    assert "secret.md" not in read(ann.get("/admin/runs/new"))
    assert ann.post(f"{PATH}/{document_id}/delete").status == 404
    assert ann.post("/admin/runs", {"specification": SPECIFICATION, "document": document_id}).status == 400
    assert "secret.md" in list_names(oli)
    page = vera.get(PATH)
    assert page.status == 200
    assert b"multipart" not in page.body
    token = find_action(oli).partition("?")[2]
    assert upload(gateway, vera, ("a.md", TEXT), action=f"{PATH}?{token}").status == 403


def test_client_that_leaves_leaves_no_file(gateway, open_browser):
    """
    The part of the form that came is deleted.
    """
    oli = open_browser("oli")
    before = list_names(oli)
    body = encode([("whole.md", TEXT), ("half.md", b"x" * 50_000)])[:30_000]
    path, _, query = find_action(oli).partition("?")
    headers = {"cookie": oli.cookie, "content-type": "multipart/form-data; boundary=limit"} | ORIGIN
    scope = {"type": "http", "method": "POST", "path": path, "query_string": query.encode(), "client": CLIENT}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    messages = [{"type": "http.disconnect"}, {"type": "http.request", "body": body, "more_body": True}]
    sent = []

    async def leave():
        async def receive():
            return messages.pop()

        async def send(message):
            sent.append(message)

        await find_app(gateway.worker)(scope, receive, send)

    gateway.run(leave())

    assert messages == []
    assert sent[0]["status"] == 499
    assert list_names(oli) == before
