"""
Convert Gemini's recorded traffic directly from its JSON, without the code of the plugin.

The accepted differences between Budwood's requests and the recorded ones are listed here, with reasons.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from budwood.types import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
    VendorTool,
    VideoPart,
)

ABOUT_THE_REPLY = ("groundingMetadata", "urlContextMetadata", "citationMetadata")
"""The fields of a candidate about its content."""

GENERATION = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
}
"""Budwood's names of parameters by Gemini's."""

RENAMED = {
    "responseSchema": (
        "responseJsonSchema",
        "the old field has the API's own dialect, the new one JSON schemas",
    ),
    "parameters": ("parametersJsonSchema", "the same difference, for functions"),
}
"""Fields that are sent under another name, with the reason."""

EMPTY_VALUES = {
    "generationConfig": ({}, "no parameters"),
    "responseModalities": (["TEXT"], "the default"),
    "candidateCount": (1, "the default"),
    "responseMimeType": ("text/plain", "the default"),
    "includeThoughts": (False, "the default"),
    "args": ({}, "no arguments"),
    "description": ("", "no description"),
}
"""Values that are equivalent to a missing field, with reasons."""

EXTRA_FIELDS = {
    "topK": "a parameter of few vendors",
    "responseModalities": "what the model returns",
    "includeServerSideToolInvocations": "a flag of Gemini, sent without functions",
    "responseMimeType": "JSON without a schema, which `ChatRequest` does not have",
}
"""Fields that users pass in ``extra``, with the reason."""


@dataclass
class Reading:
    """
    The content of one candidate.
    """

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, object]] = field(default_factory=list)
    others: list[dict[str, object]] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    about: list[object] = field(default_factory=list)
    media: list[tuple[str, bytes]] = field(default_factory=list)
    finish: str | None = None


def split_chunks(body):
    """
    Split a body into its JSON objects: one, the list of a stream, or the events of one.
    """
    if body.lstrip().startswith(b"data:"):
        lines = body.decode().replace("\r\n", "\n").split("\n")
        return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
    recorded = json.loads(body)
    return recorded if isinstance(recorded, list) else [recorded]


def read_reply(chunks):
    """
    Read the candidates of a reply of one or more chunks.
    """
    readings = {}
    for chunk in chunks:
        for candidate in chunk.get("candidates", []):
            reading = readings.setdefault(candidate.get("index", 0), Reading())
            reading.finish = candidate.get("finishReason") or reading.finish
            for name in ABOUT_THE_REPLY:
                if candidate.get(name) and candidate[name] not in reading.about:
                    reading.about.append(candidate[name])
            for part in candidate.get("content", {}).get("parts", []):
                _add_part(reading, part)
    return [readings[number] for number in sorted(readings)]


def _add_part(reading, part):
    if "thoughtSignature" in part:
        reading.signatures.append(part["thoughtSignature"])
    if "functionCall" in part:
        call = part["functionCall"]
        if "name" in call:
            reading.calls.append((call["name"], call.get("args") or {}))
        for fragment in call.get("partialArgs", []):
            _append_text(reading.calls[-1][1], fragment["jsonPath"], fragment["stringValue"])
    elif "inlineData" in part and not part.get("thought"):
        reading.media.append((part["inlineData"]["mimeType"], _decode_base64(part["inlineData"]["data"])))
    elif "text" not in part and set(part) - {"thought", "thoughtSignature"}:
        reading.others.append(part)
    elif part.get("thought"):
        reading.thoughts += part.get("text", "")
    else:
        reading.text += part["text"]


def _append_text(arguments, path, text):
    """
    Add a text at ``$.a.b[0].c``.
    """
    steps = path.removeprefix("$.").replace("[", ".[").split(".")
    place, key = {"": arguments}, ""
    for step in steps:
        number = int(step[1:-1]) if step.startswith("[") else None
        if isinstance(place, list):
            place += [None] * (key + 1 - len(place))
        if place[key] is None if isinstance(place, list) else key not in place:
            place[key] = {} if number is None else []
        place, key = place[key], step if number is None else number
    if isinstance(place, list):
        place += [""] * (key + 1 - len(place))
        place[key] += text
    else:
        place[key] = place.get(key, "") + text


def find_usage(chunks):
    """
    Return the last counts of a reply.
    """
    counted = [chunk["usageMetadata"] for chunk in chunks if "totalTokenCount" in chunk.get("usageMetadata", {})]
    return counted[-1]


def list_parts(chunks, *, streamed):
    """
    List the parts of the first candidate as they must be returned; consecutive unsigned texts of a stream are joined.
    """
    parts = []
    for chunk in chunks:
        for candidate in chunk.get("candidates", []):
            for part in candidate.get("content", {}).get("parts", []):
                if part == {"text": ""} or candidate.get("index", 0) != 0:
                    continue
                last = parts[-1] if parts else {}
                joins = streamed and "thoughtSignature" not in {**last, **part} and "text" in last and "text" in part
                if joins and last.get("thought") == part.get("thought"):
                    parts[-1] = {**last, "text": last["text"] + part["text"]}
                else:
                    parts.append(part)
    return parts


def to_camel_case(value):
    """
    Convert the names of fields to camel case, except names that users chose.
    """
    if isinstance(value, list):
        return [to_camel_case(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        _to_camel_case(name): one if _to_camel_case(name) in _OPAQUE_FIELDS else to_camel_case(one)
        for name, one in value.items()
    }


_OPAQUE_FIELDS = (
    "args",
    "response",
    "parameters",
    "parametersJsonSchema",
    "responseSchema",
    "responseJsonSchema",
    "codeExecutionResult",
)


def _to_camel_case(name):
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def read_request(model, body):
    """
    Convert a recorded body to a request and settings.
    """
    body = to_camel_case(body)
    config = body.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    functions = [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
    vendor_tools = [tool for tool in body.get("tools", []) if "functionDeclarations" not in tool]
    schema = config.get("responseJsonSchema") or _convert_schema(config.get("responseSchema"))
    known = {name: config[field] for field, name in GENERATION.items() if config.get(field) is not None}
    extra = _make_extra(body, config, schema, functions and vendor_tools)
    request = ChatRequest(
        model=model,
        messages=tuple(_read_messages(body)),
        reasoning_effort=_read_effort(thinking),
        reasoning_budget=thinking.get("thinkingBudget") or None,
        tools=tuple(_read_tool(one, strict=calling.get("mode") == "VALIDATED") for one in functions),
        vendor_tools=tuple(VendorTool(provider="gemini", data=tool) for tool in vendor_tools),
        tool_choice=_read_choice(calling) if functions else None,
        output_schema=OutputSchema(json_schema=schema) if schema else None,
        extra=extra,
        **known,
    )
    safety = {row["category"]: row["threshold"] for row in body.get("safetySettings", [])}
    return request, {"safety_settings": safety, "include_thoughts": thinking.get("includeThoughts", False)}


def _make_extra(body, config, schema, both):
    extra = {}
    generation = {name: config[name] for name in ("topK",) if name in config}
    if config.get("responseModalities", ["TEXT"]) != ["TEXT"]:
        generation["responseModalities"] = config["responseModalities"]
    if config.get("responseMimeType") == "application/json" and not schema:
        generation["responseMimeType"] = "application/json"
    if generation:
        extra["generationConfig"] = generation
    if body.get("toolConfig", {}).get("includeServerSideToolInvocations") and not both:
        extra["toolConfig"] = {"includeServerSideToolInvocations": True}
        if not both and "functionCallingConfig" in body["toolConfig"]:
            extra["toolConfig"]["functionCallingConfig"] = body["toolConfig"]["functionCallingConfig"]
    return extra


def _read_effort(thinking):
    if thinking.get("thinkingBudget") == 0:
        return "none"
    return thinking["thinkingLevel"].lower() if "thinkingLevel" in thinking else None


def _read_choice(calling):
    if calling.get("allowedFunctionNames"):
        return NamedTool(name=calling["allowedFunctionNames"][0])
    return {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}.get(calling.get("mode"))


def _read_tool(one, *, strict):
    schema = one.get("parametersJsonSchema") or _convert_schema(one.get("parameters")) or {}
    return ToolDefinition(
        name=one["name"], description=one.get("description") or "", parameters=schema, strict=strict or None
    )


def _convert_schema(schema):
    """
    Convert a schema in Gemini's dialect, whose types may be in capitals.
    """
    if isinstance(schema, list):
        return [_convert_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: one.lower() if name == "type" and isinstance(one, str) else _convert_schema(one)
        for name, one in schema.items()
    }


def _read_messages(body):
    for part in body.get("systemInstruction", {}).get("parts", []):
        yield Message.system(part["text"])
    for content in body["contents"]:
        parts = tuple(_read_part(part) for part in content["parts"])
        has_responses = any(isinstance(part, ToolResultPart) for part in parts)
        role = {"model": "assistant"}.get(content.get("role"), "tool" if has_responses else "user")
        yield Message(role=role, parts=parts)


def _read_part(part):
    data = {"thoughtSignature": part["thoughtSignature"]} if "thoughtSignature" in part else None
    kinds = set(part) - {"thought", "thoughtSignature"}
    if part.get("thought"):
        return ReasoningPart(text=part.get("text", ""), provider="gemini", data=data)
    if kinds == {"text"}:
        return TextPart(text=part["text"], provider="gemini" if data else None, data=data)
    if kinds == {"functionCall"}:
        call = part["functionCall"]
        arguments = json.dumps(call.get("args") or {})
        name = call["name"]
        return ToolCallPart(id=_read_id(call), name=name, arguments=arguments, provider="gemini", data=data)
    if kinds == {"functionResponse"}:
        response = part["functionResponse"]
        content = json.dumps(response["response"])
        if "parts" in response:
            texts = [TextPart(text=content)] if response["response"] else []
            content = (*texts, *map(_read_part, response["parts"]))
        return ToolResultPart(call_id=_read_id(response), name=response["name"], content=content)
    if kinds == {"inlineData"}:
        inline = part["inlineData"]
        return _read_media(inline["mimeType"], data=_decode_base64(inline["data"]))
    if kinds == {"fileData"} and "mimeType" in part["fileData"]:
        return _read_media(part["fileData"]["mimeType"], url=part["fileData"]["fileUri"])
    return VendorPart(provider="gemini", kind=min(kinds), data=part)


MEDIA = {"image": ImagePart, "audio": AudioPart, "video": VideoPart, "application": DocumentPart, "text": DocumentPart}
"""The part of each kind of media type."""


def _read_media(media_type, **source):
    return MEDIA[media_type.partition("/")[0]](media_type=media_type, **source)


def _decode_base64(text):
    """
    Read base64 in either of its two alphabets.
    """
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")))


def _read_id(call):
    return call.get("id") or "budwood-nameless"


def canonicalize(body):
    """
    Convert a body to a form in which equivalent requests are equal.
    """
    body = _remove_empty_values(to_camel_case(body))
    instruction = body.get("systemInstruction", {})
    instruction.pop("role", None)  # it is always the same
    for content in body["contents"]:
        content.setdefault("role", "user")  # the default
        for part in content["parts"]:
            for one in (part, *part.get("functionResponse", {}).get("parts", ())):
                if "inlineData" in one:  # both alphabets are accepted
                    one["inlineData"]["data"] = _decode_base64(one["inlineData"]["data"])
    body["contents"] = _join_function_responses(body["contents"])
    if "tools" in body:
        functions = [one for tool in body["tools"] for one in tool.get("functionDeclarations", [])]
        vendor_tools = [tool for tool in body["tools"] if "functionDeclarations" not in tool]
        body["tools"] = [*vendor_tools, *([{"functionDeclarations": functions}] if functions else [])]
    thinking = body.get("generationConfig", {}).get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()  # both cases are accepted
    return body


def _join_function_responses(contents):
    """
    Join consecutive function responses into one content, as the API requires.
    """
    joined = []
    for content in contents:
        has_responses = any("functionResponse" in part for part in content["parts"])
        if has_responses and joined and any("functionResponse" in part for part in joined[-1]["parts"]):
            joined[-1] = {**joined[-1], "parts": [*joined[-1]["parts"], *content["parts"]]}
        else:
            joined.append(content)
    return joined


def _remove_empty_values(value):
    if isinstance(value, list):
        return [_remove_empty_values(one) for one in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for name, one in value.items():
        renamed = RENAMED.get(name, (name,))[0] if name != "parameters" or isinstance(one, dict) else name
        inner = _remove_empty_values(_convert_schema(one) if renamed != name else one)
        if inner is None or (name in EMPTY_VALUES and inner == EMPTY_VALUES[name][0]):
            continue
        result[renamed] = inner
    return result
