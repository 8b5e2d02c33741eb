"""Plausible calls of a month, keys and prompts in the database of a gateway: for screenshots, and to look at pages."""

from __future__ import annotations

import math
import random
import time
from decimal import Decimal

from budwood.errors import ProviderError, RateLimitError, RequestTimeoutError
from budwood.types import Attempt, RequestFinished, Usage
from budwood_prompts import read_prompt
from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import INFER, KeyPolicy
from budwood_server.prompts import store as prompts
from budwood_usage.database import add
from budwood_usage.rows import collect, make_row

DAY = 86_400.0
MODELS = {  # provider, its model, part of the calls, dollars for a million tokens of input and output, seconds
    "fast": ("openai", "gpt-5-mini", 0.46, 0.25, 2.0, 0.9),
    "best": ("anthropic", "claude-opus-4-5", 0.12, 5.0, 25.0, 4.2),
    "writer": ("openai", "gpt-5.1", 0.2, 1.25, 10.0, 2.6),
    "search": ("openai", "text-embedding-3-small", 0.14, 0.02, 0.0, 0.25),
    "draft": ("mistral", "mistral-small-latest", 0.06, 0.1, 0.3, 0.7),
    "local": ("ollama", "llama3.2", 0.02, 0.0, 0.0, 6.0),
}
KEYS = (
    ("support-bot", "support", 0.42),
    ("invoice-reader", "finance", 0.24),
    ("search-indexer", "search", 0.18),
    ("editor-plugin", None, 0.1),
    ("nightly-evaluation", "research", 0.06),
)
CLIENTS = ("budwood-python/0.1.0", "budwood-cli/0.1.0", "invoice-reader/2.1.0", None)
ERRORS = (RateLimitError("It failed."), RequestTimeoutError("It failed.", phase="read"), ProviderError("It failed."))
PROMPT = {
    "description": "Answers a question of a customer in the tone of the company.",
    "variables": {
        "customer": {"description": "The name of the customer.", "default": "customer"},
        "question": {"description": "What the customer asks."},
        "formal": {"type": "boolean", "default": True},
        "links": {"type": "list", "default": [], "description": "Pages that may help."},
    },
    "messages": [
        {
            "role": "system",
            "content": "You answer questions of customers.\n"
            "{% if formal %}Be formal.{% else %}Be friendly.{% endif %}\n"
            "{% for link in links %}\nSee {{ link }}\n{% endfor %}",
        },
        {"role": "user", "content": "{{ customer }} asks: {{ question }}"},
    ],
}


async def seed(database, *, calls=5000, now=None, seed=7):
    """
    Write keys, calls of 30 days and prompts.

    Args:
        database: A database with its tables.
        calls: About how many calls.
        now: The time of the last ones, in seconds since 1970; by default now.
        seed: Of the numbers, which are the same each time.
    """
    chance, end = random.Random(seed), time.time() if now is None else now
    store = KeyStore(database)
    keys = [
        ((await store.create(KeyPolicy(name=name, team=team, scopes={INFER}))).key, team, weight)
        for name, team, weight in KEYS
    ]
    rows = [_make_row(chance, keys, number, moment) for number, moment in enumerate(_find_times(chance, calls, end))]
    async with database.write() as connection:
        for start in range(0, len(rows), 500):
            await connection.run_sync(add, rows[start : start + 500])
    await _save_prompts(database, end)


def _find_times(chance, calls, end):
    """
    Return moments of which there are more by day, on weekdays, and lately.
    """
    moments = []
    while len(moments) < calls:
        moment = end - 30 * DAY * chance.random() ** 1.25
        hour, weekday = (moment % DAY) / 3600, int(moment // DAY + 3) % 7
        busy = 0.15 + 0.85 * max(0.0, math.sin((hour - 6) / 13 * math.pi)) if 6 <= hour <= 19 else 0.12
        if chance.random() < busy * (0.3 if weekday > 4 else 1.0):
            moments.append(moment)
    return sorted(moments)


def _make_row(chance, keys, number, moment):
    key, team, _ = chance.choices(keys, [weight for *_, weight in keys])[0]
    name = chance.choices(list(MODELS), [model[2] for model in MODELS.values()])[0]
    provider, model, _, input_price, output_price, typical = MODELS[name]
    inputs, outputs = int(chance.lognormvariate(6.5, 1.0)), int(chance.lognormvariate(5.3, 0.8)) if output_price else 0
    is_bad_day = int(moment // DAY) % 11 == 4
    error = chance.choice(ERRORS) if chance.random() < (0.12 if is_bad_day else 0.012) else None
    cached = error is None and chance.random() < 0.05
    cost = Decimal(str(round(inputs * input_price / 1e6 + outputs * output_price / 1e6, 9)))
    seconds = 0.004 if cached else chance.lognormvariate(math.log(typical), 0.45)
    attempt = Attempt(
        provider=provider,
        model=model,
        endpoint=provider,
        key="default",
        status=None if cached else {None: 200, "RateLimitError": 429}.get(error and type(error).__name__, 503),
        duration=seconds,
        usage=Usage(input_tokens=inputs, output_tokens=outputs, cache_read_tokens=inputs // 3),
        cost=Decimal(0) if error or cached else cost,
        saved=cost if cached else None,
        cached=cached,
        error=type(error).__name__ if error else None,
    )
    tags = {"key": key.id, "model": name, **({"team": team} if team else {})}
    client, user = chance.choice(CLIENTS), f"user-{chance.randrange(40)}"
    ended = RequestFinished(
        call=f"{number:06x}{chance.getrandbits(64):016x}",
        service="chat" if output_price or provider == "ollama" else "embeddings",
        provider=provider,
        model=model,
        prompt="",
        response=None,
        error=error,
        attempts=(attempt,),
        seconds=seconds,
        label=key.name,
        tags=tags | {"user": user} | ({"client": client} if client else {}),
    )
    is_streamed = error is None and not cached and output_price and chance.random() < 0.6
    return make_row(collect(ended, moment, seconds * 0.2 if is_streamed else None))


async def _save_prompts(database, end):
    others = {
        "summary": "Summarize in {{ count }} sentences:\n\n{{ text }}",
        "translate": "Translate into {{ language }}:\n\n{{ text }}",
    }
    kinds = {"count": {"type": "number", "default": 3}, "language": {"default": "English"}, "text": {}}
    first = {
        "variables": {name: PROMPT["variables"][name] for name in ("customer", "question")},
        "messages": [{"role": "user", "content": "{{ customer }} asks: {{ question }}"}],
    }
    async with database.write() as connection:

        async def save(name, fields, author, days):
            prompt = read_prompt({**fields, "name": name}, where=name)
            await prompts.save_prompt(connection, prompt, author, at=end - days * DAY)

        await save("support-answer", first, "ann", 24)
        await save("support-answer", PROMPT, "oli", 9)
        polite = PROMPT | {"description": f"{PROMPT['description']} It never promises dates."}
        await save("support-answer", polite, "ann", 0.2)
        await prompts.set_label(connection, "support-answer", "production", 2)
        await prompts.set_label(connection, "support-answer", "staging", 3)
        for name, content in others.items():
            variables = {key: kind for key, kind in kinds.items() if f"{{{{ {key} }}}}" in content}
            await save(name, {"variables": variables, "messages": [{"role": "user", "content": content}]}, "oli", 12)
        await prompts.set_label(connection, "summary", "production", 1)
