"""What cannot be loaded or run is a typed error that says what helps."""

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
from budwood_transformers.failures import loading, running


def cut(folder):
    """Lose the second half of the weights."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed(**values):
    """Make a change to config.json."""

    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def without(*names):
    """Make a change that removes files."""

    def change(folder):
        for name in names:
            (folder / name).unlink()

    return change


def template(text):
    """Make a change to the chat template."""
    return lambda folder: (folder / "chat_template.jinja").write_text(text)


def with_own_code(folder):
    """Let the model bring code that would end the process."""
    auto = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    changed(model_type="martian", auto_map=auto)(folder)
    (folder / "own.py").write_text("raise SystemExit('it ran')")


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (cut, ConfigurationError, "SafetensorError.*Are its files whole"),
        (changed(num_hidden_layers=3), ConfigurationError, "lack 9 parts.*would be random"),
        (changed(intermediate_size=128), ConfigurationError, "cannot be loaded"),
        (changed(model_type="martian"), UnsupportedError, "A newer library may know it"),
        (changed(model_type="vit"), UnsupportedError, "knows no text model"),
        (without("model.safetensors"), ConfigurationError, "weights as safetensors"),
        (without("config.json"), ConfigurationError, "must hold config.json"),
        (without("tokenizer.json", "tokenizer_config.json"), ConfigurationError, "a tokenizer"),
        (without("chat_template.jinja"), UnsupportedError, "Set chat_template to a file"),
        (template("{% if %}"), ConfigurationError, "broken, in line 1"),
        (template("{{ raise_exception('No system!') }}"), InvalidRequestError, "No system!.*want user and assistant"),
        (with_own_code, ConfigurationError, r"trust_remote_code = true in \[providers.transformers\]"),
    ],
)
def test_model_that_is_not_as_it_must_be(tiny_folder, tmp_path, change, kind, said):
    """
    The class tells the kind of fault, the text what to do. Nothing is answered from random weights.
    """
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    change(folder)

    with Client(f"transformers/{folder}") as client, pytest.raises(kind, match=said):
        client.ask("hi", max_tokens=1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "cuda:7"}, "no device 'cuda:7' here"),
        ({"device": "tpu"}, "no device 'tpu' here"),
        ({"attn_implementation": "nonsense"}, "Mend attn_implementation"),
        ({"chat_template": "nowhere.jinja"}, "chat_template: nowhere.jinja cannot be read"),
        ({"response_template": "nowhere.json"}, "response_template: nowhere.json cannot be read"),
    ],
)
def test_settings_that_cannot_be_met(tiny_folder, settings, said):
    """
    The setting is named.
    """
    with (
        Client(f"transformers/{tiny_folder}", settings={"providers": {"transformers": settings}}) as client,
        pytest.raises(ConfigurationError, match=said),
    ):
        client.ask("hi", max_tokens=1)


@pytest.mark.parametrize("setting", [{"max_models": 0}, {"dtype": "int7"}, {"device": "CUDA 1"}, {"max_tokens": 0}])
def test_impossible_settings_are_refused_at_once(setting):
    """
    They are known before a model is wanted.
    """
    with pytest.raises(ConfigurationError, match=r"\[providers.transformers\]"):
        Client("transformers/./tiny", settings={"providers": {"transformers": setting}})


@pytest.mark.parametrize("model", ["./nowhere", "/nowhere/at/all", "~/nowhere"])
def test_folder_that_is_missing(model):
    """
    It is not looked for on the Hub.
    """
    with Client(f"transformers/{model}") as client, pytest.raises(NotFoundError, match="no folder"):
        client.ask("hi")


def test_name_that_the_hub_cannot_have():
    """
    The hint says how models are named.
    """
    with (
        Client("transformers/acme/no/such") as client,
        pytest.raises(NotFoundError, match=r"ORG/NAME, a folder \./FOLDER"),
    ):
        client.ask("hi")


def test_chat_template_of_the_settings_serves_where_there_is_none(tiny_folder, tmp_path):
    """
    The cure of the error above works.
    """
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    without("chat_template.jinja")(folder)
    path = tmp_path / "plain.jinja"
    path.write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    settings = {"providers": {"transformers": {"chat_template": str(path)}}}

    with Client(f"transformers/{folder}", settings=settings) as client:
        assert client.ask("hello", max_tokens=1).usage.input_tokens == len("hello")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"num_beams": 2}, "num_beams"),
        ({"top_k": -5}, "top_k: Input should be greater"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"chat_template_kwargs": 3}, "Give a table"),
        ({"chat_template_kwargs": {"tokenize": True}}, "sets tokenize"),
    ],
)
def test_extra_that_is_no_option(tiny_folder, extra, said):
    """
    It is refused with the options that there are; nothing is passed over in silence.
    """
    with Client(f"transformers/{tiny_folder}") as client, pytest.raises(InvalidRequestError, match=said):
        client.ask("hi", extra=extra, max_tokens=1)


def test_half_a_character_is_a_fault_of_the_prompt(tiny_folder):
    """
    As with any vendor.
    """
    with Client(f"transformers/{tiny_folder}") as client, pytest.raises(PromptError, match="halves of characters"):
        client.ask("\ud800")


def test_half_a_character_cannot_be_counted_either(local, tiny_folder):
    """
    Counting writes the same prompt.
    """
    with pytest.raises(PromptError, match="halves of characters"):
        local().count_tokens(ChatRequest(model=str(tiny_folder), messages=(Message.user("\ud800"),)))


@pytest.mark.parametrize("around", [running, lambda: loading("m", "local")])
def test_real_lack_of_memory_is_a_lack_of_capacity(around):
    """
    What torch raises where it can get no memory becomes an error that is not tried again, with its cure.
    """
    import torch

    with pytest.raises(CapacityError, match="smaller model") as caught, around():
        torch.empty(2**45, dtype=torch.float64)

    assert not caught.value.retryable


def test_other_faults_are_not_taken_for_a_lack_of_memory():
    """
    They stay what they are, for the engine to name the plugin.
    """
    with pytest.raises(RuntimeError, match="else"), running():
        raise RuntimeError("something else")


def test_missing_torch_says_what_to_install(monkeypatch):
    """
    The client cannot be made, and says why.
    """
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))

    with pytest.raises(PluginLoadError, match=r"pip install .budwood-transformers\[torch\]"):
        Client("transformers/acme/tiny")


def test_token_is_no_part_of_errors_and_settings(tiny_folder, tmp_path):
    """
    It stays secret, whatever fails.
    """
    from budwood_transformers import TransformersSettings

    secret = "hf_very_secret"
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    cut(folder)
    settings = {"providers": {"transformers": {"token": secret}}}

    with Client(f"transformers/{folder}", settings=settings) as client, pytest.raises(BudwoodError) as caught:
        client.ask("hi")

    assert secret not in repr(TransformersSettings(token=secret)) + str(caught.value) + repr(caught.value.__cause__)
