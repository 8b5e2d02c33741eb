"""LangChain's own suites for chat models, on a vendor on loopback."""

from __future__ import annotations

import functools
import importlib
import json
import operator

import httpx
import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from budwood_langchain import ChatBudwood
from tests.langchain.vendor import KEY
from tests.media import IMAGES, make_pdf, make_wav

MEDIA = {"pdf": make_pdf(), "png": IMAGES["png"], "wav": make_wav()}


@pytest.fixture
def provider(vendor, monkeypatch):
    """
    A provider ``vendor`` in the environment; the suite's downloads of media are replaced by media of the tests.
    """
    for name, value in vendor.provider.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"BUDWOOD_PROVIDERS__VENDOR__{name.upper()}", text)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "budwood")
    monkeypatch.setattr(httpx, "get", lambda url, **_: httpx.Response(200, content=MEDIA[url.rpartition(".")[2]]))


class TestUnit(ChatModelUnitTests):
    @pytest.fixture(autouse=True)
    def trust(self, monkeypatch):
        """
        Let LangChain load the class: ``allowed_objects="all"`` allows only the packages that LangChain lists.
        """
        load = importlib.import_module("langchain_core.load.load")  # the package has a function of this name
        path = tuple(ChatBudwood.lc_id())
        monkeypatch.setitem(load.ALL_SERIALIZABLE_MAPPINGS, path, path)
        monkeypatch.setattr(load, "_default_class_paths_cache", {})

    @property
    def chat_model_class(self):
        return ChatBudwood

    @property
    def chat_model_params(self):
        return {"model": "offline/extractive"}

    @property
    def init_from_env_params(self):
        environment = {"BUDWOOD_API_KEY": KEY, "BUDWOOD_MODEL": "offline/extractive"}
        return environment, {}, {"api_key": KEY, "model": "offline/extractive"}


@pytest.mark.usefixtures("provider")
class TestIntegration(ChatModelIntegrationTests):
    """
    One test is skipped: `test_stream_time` replays recorded traffic of a vendor, and this server needs none.
    """

    @property
    def chat_model_class(self):
        return ChatBudwood

    @property
    def chat_model_params(self):
        return {"model": "vendor/parrot"}

    @property
    def model_override_value(self):
        return "vendor/cockatoo"

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_image_inputs(self):
        return True

    @property
    def supports_image_urls(self):
        return True

    @property
    def supports_pdf_inputs(self):
        return True

    @property
    def supports_audio_inputs(self):
        return True

    @property
    def supports_image_tool_message(self):
        return True

    @property
    def supports_pdf_tool_message(self):
        return True

    @property
    def supports_anthropic_inputs(self):
        return True

    @property
    def supported_usage_metadata_details(self):
        details = [
            "audio_input",
            "audio_output",
            "reasoning_output",
            "cache_read_input",
        ]  # Chat Completions has no more
        return {"invoke": details, "stream": details}

    def invoke_with_audio_input(self, *, stream=False):
        model = ChatBudwood(**self.chat_model_params)
        return add(model.stream("Listen.")) if stream else model.invoke("Listen.")

    invoke_with_audio_output = invoke_with_reasoning_output = invoke_with_cache_read_input = invoke_with_audio_input


def add(chunks):
    """
    Return the message of a stream.
    """
    return functools.reduce(operator.add, chunks)
