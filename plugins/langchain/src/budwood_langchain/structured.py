"""Structured output: parsers that tell a refusal from invalid output, and the chain that asks and parses."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Literal

from langchain_core.exceptions import ModelRefusalError
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import (
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    PydanticOutputParser,
    PydanticToolsParser,
)
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import (
    TBaseModel,  # noqa: F401 - Pydantic's plugin for mypy looks it up in this module
    is_basemodel_subclass,
)
from pydantic import BaseModel

Method = Literal["function_calling", "json_schema", "json_mode"]


class _OutputParser(JsonOutputParser):
    """Parses JSON into a dictionary, or an instance of ``pydantic_object``."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse a reply; see `check_refusal`."""
        check_refusal(result)
        if self.pydantic_object is not None:
            return PydanticOutputParser(pydantic_object=self.pydantic_object).parse_result(result, partial=partial)
        return super().parse_result(result, partial=partial)


def check_refusal(result: Sequence[Generation]) -> None:
    """
    Check that the model has not refused.

    Raises:
        ModelRefusalError: It has.
    """
    message = result[0].message if isinstance(result[0], ChatGeneration) else None
    if not isinstance(message, AIMessage) or isinstance(message.content, str):
        return
    refusals = [block for block in message.content if isinstance(block, dict) and block.get("type") == "refusal"]
    if refusals:
        raise ModelRefusalError("The model refused: " + "".join(block.get("refusal", "") for block in refusals))


def is_model(schema: object) -> bool:
    """Return whether a schema is a Pydantic model, of Pydantic 1 or 2."""
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def make_response_format(schema: Any, method: Method, *, strict: bool | None) -> Any:
    """Return the schema that Budwood gets: a model of Pydantic 2 itself, so that its validators see the reply."""
    if method == "json_mode":
        return {"type": "json_object"}
    if strict is None and isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema
    json_schema = convert_to_json_schema(schema, strict=strict)
    return {"type": "json_schema", "json_schema": {"name": json_schema.get("title", "output"), "schema": json_schema}}


def make_parser(schema: Any, method: Method) -> Runnable[AIMessage, Any]:
    """Return the parser of replies: instances of models, otherwise dictionaries."""
    if method == "function_calling":
        if is_model(schema):
            return PydanticToolsParser(tools=[schema], first_tool_only=True)
        name = convert_to_openai_tool(schema)["function"]["name"]
        return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
    return _OutputParser(pydantic_object=schema if is_model(schema) else None)


def with_raw(
    model: Runnable[LanguageModelInput, AIMessage], parser: Runnable[AIMessage, Any]
) -> Runnable[LanguageModelInput, Any]:
    """Return a chain whose result has the message, the value, and the error of the parser or None."""
    parse = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    without_value = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parse.with_fallbacks([without_value], exception_key="parsing_error")
