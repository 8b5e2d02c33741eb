"""What a specification may not ask for: files outside of the folder of documents, URLs, code, and fields of vendors."""

from __future__ import annotations

import os
from typing import get_args

import pytest

from budwood_generation import ConversationSpec, Documents, GenerationSpec, ModelOptions, RowSpec, export_formats
from budwood_server.runs import specifications
from budwood_server.runs.document_folder import Copies, DocumentFolder
from budwood_server.runs.exporting import Format
from budwood_server.web.problems import ProblemError
from tests.plugins.server.runs.running import RunGateway, conversation

ROW = {"model": "fast", "instruction": "Say it.", "schema": {"type": "object"}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """
    A gateway with runs, and a folder of documents with links that lead out of it.
    """
    with RunGateway(tmp_path_factory.mktemp("runs"), runs={"max_rows": 50, "max_documents": 10_000}) as gateway:
        (gateway.folder / "secret.md").write_text("# Secret\n\nThe password is hunter2, and more of it.\n", "utf-8")
        documents = gateway.documents
        (documents / "notes.md").write_text("# Notes\n\nThe rootstock gives roots and vigour to it.\n", "utf-8")
        (documents / "link.md").symlink_to(gateway.folder / "secret.md")
        (documents / "passwd.txt").symlink_to("/etc/passwd")
        (documents / "out").symlink_to(gateway.folder)
        (documents / "deep").mkdir()
        (documents / "deep" / "page.md").write_text("# Page\n\nThe shoot gives the fruit of the tree.\n", "utf-8")
        (documents / "large.md").write_text("x" * 20_000, "utf-8")
        os.mkfifo(documents / "pipe.md")
        yield gateway


def with_documents(*paths, **fields):
    """
    Return a specification with documents.
    """
    return {"rows": 1, "conversation": {"answerer": "fast"}, "documents": {"paths": [*paths], **fields}}


def with_seeds(file):
    """
    Return a specification with a file of seeds.
    """
    strategy = {"plugin": "seed-list", "seeds": {"file": file}}
    return {"rows": 1, "conversation": {"answerer": "fast", "strategy": strategy}}


SKIPPED = "Symbolic links are not read, and were skipped: link.md, out, passwd.txt."

LEADS_OUT = [
    "/etc/passwd",
    "../secret.md",
    "deep/../../secret.md",
    "..\\secret.md",
    "~/secret.md",
    "~root/x.md",
    "file:///etc/passwd",
    "https://example.com/a.md",
    "s3://bucket/a.md",
    "C:\\secret.md",
    "link.md",
    "passwd.txt",
    "out/secret.md",
    "pipe.md",
    "missing.md",
    "notes.md\n",
    "",
    ".",
    "doc_AAAAAAAAAAAAAAAA",
]


@pytest.mark.parametrize("path", LEADS_OUT)
def test_no_file_outside_of_the_folder_is_read(gateway, path):
    """
    Whatever names a file: documents, seeds, personas of a modifier, or a schema. The message names the field.
    """
    assert gateway.refuse(with_documents("notes.md", path)).startswith("documents.paths[1]: ")
    assert gateway.refuse(with_seeds(path)).startswith("conversation.strategy.seeds.file: ")
    assert gateway.refuse({"rows": 1, "row": {**ROW, "schema": path}}).startswith("row.schema: ")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("C:\\x.md", "the path names a drive"),
        ("https://example.com/a.md", "the documents of a run have no URLs"),
        ("deep/../notes.md", "'..' is not permitted in the path"),
        ("pipe.md", "'pipe.md' is not a regular file"),
        (".", "the path is the folder of documents"),
    ],
)
def test_errors_about_paths_say_what_is_wrong_and_what_to_do(gateway, path, message):
    """
    A drive is no URL, and ``..`` need not lead out of the folder.
    """
    status, body = gateway.request("POST", "", {"specification": with_documents(path)})

    assert (status, body["error"]["message"]) == (400, f"documents.paths[0]: {message}.")
    assert body["error"]["hint"]


def test_an_error_in_the_text_has_a_hint(gateway):
    """
    The message has the line.
    """
    _, body = gateway.request("POST", "", {"specification": "rows = [\n]]"})

    assert "line 2" in body["error"]["message"]
    assert "Texts need quotes" in body["error"]["hint"]


@pytest.mark.parametrize("pattern", ["/etc/*", "../*.md", "out/*.md", "*/secret.md", "**/../*.md", "l*k.md", "p*.md"])
def test_no_pattern_leads_out_of_the_folder(gateway, pattern):
    """
    A link that is named is refused, and a pattern that matches nothing but links.
    """
    message = gateway.refuse(with_documents(pattern))

    assert message.startswith("documents.paths[0]: ")
    assert "hunter2" not in message


@pytest.mark.parametrize("exclude", [["large.md"], ["link.md", "out", "passwd.txt", "large.md"]])
def test_links_that_a_pattern_matches_are_skipped(gateway, exclude):
    """
    The others are copied, and the run reads the copies. Its notes name links that are not excluded.
    """
    run = gateway.submit(with_documents("**/*.md", "*/*.md", exclude=exclude))
    assert run["progress"]["notes"] == [SKIPPED] * ("link.md" not in exclude)
    gateway.execute()

    found = gateway.find(run)
    assert (found["state"], SKIPPED in found["progress"]["notes"]) == ("complete", "link.md" not in exclude)
    copies = gateway.folder / "runs" / "runs" / run["id"] / "input"
    assert sorted(str(path.relative_to(copies)) for path in copies.rglob("*.md")) == ["deep/page.md", "notes.md"]


def test_a_link_that_replaces_a_file_between_check_and_use_is_not_followed(tmp_path, monkeypatch):
    """
    The file that was opened is copied; a folder that becomes a link is not entered.
    """
    inside, outside, target = tmp_path / "inside", tmp_path / "outside", tmp_path / "target"
    for folder in (inside, inside / "a", outside, target):
        folder.mkdir()
    (outside / "x.md").write_text("secret", "utf-8")
    (inside / "a" / "x.md").write_text("public", "utf-8")
    folder, copies = DocumentFolder(inside), Copies(target, 1000)

    with folder.open(["a", "x.md"], "field") as opened:
        (inside / "a" / "x.md").unlink()
        (inside / "a" / "x.md").symlink_to(outside / "x.md")
        copies.add(opened, "x.md", "field")
    assert (target / "x.md").read_text("utf-8") == "public"

    found = list(folder.find(("**", "*.md"), "field"))
    (inside / "a").rename(inside / "b")
    (inside / "a").symlink_to(outside)
    for path in found:
        with pytest.raises(ProblemError, match="symbolic link"), folder.open(path, "field"):
            pass
    folder.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"output": "/tmp/rows.jsonl"}, "output"),
        ({"output": "../rows.jsonl"}, "output"),
        ({"output": "a/rows.jsonl"}, "output"),
        ({"output": "s3://bucket/rows"}, "output"),
        ({"output": "postgresql://host/db"}, "output"),
        ({"output": "sqlite:///x.db"}, "output"),
        ({"output": "rows.parquet"}, "output"),
        ({"storage": "s3"}, "storage"),
        ({"storage": {"plugin": "jsonl", "output": "/tmp/x"}}, "storage"),
        ({"storage": {"plugin": "sql", "url": "sqlite:////etc/x"}}, "storage"),
        ({"root": "/"}, "root"),
        ({"origin": "/etc/passwd"}, "origin"),
        ({"rows": 51}, "rows"),
        ({"concurrency": 1000}, "concurrency"),
        ({"documents": "notes.md"}, "documents"),
        ({"documents": {"paths": "notes.md"}}, "documents.paths"),
        ({"documents": {"paths": ["notes.md"], "exclude": ["/etc"]}}, "documents.exclude[0]"),
        ({"documents": {"paths": ["large.md"]}}, "documents.paths[0]"),
    ],
)
def test_a_specification_writes_only_rows_and_has_bounds(gateway, changes, field):
    """
    The output is the server's.
    """
    assert gateway.refuse(conversation() | changes).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"strategy": "os:system"}, "strategy"),
        ({"strategy": {"plugin": "./evil.py"}}, "strategy"),
        ({"strategy": {"plugin": "budwood_generation.strategies:Persona"}}, "strategy"),
        ({"strategy": {"seeds": ["x"]}}, "strategy"),
        ({"strategy": ["persona"]}, "strategy"),
        ({"modifiers": ["persona", "evil:run"]}, "modifiers[1]"),
        ({"modifiers": [{"plugin": "document-context"}, {"plugin": "x"}]}, "modifiers[1]"),
        ({"answerer": "unknown/model"}, "answerer"),
        ({"asker": "gpt"}, "asker"),
        ({"lane": "batch"}, "lane"),
        ({"lane": "auto"}, "lane"),
        ({"answerer_options": {"extra": {"model": "other"}}}, "answerer_options.extra"),
        ({"asker_options": {"api_key": "x"}}, "asker_options.api_key"),
        ({"tools": ["os:system"]}, "tools"),
    ],
)
def test_a_specification_names_no_code(gateway, changes, field):
    """
    Only plugins of budwood-generation, models of the gateway, and known options are accepted.
    """
    specification = conversation()
    specification["conversation"] = specification["conversation"] | changes

    assert gateway.refuse(specification).startswith(f"conversation.{field}: ")


@pytest.mark.parametrize("reference", ["file:///etc/passwd", "https://example.com/schema.json", "other.json"])
def test_a_schema_fetches_nothing(gateway, reference):
    """
    A reference to anything else than the schema itself ends the run.
    """
    run = gateway.submit({"rows": 1, "row": {**ROW, "schema": {"$ref": reference}}})
    gateway.execute()

    done = gateway.find(run)
    assert done["state"] == "failed"
    assert "cannot be resolved" in done["error"]["message"]


@pytest.mark.parametrize("text", ["rows = [", "rows = nan", "rows = 1979-05-27", "x = " + "[" * 100 + "]" * 100])
def test_a_text_that_is_not_valid_is_refused(gateway, text):
    """
    It must be TOML whose values are JSON.
    """
    assert gateway.refuse(text).startswith("specification: ")


def test_every_key_of_a_specification_is_known_here():
    """
    A key that budwood-generation adds must be checked here before clients may set it.
    """
    assert keys_of(GenerationSpec) - {"root", "origin"} == specifications.TOP
    assert keys_of(Documents) == specifications.DOCUMENTS
    assert keys_of(ConversationSpec) == specifications.CONVERSATION
    assert keys_of(RowSpec) == specifications.ROW
    assert keys_of(ModelOptions) == specifications.OPTIONS | specifications.REFUSED
    assert {each.name for each in export_formats()} == {*get_args(Format)}


def keys_of(model):
    """Return the keys of a part of a specification, as they are in a file."""
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    "strategy", [{"plugin": "persona", "path": "/etc/passwd"}, {"plugin": "seed-list", "seeds": 5}]
)
def test_settings_of_plugins_are_checked_at_submission(gateway, strategy):
    """
    The message names the field; the run is not stored.
    """
    message = gateway.refuse({"rows": 1, "conversation": {"answerer": "fast", "strategy": strategy}})

    assert "conversation.strategy" in message


def test_documents_of_unsupported_types_are_refused_at_submission(gateway):
    """
    The message names the field and the file.
    """
    (gateway.documents / "data.xyz").write_bytes(b"\0\1")

    assert gateway.refuse(with_documents("data.xyz")).startswith("documents.paths[0]: 'data.xyz' has an unsupported")
