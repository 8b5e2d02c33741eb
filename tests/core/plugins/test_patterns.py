"""Only the required plugin is imported: patterns of media types and models are read from metadata."""

from __future__ import annotations

import pytest

from budwood.errors import PluginFaultError, PluginInvalidError, PromptError
from budwood.hooks import MEDIA_HANDLER, TOKENIZER
from budwood.plugins import Registry
from budwood_testing import chat_reply

BROKEN = {
    "sleeps": "import time\ntime.sleep(86_400)",
    "raises": "raise RuntimeError('broken')",
    "exits": "raise SystemExit(3)",
    "ends the process": "import os\nos._exit(3)",
}

DESCRIBES = """
from pydantic import BaseModel

from budwood.hooks import {spec}, hookimpl
from budwood.types import TextPart, TokenCount


class Settings(BaseModel):
    pass


class Thing:
    def parts(self, file):
        {body}
        return [TextPart(text="from the plugin")]

    def count(self, request):
        {body}
        return TokenCount(input_tokens=7, exact=True, low=7, high=7, source="tokenizer", provider="", model="")


@hookimpl
def {hook}():
    return [
        {spec}(
            name="{name}",
            settings=lambda: Settings,
            build=lambda settings, context: Thing(),
            requires_api=(2, 0),
            {field}={patterns},
        )
    ]
"""


def write_source(kind, name, *patterns, body="pass"):
    """
    Return the source of a module with a media handler or a tokenizer.
    """
    return DESCRIBES.format(
        spec=kind.spec.__name__, hook=kind.hook, name=name, field=kind.patterns, patterns=patterns, body=body
    )


@pytest.fixture
def make_plugin(make_distribution):
    """
    Install a media handler or a tokenizer with patterns in its entry point.
    """

    def make(kind, name, *patterns, source=None, stated=None):
        entry_point = " ".join((name, *(patterns if stated is None else stated)))
        source = write_source(kind, name, *patterns) if source is None else source
        return make_distribution(f"test-{name}", plugins=[entry_point], group=kind.group, source=source)

    return make


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_broken_media_handler_is_not_imported_for_files_of_other_types(
    source, make_plugin, make_client, scripted, tmp_path
):
    """
    A text file is read, and a file of an unknown type is rejected, without importing handlers of other types.
    """
    broken_plugin = make_plugin(MEDIA_HANDLER, "aaa", "application/x-created", "video/*", source=source)
    client = make_client()
    scripted.reply(body=chat_reply("Ok."))
    text, unknown = tmp_path / "a.txt", tmp_path / "a.bin"
    text.write_text("Hello.")
    unknown.write_bytes(b"\x00\x01")

    assert client.ask("?", files=[text]).text == "Ok."
    with pytest.raises(PromptError, match=r"Supported types: .*application/x-created, audio/aac, .*, video/\*"):
        client.ask("?", files=[unknown])

    assert broken_plugin.imports == 0


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_broken_tokenizer_is_not_imported_for_other_models(source, make_plugin, make_client):
    """
    Tokens of a model are counted without importing tokenizers of other models.
    """
    broken_plugin = make_plugin(TOKENIZER, "aaa", "acme/*", "openai/gpt-9*", source=source)

    assert make_client().count_tokens("Hello.", offline=True).input_tokens

    assert broken_plugin.imports == 0


def test_an_exact_media_type_takes_precedence_over_a_wildcard(make_plugin, make_client, scripted, tmp_path):
    """
    The handler with the wildcard is not imported.
    """
    broad = make_plugin(MEDIA_HANDLER, "aaa", "text/*", source="raise SystemExit")
    exact = make_plugin(MEDIA_HANDLER, "zzz", "text/csv")
    file = tmp_path / "a.csv"
    file.write_text("x,y\n")
    scripted.reply(body=chat_reply("Ok."))

    make_client(settings={"plugins": {"disabled": ["budwood-media"]}}).ask("?", files=[file])

    assert "from the plugin" in str(scripted.sent())
    assert (broad.imports, exact.imports) == (0, 1)


def test_a_handler_that_cannot_be_used_is_skipped(make_plugin, make_client, scripted, tmp_path):
    """
    Another handler of the same type reads the file.
    """
    broken = make_plugin(MEDIA_HANDLER, "aaa", "text/*", source="raise RuntimeError")
    file = tmp_path / "a.txt"
    file.write_text("Hello.")
    scripted.reply(body=chat_reply("Ok."))

    make_client().ask("?", files=[file])

    assert "Hello." in str(scripted.sent())
    assert broken.imports == 1


@pytest.mark.parametrize("body", ["{}['x']", "raise SystemExit(3)", "return None"])
def test_a_handler_that_fails_is_a_fault_of_the_plugin(body, make_plugin, make_client, tmp_path):
    """
    An error of `parts`, or a wrong result, is a `PluginFaultError`.
    """
    source = write_source(MEDIA_HANDLER, "acme", "text/csv", body=body)
    make_plugin(MEDIA_HANDLER, "acme", "text/csv", source=source)
    file = tmp_path / "a.csv"
    file.write_text("x")

    with pytest.raises(PluginFaultError, match=r"Plugin 'acme' \(test-acme 1\.2\.3\) failed in parts\(\)"):
        make_client().ask("?", files=[file])


def test_a_tokenizer_of_the_model_counts(make_plugin, make_client):
    """
    Patterns are not case-sensitive.
    """
    make_plugin(TOKENIZER, "aaa", "OpenAI/*")

    assert make_client().count_tokens("Hello.", offline=True).input_tokens == 7


def test_a_tokenizer_that_fails_is_replaced_by_an_estimate(make_plugin, make_client):
    """
    The hint has the error, unless the tokenizer is configured.
    """
    make_plugin(TOKENIZER, "aaa", "openai/*", source=write_source(TOKENIZER, "aaa", "openai/*", body="{}['x']"))
    client = make_client(settings={"plugins": {"disabled": ["tiktoken"]}})

    count = client.count_tokens("Hello.", offline=True)

    assert count.source == "estimate"
    assert "Plugin 'aaa' (test-aaa 1.2.3) failed in count(): KeyError: 'x'." in count.hint


def test_the_configured_tokenizer_must_work(make_plugin, make_client):
    """
    Its error is raised.
    """
    make_plugin(TOKENIZER, "aaa", "acme/*", source=write_source(TOKENIZER, "aaa", "acme/*", body="{}['x']"))

    with pytest.raises(PluginFaultError, match=r"count\(\): KeyError: 'x'"):
        make_client(settings={"tokenizer": "aaa"}).count_tokens("Hello.", offline=True)


@pytest.mark.parametrize("stated", [(), ("text/csv",), ("text/csv", "text/*", "image/png"), ("text/*",)])
def test_the_entry_point_and_the_spec_must_agree(stated, make_plugin, inventory_of):
    """
    Different patterns are an error, with the correct line of the entry point.
    """
    created = make_plugin(MEDIA_HANDLER, "acme", "text/csv", "text/tab-separated-values", stated=stated)

    with pytest.raises(PluginInvalidError) as caught:
        Registry(inventory=inventory_of()).load(MEDIA_HANDLER, "acme")

    assert caught.value.hint == (
        f'Change the entry point to "acme text/csv text/tab-separated-values" = "{created.module}".'
    )


def test_patterns_are_read_from_the_entry_point(make_plugin, inventory_of):
    """
    The name ends at the first space; patterns are compared in lower case, in any order.
    """
    make_plugin(MEDIA_HANDLER, "Acme", "text/csv", "image/x-acme", stated=("Image/X-Acme", " text/CSV"))
    inventory = inventory_of()

    (plugin,) = inventory.find(MEDIA_HANDLER, "acme")

    assert (plugin.name, plugin.patterns) == ("Acme", ("image/x-acme", "text/csv"))
    assert Registry(inventory=inventory).load(MEDIA_HANDLER, "acme").name == "Acme"
