"""Observers of installed distributions: they run if they are listed, and the client that created them closes them."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from budwood.errors import (
    ConfigurationError,
    PluginDisabledError,
    PluginInvalidError,
    PluginLoadError,
    PluginNotFoundError,
)
from budwood_testing import chat_reply

GROUP = "budwood.observers"
OBSERVER = """
from pydantic import BaseModel
from budwood.hooks import ObserverSpec, hookimpl

INSTANCES = []


class Settings(BaseModel):
    model_config = {"extra": "forbid"}

    label: str = "none"


class Observer:
    def __init__(self, settings, context):
        self.label, self.instance = settings.label, context.instance
        self.kinds, self.closed = [], 0
        INSTANCES.append(self)

    def observe(self, event):
        self.kinds.append(type(event).__name__)

    def close(self):
        self.closed += 1
        FAIL


@hookimpl
def budwood_observers():
    return [ObserverSpec(name="acme-usage", settings=lambda: Settings, build=Observer, requires_api=(2, 0))]
"""
SIGNAL = """
import threading

INSTANCES = []
SIGNAL = threading.Event()
"""
EVENT_KINDS = ["RequestStarted", "AttemptStarted", "AttemptFinished", "RequestFinished"]


@pytest.fixture
def installed(make_distribution):
    """
    An installed distribution that provides ``acme-usage``.
    """
    return make_distribution("acme-usage", plugins=["acme-usage"], group=GROUP, source=OBSERVER.replace("FAIL", ""))


@pytest.fixture
def created(installed):
    """
    List the observers that were created from the distribution.
    """
    return lambda: sys.modules[installed.module].INSTANCES if installed.module in sys.modules else []


def ask(make_client, scripted, **arguments):
    """
    Ask one question with a new client.
    """
    scripted.reply(200, chat_reply("Hi"))
    with make_client(**arguments) as client:
        client.ask("Hello")


def test_installed_observer_runs_only_if_it_is_listed(make_client, scripted, installed):
    """
    Otherwise its module is not imported, even if it has a section.
    """
    ask(make_client, scripted)
    ask(make_client, scripted, settings={"observer": {"acme-usage": {"label": "set up"}}})

    assert installed.imports == 0


def test_argument_lists_it(make_client, scripted, created):
    """
    The observer is notified, in any spelling of its name.
    """
    ask(make_client, scripted, observers=["Acme_Usage"])

    assert [observer.kinds for observer in created()] == [EVENT_KINDS]


def test_settings_list_it(make_client, scripted, created):
    """
    The list selects observers, and sections configure them.
    """
    settings = {"observers": ["acme-usage"], "observer": {"acme-usage": {"label": "mine"}}}
    ask(make_client, scripted, settings=settings)

    assert [(observer.label, observer.kinds) for observer in created()] == [("mine", EVENT_KINDS)]


def test_environment_lists_it(make_client, scripted, created, monkeypatch):
    """
    The list is JSON; other variables contain settings.
    """
    monkeypatch.setenv("BUDWOOD_OBSERVERS", json.dumps(["acme-usage"]))
    monkeypatch.setenv("BUDWOOD_OBSERVER__ACME_USAGE__LABEL", "from outside")
    ask(make_client, scripted)

    assert [(observer.label, observer.kinds) for observer in created()] == [("from outside", EVENT_KINDS)]


def test_empty_argument_runs_none(make_client, scripted, installed):
    """
    It overrides the settings.
    """
    ask(make_client, scripted, settings={"observers": ["acme-usage"]}, observers=[])

    assert installed.imports == 0


def test_several_instances_of_one_plugin_run(make_client, scripted, created):
    """
    Each has its own section.
    """
    section = {"mine": {"plugin": "acme-usage", "label": "a"}, "ours": {"plugin": "acme-usage", "label": "b"}}
    ask(make_client, scripted, settings={"observers": ["mine", "ours"], "observer": section})

    assert [(observer.instance, observer.label) for observer in created()] == [("mine", "a"), ("ours", "b")]


def test_name_that_occurs_twice_is_an_error(make_client, created):
    """
    Everything would be counted twice. Observers that were created before are closed.
    """
    with pytest.raises(ConfigurationError, match="twice"):
        make_client(observers=["acme-usage", "ACME.usage"])

    assert [observer.closed for observer in created()] == [1]


@pytest.mark.parametrize("disabled", ["acme-usage", "acme_usage"])
def test_disabled_observer_is_an_error_if_it_is_listed(make_client, installed, monkeypatch, disabled):
    """
    This applies to settings and environment; nothing is imported.
    """
    with pytest.raises(PluginDisabledError, match="acme-usage"):
        make_client(settings={"plugins": {"disabled": [disabled]}}, observers=["acme-usage"])
    monkeypatch.setenv("BUDWOOD_PLUGINS_DISABLED", disabled)
    with pytest.raises(PluginDisabledError, match="acme-usage"):
        make_client(observers=["acme-usage"])

    assert installed.imports == 0


def test_misspelled_name_suggests_a_similar_one(make_client, installed):
    """
    As for other kinds of plugin.
    """
    with pytest.raises(PluginNotFoundError, match="acme-usage"):
        make_client(observers=["acme-usag"])


def test_misspelled_setting_is_an_error(make_client, installed):
    """
    The error names the section.
    """
    with pytest.raises(ConfigurationError, match=r"\[observer.acme-usage\]"):
        make_client(settings={"observer": {"acme-usage": {"lable": "x"}}}, observers=["acme-usage"])


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("raise RuntimeError('no import')", PluginLoadError),
        (OBSERVER.replace("def observe(", "def watch("), PluginInvalidError),
        (OBSERVER.replace("def observe(", "async def observe("), PluginInvalidError),
    ],
)
def test_broken_observer_is_named(make_client, make_distribution, broken, error):
    """
    A module that cannot be imported, or an object that is not an observer, is an error when the client is created.
    """
    source = broken.replace("FAIL", "")
    make_distribution("acme-usage", plugins=["acme-usage"], group=GROUP, source=source)

    with pytest.raises(error, match="acme-usage"):
        make_client(observers=["acme-usage"])


class Listener:
    """
    An observer without a constructor.
    """

    def observe(self, event):
        """
        Ignore an event.
        """


@pytest.mark.parametrize(
    ("observers", "cure"),
    [
        ("usage", r"observers= must be a list; got str. Pass a list: observers=\[…\]"),
        (Listener(), r"observers= must be a list; got Listener. Pass a list: observers=\[…\]"),
        ([Listener], r"observers= contains the class Listener. Pass an object: Listener\(…\)"),
        ([[Listener()]], r"The observer list has no method observe\(\)"),
        ([None], r"The observer NoneType has no method observe\(\)"),
    ],
)
def test_argument_of_a_wrong_type_is_an_error_with_a_cure(make_client, observers, cure):
    """
    A class in place of an object would otherwise fail at each event, of which only the log would tell.
    """
    with pytest.raises(ConfigurationError, match=cure):
        make_client(observers=observers)


def test_object_that_occurs_twice_is_an_error(make_client):
    """
    Everything would be counted twice, as with names. Two objects of one class are different observers.
    """
    listener = Listener()

    with pytest.raises(ConfigurationError, match="contains the same Listener twice"):
        make_client(observers=[listener, listener])
    make_client(observers=[listener, Listener()]).close()


def test_invalid_list_in_the_environment_has_a_cure(make_client, monkeypatch):
    """
    The error shows the form of a list.
    """
    monkeypatch.setenv("BUDWOOD_OBSERVERS", '["usage"')

    with pytest.raises(ConfigurationError, match=r"'observers': must be a list, such as \[\"a\", \"b\"\]"):
        make_client()


def test_async_close_of_a_plugin_is_an_error(make_client, make_distribution):
    """
    Clients do not await it, so that it would never run.
    """
    source = OBSERVER.replace("def close", "async def close").replace("FAIL", "")
    make_distribution("acme-usage", plugins=["acme-usage"], group=GROUP, source=source)

    with pytest.raises(PluginInvalidError, match=r"has an async close\(\)"):
        make_client(observers=["acme-usage"])


def test_client_closes_the_observers_that_it_created(make_client, scripted, created):
    """
    It does so once, and does not close objects that it received.
    """

    class Own:
        closed = 0

        def observe(self, event):
            pass

        def close(self):
            self.closed += 1

    own = Own()
    scripted.reply(200, chat_reply("Hi"))
    client = make_client(observers=["acme-usage", own])
    client.ask("Hello")
    assert [observer.closed for observer in created()] == [0]
    client.close()
    client.close()

    assert [observer.closed for observer in created()] == [1]
    assert own.closed == 0


def test_async_client_closes_the_observers_that_it_created(make_async_client, created):
    """
    As the blocking client does.
    """

    async def run():
        async with make_async_client(observers=["acme-usage"]) as client:
            pass
        await client.close()

    asyncio.run(run())

    assert [observer.closed for observer in created()] == [1]


def test_async_client_does_not_block_the_event_loop_while_observers_close(make_async_client, make_distribution):
    """
    An observer that waits in `close` for something that happens on the event loop gets it.
    """
    source = OBSERVER.replace("FAIL", "self.released = SIGNAL.wait(30)").replace("INSTANCES = []", SIGNAL)
    installed = make_distribution("acme-usage", plugins=["acme-usage"], group=GROUP, source=source)

    async def run():
        client = make_async_client(observers=["acme-usage"])
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        sys.modules[installed.module].SIGNAL.set()
        await closing

    asyncio.run(run())

    assert sys.modules[installed.module].INSTANCES[0].released


def test_observers_of_a_cancelled_close_are_closed(make_async_client, make_distribution):
    """
    If the task that closes an async client is cancelled, the observers are closed all the same.
    """
    source = OBSERVER.replace("FAIL", "SIGNAL.set()").replace("INSTANCES = []", SIGNAL)
    installed = make_distribution("acme-usage", plugins=["acme-usage"], group=GROUP, source=source)

    async def run():
        closing = asyncio.create_task(make_async_client(observers=["acme-usage"]).close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)

    asyncio.run(run())

    assert sys.modules[installed.module].SIGNAL.wait(30)


def test_observer_that_fails_to_close_keeps_nothing_else_open(make_client, make_distribution):
    """
    The client closes the other observers, its cache and its connections.
    """
    source = OBSERVER.replace("FAIL", "raise OSError('disk full')")
    installed = make_distribution("acme-usage", plugins=["acme-usage"], group=GROUP, source=source)
    section = {"second": {"plugin": "acme-usage"}}

    make_client(settings={"observer": section}, observers=["acme-usage", "second"]).close()

    assert [observer.closed for observer in sys.modules[installed.module].INSTANCES] == [1, 1]
