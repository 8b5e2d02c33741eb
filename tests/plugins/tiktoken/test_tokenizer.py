"""Tokens are counted as OpenAI counts them."""

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

NOT_AS_SENT = {
    "dd-trace-py__openai_agents__test_simple_agent": "of March 2025: an empty list of tools cost 18 tokens then",
    "logfire__test_openai_agents__test_input_guardrails": "the same",
    "logfire__test_openai__test_responses_api_version_v1_only": "the reply was written by hand",
}
"""Recorded counts that are not of what was sent, and why."""


@pytest.fixture(scope="module")
def tokenizer(vocabularies):
    """
    The tokenizer, with its vocabularies on this machine.
    """
    return TiktokenTokenizer(TiktokenSettings(cache_folder=vocabularies), None)


def asked(*messages, model="gpt-4o", **parameters):
    """
    Make a request of texts.
    """
    return ChatRequest(model=model, messages=tuple(map(Message.user, messages)), **parameters)


def test_recorded_requests_of_text_are_counted_to_the_token(shared_folder, tokenizer, capsys):
    """
    What OpenAI and Azure counted for text is what the tokenizer counts, but for what was not sent.
    """
    outcomes = Counter()
    wrong = []
    for one in recorded_usage.counted():
        if one.api not in ("openai-chat", "responses", "azure"):
            continue
        count = tokenizer.count(one.request)
        if count is None or not count.exact:
            outcomes["estimated" if count else "another vendor's"] += 1
        elif any(name in one.file for name in NOT_AS_SENT):
            outcomes["not as sent"] += 1
        else:
            outcomes["right" if count.input_tokens == one.input_tokens else "wrong"] += 1
            wrong += [(one.file, one.model)] * (count.input_tokens != one.input_tokens)

    with capsys.disabled():
        sys.stdout.write(f"\ntiktoken: {dict(outcomes)}\n")
    assert wrong == []
    assert outcomes["right"] >= 250
    assert outcomes["not as sent"] <= 5


def test_recorded_requests_of_more_than_text_lie_within_the_bounds(shared_folder, tokenizer):
    """
    Beside tools, schemas and images the count is an estimate, whose bounds hold for 99 of 100.
    """
    counts = [
        (one.input_tokens, count)
        for one in recorded_usage.counted()
        if one.api in ("openai-chat", "responses", "azure")
        and (count := tokenizer.count(one.request)) is not None
        and not count.exact
    ]

    assert len(counts) > 300
    assert [tokens for tokens, count in counts if tokens < count.low] == []
    assert sum(tokens > count.high for tokens, count in counts) <= 0.01 * len(counts)


def test_the_count_of_a_message_is_its_text_with_three_tokens_and_its_role(tokenizer):
    """
    "Hello" is one token, the message's frame four, the reply's beginning three; reasoning models take one less.
    """
    counts = [tokenizer.count(asked("Hello", model=model)) for model in ("gpt-4o", "gpt-4-0613", "gpt-5.1", "o3-mini")]

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
def test_what_is_no_text_makes_the_count_an_estimate(tokenizer, parameters):
    """
    Nothing is called exact that was not counted.
    """
    count = tokenizer.count(asked("Hello", **parameters))

    assert not count.exact
    assert count.low <= count.input_tokens <= count.high


def test_images_names_and_thoughts_of_old_are_estimated(tokenizer):
    """
    The same for what stands in messages.
    """
    image = Message(role="user", parts=(ImagePart(url="https://vendor.example/a.png"),))
    named = Message.user("Hello").model_copy(update={"name": "ada"})
    said = (Message.user("Hello"), Message.assistant("Hello."), Message.user("Well?"))

    for model, messages in (("gpt-4o", (image,)), ("gpt-4o", (named,)), ("o3", said)):
        assert not tokenizer.count(ChatRequest(model=model, messages=messages)).exact
    assert tokenizer.count(ChatRequest(model="gpt-5", messages=said)).exact


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "my-chat", "llama-3.3-70b", "text-davinci-003", ""])
def test_other_models_are_not_counted(tokenizer, model):
    """
    A model whose vocabulary is not known here is left to others.
    """
    assert tokenizer.count(asked("Hello", model=model)) is None


@pytest.mark.parametrize(
    "model", ["gpt-4o-audio-preview", "gpt-4o-mini-search-preview", "gpt-4o-realtime", "gpt-oss-120b"]
)
def test_models_with_frames_of_their_own_are_estimated(model):
    """
    They read more than their text.
    """
    assert framing_of(model) is None


def test_a_name_of_ones_own_stands_for_a_model(vocabularies):
    """
    Deployments have whatever names their owners like.
    """
    settings = TiktokenSettings(cache_folder=vocabularies, models={"My-Chat": "gpt-4o"})

    assert TiktokenTokenizer(settings, None).count(asked("Hello", model="my-chat")).input_tokens == 8


@given(st.text(), st.text())
def test_any_text_is_counted(tokenizer, first, second):
    """
    Whatever the characters, also those that look like markup of the vocabulary's own.
    """
    counts = [tokenizer.count(asked(text)).input_tokens for text in (first, first + "<|endoftext|>" + second)]

    assert 7 <= counts[0] <= 7 + len(first.encode())
    assert counts[1] > 7


@pytest.mark.parametrize("content", [None, b"", b"half a vocab"])
def test_a_vocabulary_that_is_not_there_is_not_downloaded(tmp_path, monkeypatch, content):
    """
    Nor is one that is damaged: the error says what to do, and no connection is tried.
    """
    import requests

    def refuse(*_args, **_kwargs):
        pytest.fail("something was downloaded")

    monkeypatch.setattr(requests.Session, "request", refuse)
    if content is not None:
        (tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790").write_bytes(content)
    tokenizer = TiktokenTokenizer(TiktokenSettings(cache_folder=tmp_path), None)

    with pytest.raises(ConfigurationError, match=r"o200k_base is not in .* Set download = true"):
        tokenizer.count(asked("Hello"))


def test_a_download_that_fails_says_so(tmp_path, monkeypatch):
    """
    With download = true nobody answers here, and the error names the folder and the cause.
    """
    import tiktoken.registry

    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})  # what another test has read
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    tokenizer = TiktokenTokenizer(TiktokenSettings(cache_folder=tmp_path, download=True), None)

    with pytest.raises(ConfigurationError, match=r"could not be downloaded .*ProxyError"):
        tokenizer.count(asked("Hello", model="gpt-4"))
    assert os.environ.get("TIKTOKEN_CACHE_DIR") != str(tmp_path)


def test_the_plugin_is_imported_without_tiktoken():
    """
    Looking for a tokenizer does not load its library, let alone a vocabulary.
    """
    program = "import sys, budwood_tiktoken; print('tiktoken' in sys.modules, 'requests' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.split() == ["False", "False"]


def counts_of(settings, *models):
    """
    Count "Hello" for some models, offline, without keys.
    """
    with Client(settings=settings, cache=False) as client:
        return [client.count_tokens("Hello", model=model, offline=True) for model in models]


def test_the_client_counts_with_it_by_itself(vocabularies):
    """
    Once installed it counts for models of OpenAI's and Azure's, and for no others.
    """
    folder = {"tokenizers": {"tiktoken": {"cache_folder": str(vocabularies)}}}
    azure = {"providers": {"azure": {"base_url": "https://x.openai.azure.com"}}}

    openai, hosted, other = counts_of(folder | azure, "openai/gpt-4o", "azure/gpt-4o", "openrouter/gpt-4o")

    assert (openai.input_tokens, openai.exact, openai.provider, openai.model) == (8, True, "openai", "gpt-4o")
    assert (hosted.input_tokens, hosted.source) == (8, "tokenizer")
    assert other.source == "estimate"


def test_the_client_counts_without_it_where_the_settings_say_so(vocabularies):
    """
    ``tokenizer = false`` leaves the estimate, without a hint.
    """
    (count,) = counts_of(
        {"tokenizer": False, "tokenizers": {"tiktoken": {"cache_folder": str(vocabularies)}}}, "openai/gpt-4o"
    )

    assert (count.source, count.hint) == ("estimate", None)


def test_a_name_in_the_settings_counts_for_any_model(vocabularies):
    """
    Where a server offers a model of OpenAI's under its name, users can have it counted.
    """
    (count,) = counts_of(
        {"tokenizer": "tiktoken", "tokenizers": {"tiktoken": {"cache_folder": str(vocabularies)}}}, "openrouter/gpt-4o"
    )

    assert count.exact


def test_without_its_vocabulary_the_client_estimates_and_says_why(tmp_path):
    """
    A count without the means for it is an estimate with a hint, and no error.
    """
    (count,) = counts_of({"tokenizers": {"tiktoken": {"cache_folder": str(tmp_path)}}}, "openai/gpt-4o")

    assert not count.exact
    assert "Set download = true" in count.hint
