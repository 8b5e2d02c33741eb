"""A gateway with a database, prompts, and a server in place of vendors."""

from __future__ import annotations

import json

from budwood_prompts import read_prompt
from budwood_server.prompts import store
from tests.plugins.server.keyed_gateway import KeyedGateway

GREETING = {
    "variables": {"name": {}, "polite": {"type": "boolean", "default": False}},
    "messages": [
        {"role": "system", "content": "Be {% if polite %}polite{% else %}brief{% endif %}."},
        {"role": "user", "content": "Greet {{ name }}."},
    ],
}
"""A prompt with a system message and a question."""

SYSTEM = {"messages": [{"role": "system", "content": "Answer in French."}]}
"""A prompt without a question."""


class PromptedGateway(KeyedGateway):
    """
    A gateway with the prompts ``greeting``, whose version 1 is ``production``, and ``french``.

    Args:
        vendor: The server in place of vendors: ``fast`` has OpenAI's API, ``claude`` Anthropic's.
        url: The URL of a new database.
        server: Further settings of the server.
    """

    def __init__(self, vendor, url, **server):
        providers = {
            "vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"},
            "other": {"plugin": "anthropic", "base_url": vendor.url, "api_key": "k"},
        }
        models = {"fast": "vendor/m", "claude": "other/claude-haiku-4-5"}
        super().__init__(
            {"providers": providers, "options": {"retries": 0}, "server": {"models": models} | server}, url
        )

    def __enter__(self):
        super().__enter__()
        self.save("greeting", GREETING, label="production")
        self.save("french", SYSTEM)
        return self

    def save(self, name, fields, label=None):
        """
        Save a version of a prompt, give it a label, and have the worker notice it. Return its number.
        """

        async def save():
            database = self.worker.database
            async with database.write() as connection:
                prompt = read_prompt({**fields, "name": name}, where=name)
                saved = await store.save_prompt(connection, prompt, "test")
                if label is not None:
                    await store.set_label(connection, name, label, saved.version)
            await self.worker.services.watch.check()
            return saved.version

        return self.run(save())

    def post(self, path, body, key="owner", **headers):
        """
        Send a request with a key of `POLICIES`, or with a token.
        """
        content = json.dumps(body).encode()
        return self.send("POST", path, self.keys.get(key, key), content, content_type="application/json", **headers)
