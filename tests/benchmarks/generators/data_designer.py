"""NeMo Data Designer, with its defaults but for the number of parallel requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.generation_worker import Case, get_prompt
from tests.benchmarks.generators.vocabulary import use_packaged_vocabulary
from tests.benchmarks.person import Person


def prepare(case: Case, address: str, folder: str) -> Callable[[], int]:
    """
    Return a function that generates the dataset. A check of the model, with one call, is skipped.
    """
    os.environ |= {"DATA_DESIGNER_HOME": folder, "NEMO_TELEMETRY_ENABLED": "false"}
    use_packaged_vocabulary()
    import data_designer.config as dd
    import pandas as pd
    from data_designer.interface import DataDesigner

    parameters = dd.ChatCompletionInferenceParams(max_parallel_requests=case.slots)
    model = dd.ModelConfig(
        alias="bench", model="bench", provider="local", inference_parameters=parameters, skip_health_check=True
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    topics = pd.DataFrame({"topic": [get_prompt(number) for number in range(case.rows)]})
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=topics))
    builder.add_column(
        dd.LLMStructuredColumnConfig(name="person", model_alias="bench", prompt="{{ topic }}", output_format=Person)
    )
    provider = dd.ModelProvider(name="local", endpoint=address, api_key="none")
    designer = DataDesigner(artifact_path=Path(folder, "artifacts"), model_providers=[provider])
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))
    return lambda: len(designer.create(builder, num_records=case.rows).load_dataset())
