"""Runs whose calls another client sends."""

from __future__ import annotations

import asyncio

from budwood import AsyncClient
from budwood_generation import generate_async


class Aliases:
    """
    A client with a name of its own for a model.
    """

    def __init__(self, client):
        self.client = client
        self.asked = 0

    def check(self, *, model, **options):
        assert model == "house-model"
        self.client.check(model="offline/extractive", **options)

    def model(self, model=None):
        assert model == "house-model"
        return self.client.model("offline/extractive")

    async def ask(self, prompt, *, model, **options):
        assert model == "house-model"
        self.asked += 1
        return await self.client.ask(prompt, model="offline/extractive", **options)


def test_another_client_sends_the_calls(tmp_path):
    """
    It plans and asks with its own names, and stays open.
    """

    async def run():
        async with AsyncClient() as inner:
            client = Aliases(inner)
            strategy = {"plugin": "seed-list", "seeds": ["What gives the fruit?", "What gives the roots?"]}
            spec = {
                "rows": 2,
                "output": "rows.jsonl",
                "root": tmp_path,
                "conversation": {"answerer": "house-model", "strategy": strategy},
            }
            report = await generate_async(spec, client=client)
            await inner.ask("Still open?", model="offline/extractive")
            return report, client.asked

    report, asked = asyncio.run(run())

    assert (report.rows, report.complete, asked) == (2, True, 2)
