"""What programs do with OpenAI's SDK, with either major version; prints what they see as JSON."""

from __future__ import annotations

import json
import sys

import openai

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
ASK = [{"role": "user", "content": "What is grafting?"}]

client = openai.OpenAI(max_retries=0)
seen = {"version": openai.__version__}

plain = client.chat.completions.create(model="fast", messages=ASK, temperature=0)
seen["plain"] = plain.choices[0].message.content
seen["usage"] = plain.usage.total_tokens

with client.chat.completions.create(
    model="fast", messages=ASK, stream=True, stream_options={"include_usage": True}
) as stream:
    chunks = list(stream)
seen["streamed"] = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).strip()
seen["streamed usage"] = chunks[-1].usage.total_tokens

called = client.chat.completions.create(model="fast", messages=ASK, tools=[WEATHER])
call = called.choices[0].message.tool_calls[0]
seen["tool"] = [call.function.name, json.loads(call.function.arguments)]
result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
history = [*ASK, called.choices[0].message.model_dump(exclude_none=True), result]
seen["after tool"] = (
    client.chat.completions.create(model="fast", messages=history, tools=[WEATHER]).choices[0].message.content
)

structured = client.chat.completions.create(model="fast", messages=ASK, response_format=PERSON)
seen["structured"] = json.loads(structured.choices[0].message.content)["name"]

seen["responses"] = client.responses.create(model="fast", input="What is grafting?").output_text
with client.responses.create(model="fast", input="What is grafting?", stream=True) as events:
    kinds = [event.type for event in events]
seen["responses streamed"] = [kinds[0], kinds[-1]]

seen["embedding"] = [
    round(number, 3) for number in client.embeddings.create(model="fast", input="tree").data[0].embedding
]
seen["models"] = "fast" in [model.id for model in client.models.list()]

try:
    client.chat.completions.create(model="fats", messages=ASK)
except openai.NotFoundError as error:
    seen["unknown model"] = [error.code, "fast" in error.body["hint"], bool(error.request_id)]
try:
    openai.OpenAI(api_key="wrong", max_retries=0).models.list()
except openai.AuthenticationError as error:
    seen["wrong key"] = error.code
json.dump(seen, sys.stdout)
