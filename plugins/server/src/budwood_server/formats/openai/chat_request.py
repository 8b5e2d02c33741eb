"""
Read a request to Chat Completions: its messages, and the options of the call.

Toward a vendor of the same API, what the options of Budwood cannot express is sent unchanged as ``extra``. Toward
others it is translated, left out, or refused if the reply would have another form without it.

Source: OpenAI's API description, ``CreateChatCompletionRequest``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood_server.formats.openai.chat_messages import (
    find_further_content,
    has_prompt,
    reduce_messages,
    reject_further_content,
)
from budwood_server.formats.openai.chat_tools import read_tools
from budwood_server.formats.openai.foreign_fields import TAG_FIELDS, is_default, translate_field
from budwood_server.formats.openai.options import CHAT_OPTIONS, LENGTHS
from budwood_server.formats.openai.response_format import merge_format, read_response_format
from budwood_server.gateway.plan import add_tags
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

RESPONSES_ONLY: Final = "responses_only"
"""Trait of models that OpenAI offers only by Responses; requests are translated to it."""

TOOLS_IN_RESPONSES: Final = "tools_in_responses"
"""Trait of models that call tools only by Responses when they reason."""

_IN_BOTH: Final = frozenset(
    "metadata prompt_cache_key prompt_cache_retention safety_identifier service_tier store user".split()
)
"""Fields that Chat Completions and Responses have under the same name."""

_CHANGES_FORM: Final = frozenset("audio logprobs modalities n top_logprobs".split())
"""Fields that only an endpoint of the same API can satisfy: without them, the reply has another form."""


class ChatCall(NamedTuple):
    """
    A chat, as the core takes it.

    Attributes:
        messages: The messages.
        options: The options of the call.
        is_streamed: Whether the reply is streamed.
        include_usage: Whether the stream ends with usage.
        has_functions: Whether the request has the older ``functions``, so that the reply has ``function_call``.
        custom_tools: The names of tools whose input is a text.
    """

    messages: list[Any]
    options: dict[str, Any]
    is_streamed: bool = False
    include_usage: bool = False
    has_functions: bool = False
    custom_tools: frozenset[str] = frozenset()


def read_chat(body: dict[str, Any], plan: CallPlan) -> ChatCall:
    """
    Read the body of a request, without ``model`` and ``budwood``.

    Raises:
        ProblemError: A field is not valid, or cannot be translated for the model.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise reject("The field 'messages' must be a list of messages.", param="messages")
    is_native = _is_native(body, plan)
    reader = _Reader(plan, is_native=is_native)
    for name, value in body.items():
        if name not in _READ_APART:
            reader.add(name, value)
    if "tools" in body or "tool_choice" in body or "functions" in body:
        tools = read_tools(body, is_native=is_native)
        reader.options |= tools.options
        reader.extra |= tools.extra
        reader.is_bound = reader.is_bound or tools.is_bound
        custom_tools = tools.custom
    else:
        custom_tools = frozenset()
    if (format_ := body.get("response_format")) is not None:
        found = read_response_format(format_, plan, is_native=is_native)
        reader.options |= found.options
        reader.extra |= merge_format(reader.extra, found.extra)
    if is_native and body.keys() >= LENGTHS:
        reader.extra |= {name: body[name] for name in LENGTHS}
    is_streamed, include_usage = reader.read_stream(body)
    messages = reader.read_messages(messages)
    return ChatCall(messages, reader.finish(), is_streamed, include_usage, bool(body.get("functions")), custom_tools)


def _is_native(body: Mapping[str, Any], plan: CallPlan) -> bool:
    """Tell whether the request is sent to Chat Completions, so that its fields can be sent unchanged."""
    if plan.api != "openai":
        return False
    traits = plan.rules.traits
    if not traits or not plan.configuration.has_responses(plan.options["model"]):
        return True
    if RESPONSES_ONLY in traits:
        return False
    reasons = (body.get("reasoning_effort") or plan.rules.default_effort) != "none"
    if TOOLS_IN_RESPONSES not in traits or not reasons or not body.get("tools"):
        return True
    return any(name in body and not is_default(name, body[name]) for name in _CHANGES_FORM)


_READ_APART: Final = frozenset(
    "messages stream stream_options tools tool_choice functions function_call response_format".split()
)


class _Reader:
    """
    Reads the fields of a request one by one.

    Attributes:
        options: The options so far.
        extra: What is sent unchanged.
        is_bound: Whether only endpoints of the same API can answer.
    """

    def __init__(self, plan: CallPlan, *, is_native: bool) -> None:
        self._plan = plan
        self._is_native = is_native
        self.options: dict[str, Any] = plan.options
        self.extra: dict[str, Any] = {}
        self.is_bound = False

    def add(self, name: str, value: object) -> None:
        """Read a field that stands alone."""
        option = CHAT_OPTIONS.get(name)
        if option is None:
            self._add_further(name, value)
        elif option.accepts(value):
            self.options[option.name] = value
            if self._is_native and name == "max_completion_tokens":  # under this name
                self.extra[name] = value
        elif value is None:  # as if it were absent
            return
        elif self._is_native:
            self.extra[name] = value
        elif value != []:
            raise reject(f"The field {name!r} must be {option.expected}.", param=name)

    def _add_further(self, name: str, value: object) -> None:
        if name in TAG_FIELDS:
            add_tags(self._plan, name, value)
        if self._is_native:
            self.extra[name] = value
            self.is_bound = self.is_bound or (name in _CHANGES_FORM and not is_default(name, value))
        elif self._plan.api == "openai" and name in _IN_BOTH:
            self.extra[name] = value
        elif value is not None:
            self.extra |= translate_field(name, value, self._plan)

    def read_stream(self, body: Mapping[str, Any]) -> tuple[bool, bool]:
        """Return whether the reply is streamed, and whether the stream ends with usage."""
        is_streamed, stream_options = body.get("stream") or False, body.get("stream_options") or {}
        if not isinstance(is_streamed, bool):
            raise reject("The field 'stream' must be true or false.", param="stream")
        if not isinstance(stream_options, dict):
            raise reject("The field 'stream_options' must be an object.", param="stream_options")
        if is_streamed and self._is_native and stream_options.keys() - {"include_usage"}:
            self.extra["stream_options"] = {**stream_options, "include_usage": True}
        if is_streamed and self._plan.configuration.settings.options.on_stream_failure != "raise":
            self.options["on_stream_failure"] = "raise"  # what the client has received cannot be taken back
        return is_streamed, bool(stream_options.get("include_usage"))

    def read_messages(self, messages: list[Any]) -> list[Any]:
        """Return the messages. Those with content that the core does not model are also sent unchanged."""
        further = find_further_content(messages, is_native=self._is_native)
        if further is None and (not self._is_native or has_prompt(messages)):
            return messages
        if further is not None and not self._is_native:
            reject_further_content(further)
        self.extra["messages"] = messages
        self.is_bound = True
        return reduce_messages(messages)

    def finish(self) -> dict[str, Any]:
        """Return the options of the call."""
        if self.extra:
            self.options["extra"] = self.extra
        if self.is_bound:
            self._plan.keep_api()
        return self.options
