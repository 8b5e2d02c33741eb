"""Errors of loading and running models."""

from __future__ import annotations

import json
import shutil

import pytest

from budwood import Client
from budwood.errors import (
    BudwoodError,
    CapacityError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    PluginLoadError,
    PromptError,
    UnsupportedError,
)
from budwood.types import ChatRequest, Message
from budwood_transformers.errors import convert_load_errors, convert_run_errors


def truncate_weights(folder):
    """Remove the second half of the weights."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def set_config(**values):
    """Return a function that changes config.json."""

    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def remove_files(*names):
    """Return a function that removes files."""

    def change(folder):
        for name in names:
            (folder / name).unlink()

    return change


def set_template(text):
    """Return a function that replaces the chat template."""
    return lambda folder: (folder / "chat_template.jinja").write_text(text)


def add_code(folder):
    """Add code to the model that would end the process."""
    auto = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    set_config(model_type="martian", auto_map=auto)(folder)
    (folder / "own.py").write_text("raise SystemExit('it ran')")


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (truncate_weights, ConfigurationError, "SafetensorError.*Check its files"),
        (set_config(num_hidden_layers=3), ConfigurationError, "incomplete: 9 are missing.*random values"),
        (set_config(intermediate_size=128), ConfigurationError, "Cannot load"),
        (set_config(model_type="martian"), UnsupportedError, "A newer version of transformers may support it"),
        (set_config(model_type="vit"), UnsupportedError, "does not support .* as a text model"),
        (remove_files("model.safetensors"), ConfigurationError, "weights as safetensors"),
        (remove_files("config.json"), ConfigurationError, "must have config.json"),
        (remove_files("tokenizer.json", "tokenizer_config.json"), ConfigurationError, "a tokenizer"),
        (remove_files("chat_template.jinja"), UnsupportedError, "Set chat_template to a file"),
        (set_template("{% if %}"), ConfigurationError, "syntax error in line 1"),
        (
            set_template("{{ raise_exception('No system!') }}"),
            InvalidRequestError,
            "No system!.*alternating user and assistant",
        ),
        (add_code, ConfigurationError, r"trust_remote_code = true in \[providers.transformers\]"),
    ],
)
def test_invalid_model_raises_its_error(tiny_folder, tmp_path, change, kind, message):
    """
    An invalid model raises an error of the right class with a hint; random weights are never used.
    """
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    change(folder)

    with Client(f"transformers/{folder}") as client, pytest.raises(kind, match=message):
        client.ask("hi", max_tokens=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda:7"}, "device 'cuda:7' is not available"),
        ({"device": "tpu"}, "device 'tpu' is not available"),
        ({"attn_implementation": "nonsense"}, "Change attn_implementation"),
        ({"chat_template": "nowhere.jinja"}, "chat_template: cannot read nowhere.jinja"),
        ({"response_template": "nowhere.json"}, "response_template: cannot read nowhere.json"),
    ],
)
def test_unusable_setting_is_named(tiny_folder, settings, message):
    """
    A setting that cannot be used raises an error that names it.
    """
    with (
        Client(f"transformers/{tiny_folder}", settings={"providers": {"transformers": settings}}) as client,
        pytest.raises(ConfigurationError, match=message),
    ):
        client.ask("hi", max_tokens=1)


@pytest.mark.parametrize("setting", [{"max_models": 0}, {"dtype": "int7"}, {"device": "CUDA 1"}, {"max_tokens": 0}])
def test_invalid_settings_are_rejected_early(setting):
    """
    Invalid settings raise an error when the client is created.
    """
    with pytest.raises(ConfigurationError, match=r"\[providers.transformers\]"):
        Client("transformers/./tiny", settings={"providers": {"transformers": setting}})


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere/at/all", "~/nowhere"])
def test_missing_folder_is_an_error(model):
    """
    A missing folder raises NotFoundError; it is not looked up on the Hub.
    """
    with Client(f"transformers/{model}") as client, pytest.raises(NotFoundError, match="does not exist"):
        client.ask("hi")


def test_invalid_model_name_is_an_error():
    """
    The hint explains the format of model names.
    """
    with (
        Client("transformers/acme/no/such") as client,
        pytest.raises(NotFoundError, match=r"ORG/NAME for a model of the Hub, \./FOLDER"),
    ):
        client.ask("hi")


def test_chat_template_setting_is_used(tiny_folder, tmp_path):
    """
    The setting `chat_template` replaces a missing template.
    """
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    remove_files("chat_template.jinja")(folder)
    path = tmp_path / "plain.jinja"
    path.write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    settings = {"providers": {"transformers": {"chat_template": str(path)}}}

    with Client(f"transformers/{folder}", settings=settings) as client:
        assert client.ask("hello", max_tokens=1).usage.input_tokens == len("hello")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"num_beams": 2}, "num_beams"),
        ({"top_k": -5}, "top_k: Input should be greater"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"chat_template_kwargs": 3}, "Use a dictionary"),
        ({"chat_template_kwargs": {"tokenize": True}}, "sets tokenize"),
    ],
)
def test_invalid_extra_is_rejected(tiny_folder, extra, message):
    """
    Unknown options and invalid values in `extra` raise an error.
    """
    with Client(f"transformers/{tiny_folder}") as client, pytest.raises(InvalidRequestError, match=message):
        client.ask("hi", extra=extra, max_tokens=1)


def test_lone_surrogate_is_a_prompt_error(tiny_folder):
    """
    A lone surrogate in the prompt raises PromptError.
    """
    with Client(f"transformers/{tiny_folder}") as client, pytest.raises(PromptError, match="lone surrogates"):
        client.ask("\ud800")


def test_lone_surrogate_cannot_be_counted(local, tiny_folder):
    """
    Counting tokens raises the same error.
    """
    with pytest.raises(PromptError, match="lone surrogates"):
        local().count_tokens(ChatRequest(model=str(tiny_folder), messages=(Message.user("\ud800"),)))


@pytest.mark.parametrize("convert", [convert_run_errors, lambda: convert_load_errors("m", "local")])
def test_out_of_memory_is_a_capacity_error(convert):
    """
    If torch cannot allocate memory, a CapacityError with a hint is raised, which is not retryable.
    """
    import torch

    with pytest.raises(CapacityError, match="smaller model") as caught, convert():
        torch.empty(2**45, dtype=torch.float64)

    assert not caught.value.retryable


def test_missing_library_is_named():
    """
    A library that a part of the model requires, such as the processor for videos, is named with how to install it.
    """
    message = "\nQwen2VLVideoProcessor requires the Torchvision library but it was not found in your environment. Check"

    with (
        pytest.raises(ConfigurationError, match=r"requires the Torchvision library\. pip install torchvision"),
        convert_load_errors("m", "local"),
    ):
        raise ImportError(message)


def test_other_errors_are_not_converted():
    """
    Other errors propagate unchanged.
    """
    with pytest.raises(RuntimeError, match="else"), convert_run_errors():
        raise RuntimeError("something else")


def test_missing_torch_is_an_error(monkeypatch):
    """
    Without torch, creating a client raises an error that says what to install.
    """
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))

    with pytest.raises(PluginLoadError, match="pip install torch, or"):
        Client("transformers/acme/tiny")


def test_token_is_not_shown(tiny_folder, tmp_path):
    """
    The token is not part of settings, errors or their causes.
    """
    from budwood_transformers import TransformersSettings

    secret = "hf_very_secret"
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    truncate_weights(folder)
    settings = {"providers": {"transformers": {"token": secret}}}

    with Client(f"transformers/{folder}", settings=settings) as client, pytest.raises(BudwoodError) as caught:
        client.ask("hi")

    assert secret not in repr(TransformersSettings(token=secret)) + str(caught.value) + repr(caught.value.__cause__)
