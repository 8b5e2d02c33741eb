"""
The contenders: their requirements with pinned versions.

A contender without requirements runs in the suite's own environment, which has all of Budwood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["budwood", "bare", "peer"]

PYDANTIC = "pydantic==2.14.3"
BUDWOOD = ("./core", "./plugins/openai-compatible")
"""Budwood with one provider, for the measures of startup and size."""

HTTPX_CALL = """
import httpx
from pydantic import BaseModel

class Message(BaseModel):
    role: str
    content: str

class Choice(BaseModel):
    index: int
    message: Message
    finish_reason: str

class Reply(BaseModel):
    id: str
    model: str
    choices: list[Choice]
    usage: dict[str, int]

body = {"model": "bench", "messages": [{"role": "user", "content": "Hi"}]}
with httpx.Client() as client:
    response = client.post("BASE_URL/chat/completions", json=body)
    assert Reply.model_validate_json(response.content).choices[0].message.content == "Hello."
"""
"""httpx always reads the certificates; Budwood only for https."""

AIOHTTP_CALL = """
import asyncio
import aiohttp
import orjson

async def main():
    body = {"model": "bench", "messages": [{"role": "user", "content": "Hi"}]}
    async with aiohttp.ClientSession() as session:
        headers = {"content-type": "application/json"}
        response = await session.post("BASE_URL/chat/completions", data=orjson.dumps(body), headers=headers)
        assert orjson.loads(await response.read())["choices"][0]["message"]["content"] == "Hello."

asyncio.run(main())
"""
BUDWOOD_CALL = """
import budwood

with budwood.Client("openai-compatible/bench", base_url="BASE_URL") as client:
    assert client.ask("Hi").text == "Hello."
"""
OPENAI_CALL = """
import openai

client = openai.OpenAI(base_url="BASE_URL", api_key="none")
reply = client.chat.completions.create(model="bench", messages=[{"role": "user", "content": "Hi"}])
assert reply.choices[0].message.content == "Hello."
"""
LANGCHAIN_CALL = """
from langchain_openai import ChatOpenAI

assert ChatOpenAI(model="bench", base_url="BASE_URL", api_key="none").invoke("Hi").content == "Hello."
"""
PYDANTIC_AI_CALL = """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

model = OpenAIChatModel("bench", provider=OpenAIProvider(base_url="BASE_URL", api_key="none"))
assert Agent(model).run_sync("Hi").output == "Hello."
"""
ANY_LLM_CALL = """
from any_llm import AnyLLM

client = AnyLLM.create("openai", api_key="none", api_base="BASE_URL")
reply = client.completion(model="bench", messages=[{"role": "user", "content": "Hi"}])
assert reply.choices[0].message.content == "Hello."
"""
LITELLM_CALL = """
import litellm

messages = [{"role": "user", "content": "Hi"}]
reply = litellm.completion(model="openai/bench", messages=messages, api_base="BASE_URL", api_key="none")
assert reply.choices[0].message.content == "Hello."
"""
DSPY_CALL = """
import dspy

dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
assert dspy.LM("openai/bench", cache=False, api_base="BASE_URL", api_key="none")("Hi")[0] == "Hello."
"""


@dataclass(frozen=True)
class Contender:
    """
    A contender.

    Attributes:
        name: The name on the command line and in the results; its environment is ``.nox/bench-NAME``.
        label: The name in the report.
        kind: Budwood, a bare client, or a peer.
        requirements: What is installed in its environment.
        module: The file in contenders/ that uses it.
        imports: A program that only imports it.
        first_call: A program that asks once and checks the reply. ``BASE_URL`` is replaced by the address.
        packages: The distributions whose versions the report lists.
        environment: Environment variables of its processes.
    """

    name: str
    label: str
    kind: Kind
    requirements: tuple[str, ...]
    module: str
    imports: str = ""
    first_call: str = ""
    packages: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def runs_in_suite(self) -> bool:
        """
        Return whether its workers run in the suite's environment, which has every plugin of Budwood.
        """
        return self.kind == "budwood" or not self.requirements


ROSTER = (
    Contender(
        "budwood",
        "Budwood",
        "budwood",
        BUDWOOD,
        "budwood_default",
        "import budwood",
        BUDWOOD_CALL,
        ("budwood", "httpcore"),
    ),
    Contender(
        "budwood-aiohttp", "Budwood, aiohttp", "budwood", (), "budwood_aiohttp", packages=("budwood-aiohttp", "aiohttp")
    ),
    Contender(
        "budwood-httptools",
        "Budwood, httptools",
        "budwood",
        (),
        "budwood_httptools",
        packages=("budwood-httptools", "httptools"),
    ),
    Contender(
        "budwood-uvloop",
        "Budwood, httptools on uvloop",
        "budwood",
        (),
        "budwood_uvloop",
        packages=("budwood-httptools", "uvloop"),
    ),
    Contender("socket", "bare socket", "bare", (), "bare_socket"),
    Contender(
        "aiohttp",
        "bare aiohttp",
        "bare",
        ("aiohttp==3.14.5", "orjson==3.13.0", PYDANTIC),
        "bare_aiohttp",
        "import aiohttp, orjson",
        AIOHTTP_CALL,
        ("aiohttp", "orjson"),
    ),
    Contender(
        "httpx",
        "bare httpx",
        "bare",
        ("httpx==0.28.1", "sniffio==1.3.1", PYDANTIC),  # without sniffio, httpcore tries to import it on every call
        "bare_httpx",
        "import httpx, pydantic",
        HTTPX_CALL,
        ("httpx", "httpcore", "sniffio", "pydantic"),
    ),
    Contender(
        "httpx2",
        "bare httpx2",
        "bare",
        ("httpx2==2.16.2", PYDANTIC),
        "bare_httpx2",
        "import httpx2, pydantic",
        HTTPX_CALL.replace("httpx", "httpx2"),
        ("httpx2", "httpcore2"),
    ),
    Contender(
        "openai",
        "openai",
        "peer",
        ("openai==3.54.0",),
        "openai_sdk",
        "import openai",
        OPENAI_CALL,
        ("openai", "httpx2", "pydantic"),
    ),
    Contender(
        "any-llm",
        "any-llm",
        "peer",
        ("any-llm-sdk[openai]==1.40.2",),
        "any_llm_sdk",
        "import any_llm",
        ANY_LLM_CALL,
        ("any-llm-sdk", "openai"),
    ),
    Contender(
        "langchain",
        "langchain-openai",
        "peer",
        ("langchain-openai==1.7.3", "langchain-core==1.7.2"),
        "langchain",
        "import langchain_openai; langchain_openai.ChatOpenAI",
        LANGCHAIN_CALL,
        ("langchain-openai", "langchain-core", "openai"),
        {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"},
    ),
    Contender(
        "pydantic-ai",
        "pydantic-ai",
        "peer",
        ("pydantic-ai-slim[openai]==2.68.0",),
        "pydantic_ai",
        "import pydantic_ai.models.openai",
        PYDANTIC_AI_CALL,
        ("pydantic-ai-slim", "openai"),
    ),
    Contender(
        "litellm",
        "litellm",
        "peer",
        ("litellm==1.106.2",),
        "litellm",
        "import litellm",
        LITELLM_CALL,
        ("litellm", "openai", "aiohttp"),
        # Otherwise it would download its price table and send telemetry.
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
    ),
    Contender(
        "dspy",
        "DSPy",
        "peer",
        ("dspy==3.4.1",),
        "dspy",
        "import dspy",
        DSPY_CALL,
        ("dspy", "litellm", "openai"),
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
    ),
)


def select_contenders(names: list[str]) -> list[Contender]:
    """
    Return contenders by name, in the order of the roster.

    Raises:
        SystemExit: A name is unknown.
    """
    unknown = set(names) - {contender.name for contender in ROSTER}
    if unknown:
        known = ", ".join(contender.name for contender in ROSTER)
        raise SystemExit(f"no contender is called {', '.join(sorted(unknown))}; there are {known}")
    return [contender for contender in ROSTER if contender.name in names]
