"""The provider object, which does no I/O, with the settings and model rules of the test; its clients; its lines."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.contracts import PluginContext
from budwood.types import ModelRules
from budwood_ollama import Ollama, OllamaSettings
from budwood_testing import FakeClock

DURATIONS = {
    "total_duration": 2685412125,
    "load_duration": 3494667,
    "prompt_eval_duration": 149512000,
    "eval_duration": 2530305000,
}


@pytest.fixture
def ollama(tmp_path):
    """
    Create the provider of a local server.
    """

    def make(rules=None, **settings):
        context = PluginContext(
            instance="ollama",
            rules=lambda _model: rules or ModelRules(),
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )
        return Ollama(OllamaSettings(**settings), context)

    return make


@pytest.fixture
def make_client(scripted, clock):
    """
    Create blocking clients over the scripted transport, by default for ollama/qwen3.
    """

    def make(model="ollama/qwen3", **changes):
        return Client(model, **{"transport": scripted, "clock": clock, "cache": False, "retries": 0, **changes})

    return make


@pytest.fixture
def answer():
    """
    Create a complete reply.
    """

    def make(content="", *, done_reason="stop", message=None, **changes):
        return {
            "model": "qwen3",
            "created_at": "2026-08-07T06:08:07.590207Z",
            "message": {"role": "assistant", "content": content, **(message or {})},
            "done": True,
            "done_reason": done_reason,
            "prompt_eval_count": 21,
            "eval_count": 7,
            **DURATIONS,
            **changes,
        }

    return make


@pytest.fixture
def lines(answer):
    """
    Create the lines of a streamed reply: one for each message, then the last one with the counts.
    """

    def make(*messages, last=None):
        chunks = [
            {
                "model": "qwen3",
                "created_at": "t",
                "message": {"role": "assistant", "content": "", **message},
                "done": False,
            }
            for message in messages
        ]
        return [json.dumps(line).encode() + b"\n" for line in (*chunks, answer() if last is None else last)]

    return make
