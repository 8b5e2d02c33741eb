"""Loading and unloading models."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from budwood import Client
from budwood.errors import StreamInterruptedError
from budwood.types import ChatRequest, Message, TextDelta
from tests.tiny_model import random_weights, save_tiny_model


def request_of(folder, **changes):
    """Create a request for a few tokens."""
    return ChatRequest(
        **{"model": str(folder), "messages": (Message.user("hi"),), "max_tokens": 4, "seed": 1} | changes
    )


def weights_of(provider):
    """Return the weights of the only loaded model."""
    [slot] = provider._models._slots.values()
    return slot.value.weights


def test_torch_is_imported_at_the_first_request():
    """
    Creating a client and reading its capabilities imports neither torch nor transformers.
    """
    program = (
        "import sys, budwood\n"
        "with budwood.Client('transformers/./nowhere') as client:\n"
        "    client.capabilities()\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_model_is_loaded_once_at_its_first_request(local, tiny_folder):
    """
    The second request uses the same weights.
    """
    provider = local()
    assert not provider._models._slots

    list(provider.stream(request_of(tiny_folder)))
    first = weights_of(provider)
    list(provider.stream(request_of(tiny_folder)))

    assert weights_of(provider) is first


def test_close_frees_the_weights(local, tiny_folder):
    """
    After `close` neither the module nor its tensors are in memory.
    """
    provider = local()
    list(provider.stream(request_of(tiny_folder)))
    module = weakref.ref(weights_of(provider))
    tensor = weakref.ref(next(weights_of(provider).parameters()))

    provider.close()

    assert (module(), tensor()) == (None, None)


def test_closing_the_client_frees_the_weights(tiny_folder):
    """
    The client closes the provider.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        client.ask("hi", max_tokens=1)
        tensor = weakref.ref(next(weights_of(client._engine.endpoints.get("transformers").local).parameters()))
        assert tensor() is not None

    assert tensor() is None


def test_unreferenced_provider_frees_the_weights(tiny_folder, local):
    """
    Without `close` the weights are freed with the provider.
    """
    from budwood_transformers import Transformers

    existing = local()
    provider = Transformers(existing._settings, existing._context)
    list(provider.stream(request_of(tiny_folder)))
    tensor = weakref.ref(next(weights_of(provider).parameters()))

    del provider
    gc.collect()

    assert tensor() is None


def test_error_does_not_keep_the_weights(local, tmp_path):
    """
    A reference to an error does not keep the model in memory.
    """
    from budwood.errors import ProviderError

    weights = random_weights()
    weights.lm_head.weight.data.fill_(float("nan"))
    provider = local()
    with pytest.raises(ProviderError, match="not finite") as caught:
        list(provider.stream(request_of(save_tiny_model(tmp_path / "broken", weights=weights))))
    tensor = weakref.ref(next(weights_of(provider).parameters()))
    provider.close()

    assert caught.value.__traceback__ is not None
    assert tensor() is None


def test_another_model_replaces_the_first(local, tiny_folder, tmp_path):
    """
    With `max_models = 1` loading a second model unloads the first.
    """
    other = save_tiny_model(tmp_path / "other", weights=random_weights(1))
    provider = local(max_models=1)
    list(provider.stream(request_of(tiny_folder)))
    first = weakref.ref(weights_of(provider))
    list(provider.stream(request_of(other)))

    assert first() is None
    list(provider.stream(request_of(tiny_folder)))


def test_several_models_stay_loaded(local, tiny_folder, tmp_path):
    """
    With `max_models = 2` two models stay loaded.
    """
    other = save_tiny_model(tmp_path / "other", weights=random_weights(1))
    provider = local(max_models=2)
    for folder in (tiny_folder, other, tiny_folder):
        list(provider.stream(request_of(folder)))

    assert sorted(provider._models._slots) == sorted([str(tiny_folder), str(other)])


def test_threads_load_a_model_once(local, tiny_folder):
    """
    Concurrent requests load the model once, and get their replies one after the other.
    """
    provider = local()
    logged = []
    object.__setattr__(provider._context, "log", lambda event, **_: logged.append(event))
    texts = []
    threads = [
        threading.Thread(
            target=lambda: texts.append(
                "".join(
                    event.text for event in provider.stream(request_of(tiny_folder)) if isinstance(event, TextDelta)
                )
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert logged == ["model loaded"]
    assert len(texts) == 4
    assert len(set(texts)) == 1


def pause_at(provider, step):
    """Pause the model at a step; return an event set when it waits, one that resumes it, and the list of steps."""
    waiting, gate, steps = threading.Event(), threading.Event(), []

    def hold(*_):
        steps.append(1)
        if len(steps) == step:
            waiting.set()
            assert gate.wait(60)

    weights_of(provider).register_forward_hook(hold)
    return waiting, gate, steps


def test_closing_the_stream_stops_the_model(local, parrot):
    """
    Closing the iterator stops the model at the next token.
    """
    folder = parrot("la", " le", ends=False)
    provider = local()
    list(provider.stream(request_of(folder)))
    waiting, gate, steps = pause_at(provider, 3)
    events = provider.stream(request_of(folder, max_tokens=400))
    for event in events:
        if isinstance(event, TextDelta):
            break
    assert waiting.wait(60)

    events.close()
    gate.set()
    list(provider.stream(request_of(folder, max_tokens=1)))  # waits for the first reply to end

    assert len(steps) == 3 + 1


def test_close_stops_an_active_reply(local, parrot):
    """
    `close` waits only for the current token, and the reader gets StreamInterruptedError.
    """
    folder = parrot("la", " le", ends=False)
    provider = local()
    list(provider.stream(request_of(folder)))
    waiting, gate, steps = pause_at(provider, 3)
    events = provider.stream(request_of(folder, max_tokens=400))
    next(events)
    assert waiting.wait(60)
    closing = threading.Thread(target=provider.close)
    closing.start()
    assert provider._models.closing.wait(60)
    gate.set()
    closing.join()

    with pytest.raises(StreamInterruptedError, match="was closed"):
        list(events)
    assert len(steps) == 3


def test_program_can_exit_during_a_reply(tiny_folder):
    """
    At exit the generating thread is stopped, without a hang or a crash.
    """
    program = (
        "import sys, budwood\n"
        "client = budwood.Client(f'transformers/{sys.argv[1]}')\n"
        "stream = iter(client.stream('hi', max_tokens=400))\n"
        "next(stream)\n"
        "print('read')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_folder)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


def test_settings_for_loading_are_used(local, tiny_folder):
    """
    dtype, device and attention implementation are those of the settings.
    """
    import torch

    provider = local(dtype="bfloat16", device="cpu", attn_implementation="eager")
    events = list(provider.stream(request_of(tiny_folder)))

    assert next(weights_of(provider).parameters()).dtype == torch.bfloat16
    assert weights_of(provider).config._attn_implementation == "eager"
    assert events[-1].data["device"] == "cpu"


def test_model_path_names_the_only_model(tiny_folder):
    """
    With `model_path` the model has the name of the folder, and another name is an error.
    """
    from budwood.errors import NotFoundError

    settings = {"providers": {"mine": {"plugin": "transformers", "model_path": str(tiny_folder)}}}
    with Client("mine/tiny", settings=settings) as client:
        assert client.ask("hi", max_tokens=2, seed=1).usage.output_tokens == 2
        assert [model.id for model in client.models()] == ["tiny"]
        with pytest.raises(NotFoundError, match="'tiny'"):
            client.ask("hi", model="mine/other")


def test_command_line_lists_models(tiny_folder, tmp_path):
    """
    `budwood models list` prints the models without loading them.
    """
    (tmp_path / "budwood.toml").write_text(f'[providers.mine]\nplugin = "transformers"\nmodel_path = "{tiny_folder}"\n')

    done = subprocess.run(
        [Path(sys.executable).with_name("budwood"), "models", "list", "mine"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "mine/tiny\n"), done.stderr


def test_relative_folders_are_found(tiny_folder, monkeypatch):
    """
    `transformers/./tiny` is a folder in the current directory.
    """
    monkeypatch.chdir(tiny_folder.parent)

    with Client("transformers/./tiny") as client:
        assert client.ask("hi", max_tokens=1, seed=1).usage.output_tokens == 1
