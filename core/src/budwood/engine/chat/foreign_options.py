"""Names of options in other libraries, and what to use instead."""

from __future__ import annotations

from typing import Final

_OF_CLIENTS: Final = "api_key base_url cache_ttl clock observers registry settings transport".split()
"""Arguments of clients. The hints never suggest `extra` for them, which would send a key in the request body."""

_ELSEWHERE: Final = {
    "max_tokens": "max_completion_tokens max_output_tokens max_new_tokens max_gen_len num_predict",
    "stop": "stop_sequences stop_sequence",
    "system": "system_prompt system_instruction system_message instructions developer",
    "files": "images image attachments audio documents file",
    "tools": "functions",
    "tool_choice": "function_call",
    "retries": "max_retries num_retries",
    "timeout": "request_timeout",
    "seed": "random_seed",
    "schema": "response_schema output_type output_schema result_type text_format json_schema",
    "reasoning_effort": "reasoning thinking_level effort",
    "model": "engine deployment deployment_id model_name model_id",
    "extra": "extra_body additional_model_request_fields",
}
"""Our options, and their names in other libraries."""

_HINTS: Final = {
    "streaming": "Call client.stream(…) to read a reply as it arrives.",
    "stream": "Call client.stream(…) to read a reply as it arrives.",
    "stream_options": "Streams always report usage: see stream.response.usage.",
    "response_format": "Pass schema=… for structured output: a Pydantic model, another type, or a JSON schema.",
    "response_model": "Pass schema=…; the value is response.parsed.",
    "json_mode": "Pass schema=dict, or a schema of the JSON.",
    "messages": "Messages are the prompt: client.ask(messages, …).",
    "input": "The prompt is the first argument: client.ask(prompt, …).",
    "history": "Earlier messages are part of the prompt: client.ask([*history, message]), or use client.chat().",
    "thinking": "Pass reasoning_effort=… or reasoning_budget=….",
    "thinking_budget": "Pass reasoning_budget=….",
    "n": 'Pass extra={"n": …} if the vendor supports it; the further replies are response.alternatives.',
    "provider": 'The provider is part of the model: model="provider/model".',
    "custom_llm_provider": 'The provider is part of the model: model="provider/model".',
    "progress": "Pass progress=… to client.ask_many(…).",
    "on_progress": "Pass progress=… to client.ask_many(…).",
    "max_concurrency": "Pass concurrency=… to client.ask_many(…).",
    "max_workers": "Pass concurrency=… to client.ask_many(…).",
    "callbacks": "Pass observers=[…] to Client.",
    "http_client": "Pass transport=… to Client.",
    "headers": "Set `headers` in the section of the provider in budwood.toml, or transport=httpx.Client(headers=…).",
    "max_tokens_to_sample": "Pass max_tokens=….",
    "caching": "Pass cache=… to Client; cache=False for a call bypasses it.",
    "ttl": "Pass cache_ttl=… to Client.",
    "verbose": "Call budwood.configure_logging().",
}

_OF_VENDORS: Final = frozenset(
    "top_k top_a min_p typical_p repetition_penalty logit_bias logprobs top_logprobs user metadata store "
    "safety_settings num_ctx options keep_alive modalities prediction verbosity prompt_cache_key best_of echo".split()
)
"""Parameters that only some vendors support."""

_NAMES_OF_CLIENTS: Final = {
    "base_url": "url api_base endpoint host server api_url base_uri",
    "api_key": "key keys apikey api_keys token api_token access_token",
    "transport": "http_client proxy proxies",
}
"""Arguments of clients, and their names in other libraries."""


def hint_for(name: str, *, for_client: bool) -> str | None:
    """
    Return what to use instead of an unknown option; None if the name is not known from other libraries.

    Args:
        name: The option.
        for_client: Whether it was passed to a client, and not to a call.
    """
    if not for_client and name in _OF_CLIENTS:
        return f"It is an argument of Client, AsyncClient and session: Client(…, {name}=…)."
    if name in _OF_VENDORS and not for_client:
        return f'Only some vendors support it: pass extra={{"{name}": …}}.'
    if name in _HINTS:
        return _HINTS[name]
    ours = next((own for own, names in _NAMES_OF_CLIENTS.items() if name in names.split()), None)
    if name.endswith("_api_key"):  # of one vendor
        ours = "api_key"
    if ours is not None:
        return f"Pass {ours}=…." if for_client else f"Pass {ours}=… to Client, AsyncClient or session."
    ours = next((own for own, names in _ELSEWHERE.items() if name in names.split()), None)
    if ours is None:
        return None
    return f"Pass {ours}=… to each call, or to client.chat(…)." if for_client else f"Pass {ours}=…."
