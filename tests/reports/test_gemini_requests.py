"""Requests that Gemini rejects: results of parallel calls, and unsupported keywords of schemas."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.reports.wire import GEMINI, make_gemini_reply, weather

CITIES = ("Oslo", "Rome", "Bonn")


def call(name, **arguments):
    """
    Return one function call in Gemini's format.
    """
    return {"functionCall": {"name": name, "args": arguments}}


@pytest.mark.report("earendil-works/pi#5528", outcome="right")
@pytest.mark.report("epam/ai-dial-adapter-vertexai#214", outcome="right")
def test_results_of_parallel_calls_go_back_in_one_turn(scripted, make_client):
    """
    Gemini requires one function response for each call, in one turn and in the same order.
    """
    calls = [call("weather", city=city) for city in CITIES]
    scripted.reply(200, make_gemini_reply(*calls)).reply(200, make_gemini_reply({"text": "Rain."}))

    make_client(GEMINI).ask("Weather?", tools=[weather])

    _user, model, results = scripted.sent()["contents"]
    responses = [part["functionResponse"] for part in results["parts"]]
    assert [part["functionCall"]["args"]["city"] for part in model["parts"]] == list(CITIES)
    assert [response["name"] for response in responses] == ["weather"] * 3
    assert [response["response"] for response in responses] == [{"output": f"rain in {city}"} for city in CITIES]


@pytest.mark.report("pizza-bot-app/pizza-bot#62", outcome="right")
@pytest.mark.report("decolua/9router#3018", outcome="right")
def test_unsupported_keywords_are_not_sent(scripted, make_client):
    """
    A tool's schema is sent as JSON schema, not in Gemini's own form, which rejects unknown keywords.
    """

    def grep(
        pattern: str,
        most: Annotated[int, Field(gt=0, lt=100, multiple_of=5)] | None = None,
        names: Annotated[set[str], Field(max_length=3)] | None = None,
        mode: Literal["fast"] = "fast",
    ) -> str:
        """Search files."""
        return pattern

    scripted.reply(200, make_gemini_reply({"text": "Hello."}))

    make_client(GEMINI).ask("Hi", tools=[grep])

    (declaration,) = scripted.sent()["tools"][0]["functionDeclarations"]
    assert declaration.keys() == {"name", "description", "parametersJsonSchema"}
    refused = ("exclusiveMinimum", "exclusiveMaximum", "const", "$schema")
    assert [keyword for keyword in refused if f'"{keyword}"' in json.dumps(declaration)] == []


@pytest.mark.report("weave-os/router#65", outcome="right")
def test_numbers_in_an_enumeration_are_sent(scripted, make_client):
    """
    Gemini's own form of schemas allows only strings in an enumeration; JSON schema allows numbers.
    """

    def retry(times: Literal[1, 3, 7]) -> str:
        """Try again."""
        return str(times)

    scripted.reply(200, make_gemini_reply(call("retry", times=3))).reply(200, make_gemini_reply({"text": "Done."}))

    reply = make_client(GEMINI).ask("Try again.", tools=[retry])

    declaration = scripted.sent()["tools"][0]["functionDeclarations"][0]
    assert "parameters" not in declaration
    assert declaration["parametersJsonSchema"]["properties"]["times"]["enum"] == [1, 3, 7]
    assert reply.text == "Done."


@pytest.mark.report("mozilla-ai/any-llm#1143", outcome="right")
def test_a_strict_schema_is_sent_as_json_schema(scripted, make_client):
    """
    A schema with `additionalProperties` and references is sent as JSON schema, not as Gemini's own form.
    """

    class Place(BaseModel):
        model_config = ConfigDict(extra="forbid")
        city: str

    class Trip(BaseModel):
        model_config = ConfigDict(extra="forbid")
        places: list[Place]

    scripted.reply(200, make_gemini_reply({"text": '{"places": [{"city": "Oslo"}]}'}))

    reply = make_client(GEMINI).ask("Plan a trip.", schema=Trip)

    config = scripted.sent()["generationConfig"]
    assert "responseSchema" not in config
    assert "Place" in json.dumps(config["responseJsonSchema"])
    assert reply.parsed == Trip(places=[Place(city="Oslo")])
