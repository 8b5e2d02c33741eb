"""Read the replies of SDKs with OpenAI's interface for Chat Completions, complete or streamed."""

from __future__ import annotations

import json

from tests.contract import naive, sdk

USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")


def has_several_choices(recorded):
    """
    Return whether a reply has several choices, which must then be requested.
    """
    chunks = naive.split_chunks(recorded.body) if recorded.streamed else [json.loads(recorded.body)]
    return len({choice.get("index") for chunk in chunks for choice in chunk.get("choices") or ()}) > 1


def ask(client, *, streamed):
    """
    Ask with a vendor's SDK, and return the content of the reply.
    """
    question = {"model": "recorded", "messages": [{"role": "user", "content": "Hello"}]}
    if streamed:
        return read_chunks(list(client.chat.completions.create(**question, stream=True)))
    return read_completion(client.chat.completions.create(**question))


def read_completion(reply):
    """
    Read the first choice of a complete reply.
    """
    message = reply.choices[0].message  # Azure omits it if the filter blocked the reply
    legacy = getattr(message, "function_call", None)
    calls = [_read_call(call) for call in getattr(message, "tool_calls", None) or ()]
    return sdk.Reading(
        text=getattr(message, "content", None) or "",
        reasoning=_read_reasoning(message),
        calls=[*calls, *([(None, legacy.name, sdk.parse_arguments(legacy.arguments))] if legacy else ())],
        finish=reply.choices[0].finish_reason,
        usage=_read_usage(reply.usage),
        id=reply.id or None,
        model=reply.model,
    )


def read_chunks(chunks):
    """
    Read the first choice of a stream.
    """
    choices = [choice for chunk in chunks for choice in chunk.choices or () if choice.index == 0]
    deltas = [choice.delta for choice in choices if choice.delta is not None]
    usages = [chunk.usage or _read_groq_usage(chunk) for chunk in chunks]
    return sdk.Reading(
        text="".join(delta.content or "" for delta in deltas),
        reasoning="".join(map(_read_reasoning, deltas)),
        calls=_join_calls([call for delta in deltas for call in delta.tool_calls or ()]),
        finish=next((choice.finish_reason for choice in reversed(choices) if choice.finish_reason), None),
        usage=_read_usage(next((usage for usage in reversed(usages) if usage), None)),
        id=next((chunk.id for chunk in chunks if chunk.id), None),
        model=next((chunk.model for chunk in chunks if chunk.model), None),
    )


def _read_call(call):
    if call.type == "custom":
        return call.id, call.custom.name, sdk.parse_arguments(call.custom.input)
    return call.id, call.function.name, sdk.parse_arguments(call.function.arguments)


def _join_calls(fragments):
    """
    Join the fragments of calls; the first fragment has the name.
    """
    calls = {}
    for fragment in fragments:
        call = calls.setdefault(fragment.index, [None, "", ""])
        call[0] = call[0] or fragment.id
        call[1] = call[1] or fragment.function.name
        call[2] += fragment.function.arguments or ""
    return [(call[0], call[1], sdk.parse_arguments(call[2])) for _, call in sorted(calls.items())]


def _read_reasoning(message):
    return getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or ""


def _read_groq_usage(chunk):
    """
    Return the usage of a chunk of Groq.
    """
    return getattr(getattr(chunk, "x_groq", None), "usage", None)


def _read_usage(recorded):
    if recorded is None:
        return None, None, None, None
    read = getattr(recorded, "prompt_tokens_details", None)
    details = getattr(recorded, "completion_tokens_details", None)
    return (
        recorded.prompt_tokens,
        recorded.total_tokens
        - recorded.prompt_tokens,  # some servers omit reasoning from completion_tokens, but not from the total
        getattr(read, "cached_tokens", None),
        getattr(details, "reasoning_tokens", None),
    )
