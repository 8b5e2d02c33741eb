"""Curator of Bespoke Labs, with its OpenAI backend and without limits of the rate."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.benchmarks.generation_worker import FORMAT, Case, get_prompt
from tests.benchmarks.generators.vocabulary import use_packaged_vocabulary
from tests.benchmarks.person import Person


def prepare(case: Case, address: str, folder: str) -> Callable[[], int]:
    """
    Return a function that generates the dataset. Its client asks the server for rate limits, with one call.
    """
    os.environ |= {"CURATOR_CACHE_DIR": folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "TELEMETRY_ENABLED": "false"}
    use_packaged_vocabulary()
    from bespokelabs import curator

    class Inventor(curator.LLM):
        """A model that invents people."""

        def prompt(self, row: dict[str, int]) -> str:
            """Return the prompt of a row."""
            return get_prompt(row["number"])

        def parse(self, row: dict[str, int], reply: str) -> dict[str, object]:
            """Return the columns of a row."""
            return row | Person.model_validate_json(reply).model_dump()

    parameters = {
        "base_url": address,
        "api_key": "none",
        "max_concurrent_requests": case.slots,
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 1_000_000_000,
    }
    # not its own parameter response_format, for which it sends a call at the start of the run and waits
    structured = {"response_format": FORMAT}
    model = Inventor(model_name="bench", backend="openai", backend_params=parameters, generation_params=structured)
    return lambda: len(model([{"number": number} for number in range(case.rows)]).dataset)
