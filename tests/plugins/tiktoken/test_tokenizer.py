"""Token counts equal those of OpenAI."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.errors import ConfigurationError
from budwood.types import ChatRequest, ImagePart, Message, OutputSchema, ToolDefinition
from budwood_tiktoken import TiktokenSettings, TiktokenTokenizer
from budwood_tiktoken.framing import framing_of
from tests.contract import recorded_usage

DIFFERENT_REQUESTS = {
    "dd-trace-py__openai_agents__test_simple_agent": "of March 2025, when an empty list of tools cost 18 tokens",
    "logfire__test_openai_agents__test_input_guardrails": "the same",
    "logfire__test_openai__test_responses_api_version_v1_only": "the reply was edited by hand",
}
"""Recorded counts that do not match the recorded request, and why."""


@pytest.fixture(scope="module")
def tokenizer(vocabularies):
    """
    The tokenizer with local vocabularies.
    """
    return TiktokenTokenizer(TiktokenSettings(cache_folder=vocabularies), None)


def request_of(*messages, model="gpt-4o", **parameters):
    """
    Create a request with texts.
    """
    return ChatRequest(model=model, messages=tuple(map(Message.user, messages)), **parameters)


def test_counts_equal_recorded_counts_of_text(shared_folder, tokenizer, capsys):
    """
    For requests with only text, the count equals the one that OpenAI or Azure reported.
    """
    outcomes = Counter()
    different = []
    for one in recorded_usage.list_counted_requests():
        if one.api not in ("openai-chat", "responses", "azure"):
            continue
        count = tokenizer.count(one.request)
        if count is None or not count.exact:
            outcomes["estimated" if count else "another vendor's"] += 1
        elif any(name in one.file for name in DIFFERENT_REQUESTS):
            outcomes["not as sent"] += 1
        else:
            outcomes["equal" if count.input_tokens == one.input_tokens else "different"] += 1
            different += [(one.file, one.model)] * (count.input_tokens != one.input_tokens)

    with capsys.disabled():
        sys.stdout.write(f"\ntiktoken: {dict(outcomes)}\n")
    assert different == []
    assert outcomes["equal"] >= 250
    assert outcomes["not as sent"] <= 5


def test_estimates_are_within_their_bounds(shared_folder, tokenizer):
    """
    For requests with tools, schemas or images, recorded counts are within the estimated bounds in 99 % of cases.
    """
    counts = [
        (one.input_tokens, count)
        for one in recorded_usage.list_counted_requests()
        if one.api in ("openai-chat", "responses", "azure")
        and (count := tokenizer.count(one.request)) is not None
        and not count.exact
    ]

    assert len(counts) > 300
    assert [tokens for tokens, count in counts if tokens < count.low] == []
    assert sum(tokens > count.high for tokens, count in counts) <= 0.01 * len(counts)


def test_count_includes_the_framing(tokenizer):
    """
    A message costs four tokens besides its text, and the start of the reply three, or two for reasoning models.
    """
    counts = [
        tokenizer.count(request_of("Hello", model=model)) for model in ("gpt-4o", "gpt-4-0613", "gpt-5.1", "o3-mini")
    ]

    assert [count.input_tokens for count in counts] == [8, 8, 7, 7]
    assert all(count.exact and count.low == count.high == count.input_tokens for count in counts)
    assert {count.source for count in counts} == {"tokenizer"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"tools": (ToolDefinition(name="now", parameters={}),)},
        {"output_schema": OutputSchema(json_schema={"type": "object"})},
        {"extra": {"functions": []}},
        {"extra": {"response_format": {"type": "json_schema", "json_schema": {}}}},
        {"extra": {"prediction": {"type": "content"}}},
    ],
)
def test_other_content_makes_the_count_an_estimate(tokenizer, parameters):
    """
    A request with other content than text is not exact.
    """
    count = tokenizer.count(request_of("Hello", **parameters))

    assert not count.exact
    assert count.low <= count.input_tokens <= count.high


def test_images_names_and_earlier_reasoning_are_estimated(tokenizer):
    """
    Images, names and earlier replies of reasoning models make the count an estimate.
    """
    image = Message(role="user", parts=(ImagePart(url="https://vendor.example/a.png"),))
    named = Message.user("Hello").model_copy(update={"name": "ada"})
    turns = (Message.user("Hello"), Message.assistant("Hello."), Message.user("Well?"))

    for model, messages in (("gpt-4o", (image,)), ("gpt-4o", (named,)), ("o3", turns)):
        assert not tokenizer.count(ChatRequest(model=model, messages=messages)).exact
    assert tokenizer.count(ChatRequest(model="gpt-5", messages=turns)).exact


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "my-chat", "llama-3.3-70b", "text-davinci-003", ""])
def test_other_models_are_not_counted(tokenizer, model):
    """
    `count` returns None for a model with an unknown vocabulary.
    """
    assert tokenizer.count(request_of("Hello", model=model)) is None


@pytest.mark.parametrize(
    "model", ["gpt-4o-audio-preview", "gpt-4o-mini-search-preview", "gpt-4o-realtime", "gpt-oss-120b"]
)
def test_models_with_unknown_framing_are_estimated(model):
    """
    Models with a different framing are not exact.
    """
    assert framing_of(model) is None


def test_custom_names_are_mapped_to_models(vocabularies):
    """
    The setting `models` maps names of deployments to models.
    """
    settings = TiktokenSettings(cache_folder=vocabularies, models={"My-Chat": "gpt-4o"})

    assert TiktokenTokenizer(settings, None).count(request_of("Hello", model="my-chat")).input_tokens == 8


@given(st.text(), st.text())
def test_any_text_is_counted(tokenizer, first, second):
    """
    Any text is counted, including text that looks like special tokens.
    """
    counts = [tokenizer.count(request_of(text)).input_tokens for text in (first, first + "<|endoftext|>" + second)]

    assert 7 <= counts[0] <= 7 + len(first.encode())
    assert counts[1] > 7


@pytest.mark.parametrize("content", [None, b"", b"half a vocab"])
def test_missing_vocabulary_is_not_downloaded(tmp_path, monkeypatch, content):
    """
    By default a missing or damaged vocabulary raises an error with a hint, without a connection.
    """
    import requests

    def refuse(*_args, **_kwargs):
        pytest.fail("something was downloaded")

    monkeypatch.setattr(requests.Session, "request", refuse)
    if content is not None:
        (tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790").write_bytes(content)
    tokenizer = TiktokenTokenizer(TiktokenSettings(cache_folder=tmp_path), None)

    with pytest.raises(ConfigurationError, match=r"o200k_base is not in .* Set download = true"):
        tokenizer.count(request_of("Hello"))


def test_failed_download_is_an_error(tmp_path, monkeypatch):
    """
    If the download fails, the error names the folder and the cause.
    """
    import tiktoken.registry

    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})  # loaded by another test
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    tokenizer = TiktokenTokenizer(TiktokenSettings(cache_folder=tmp_path, download=True), None)

    with pytest.raises(ConfigurationError, match=r"cannot download .*ProxyError"):
        tokenizer.count(request_of("Hello", model="gpt-4"))
    assert os.environ.get("TIKTOKEN_CACHE_DIR") != str(tmp_path)


def test_importing_the_plugin_does_not_load_tiktoken():
    """
    Importing the plugin loads neither tiktoken nor requests.
    """
    program = "import sys, budwood_tiktoken; print('tiktoken' in sys.modules, 'requests' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.split() == ["False", "False"]


def counts_of(settings, *models):
    """
    Count "Hello" for some models, offline and without keys.
    """
    with Client(settings=settings, cache=False) as client:
        return [client.count_tokens("Hello", model=model, offline=True) for model in models]


def test_client_uses_it_by_default(vocabularies):
    """
    The client uses the tokenizer for models of OpenAI and Azure only.
    """
    folder = {"tokenizers": {"tiktoken": {"cache_folder": str(vocabularies)}}}
    azure = {"providers": {"azure": {"base_url": "https://x.openai.azure.com"}}}

    openai, hosted, other = counts_of(folder | azure, "openai/gpt-4o", "azure/gpt-4o", "openrouter/gpt-4o")

    assert (openai.input_tokens, openai.exact, openai.provider, openai.model) == (8, True, "openai", "gpt-4o")
    assert (hosted.input_tokens, hosted.source) == (8, "tokenizer")
    assert other.source == "estimate"


def test_client_can_disable_it(vocabularies):
    """
    With ``tokenizer = false`` the count is an estimate without a hint.
    """
    (count,) = counts_of(
        {"tokenizer": False, "tokenizers": {"tiktoken": {"cache_folder": str(vocabularies)}}}, "openai/gpt-4o"
    )

    assert (count.source, count.hint) == ("estimate", None)


def test_named_tokenizer_is_used_for_any_provider(vocabularies):
    """
    A tokenizer that is named in the settings is used for models of other providers too.
    """
    (count,) = counts_of(
        {"tokenizer": "tiktoken", "tokenizers": {"tiktoken": {"cache_folder": str(vocabularies)}}}, "openrouter/gpt-4o"
    )

    assert count.exact


def test_missing_vocabulary_gives_an_estimate_with_a_hint(tmp_path):
    """
    Without the vocabulary, the client returns an estimate with a hint.
    """
    (count,) = counts_of({"tokenizers": {"tiktoken": {"cache_folder": str(tmp_path)}}}, "openai/gpt-4o")

    assert not count.exact
    assert "Set download = true" in count.hint
