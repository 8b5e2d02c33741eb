from __future__ import annotations

import traceback

import pytest

from budwood import Client
from budwood.errors import (
    ConfigurationError,
    PluginFaultError,
    PluginInvalidError,
    PluginLoadError,
)
from budwood.hooks import PROVIDER

SECRET = "sk-the-secret-of-this-test"


# Settings that are wrong.


def test_unknown_key_of_an_instance_is_told_with_its_section(make_distribution, instances):
    """
    The plugin's own settings find the typo.
    """
    make_distribution()

    with pytest.raises(ConfigurationError, match=r"\[providers\.acme\]: unknown key 'color' \(did you mean colour\?\)"):
        instances({"providers": {"acme": {"color": "blue"}}}).build(PROVIDER, "acme")


@pytest.mark.parametrize("values", [{"api_key": [SECRET]}, {"colour": {"x": SECRET}}, {"base_url": [SECRET]}])
def test_wrong_value_is_never_repeated(values, make_distribution, instances):
    """
    A value that does not fit may be a secret in the wrong place.
    """
    make_distribution()

    with pytest.raises(ConfigurationError) as caught:
        instances({"providers": {"acme": values}}).build(PROVIDER, "acme")

    assert next(iter(values)) in str(caught.value)
    assert SECRET not in f"{caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None


def test_secret_of_an_instance_shows_in_no_repr(make_distribution, instances):
    """
    An instance can be printed.
    """
    make_distribution()

    made = instances(ACME_KEY=SECRET).build(PROVIDER, "acme")

    assert SECRET not in repr(made)
    assert SECRET not in str(made.settings)


# Building.


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
        ("raise SystemExit(4)", "SystemExit: 4"),
    ],
)
def test_build_that_fails_is_the_plugins_failure(body, said, describing, make_distribution, instances):
    """
    Vendors' libraries are imported when the object is made: what they raise is named as the plugin's.
    """
    make_distribution(source=describing("acme").replace("self.context = context", body))

    with pytest.raises(PluginFaultError, match=said) as caught:
        instances().build(PROVIDER, "acme")

    assert "'acme' (acme-plugin 1.2.3) failed in build()" in caught.value.message


def test_build_that_lacks_a_library_says_which(describing, make_distribution, instances):
    """
    A missing library is a matter of installation, and the hint installs it.
    """
    make_distribution(source=describing("acme").replace("self.context = context", "import nobody_has_it"))

    with pytest.raises(PluginLoadError, match="requires a library that is not installed") as caught:
        instances().build(PROVIDER, "acme")

    assert caught.value.hint == "pip install nobody_has_it"
    assert "'acme' (acme-plugin 1.2.3)" in caught.value.message


def test_a_fault_in_build_does_not_tell_the_key(describing, make_distribution, instances):
    """
    If the key is anywhere in what was raised, the type and the line take the place of the text.
    """
    body = "raise RuntimeError('rejected: ' + settings.api_key.get_secret_value())"
    make_distribution(source=describing("acme").replace("self.context = context", body))

    with pytest.raises(PluginFaultError, match=r"build\(\): RuntimeError at made_acme_plugin\.py:\d+") as caught:
        instances().build(PROVIDER, "acme", {"api_key": SECRET})

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("lambda: {}['x']", r"failed in settings\(\): KeyError: 'x'"),
        ("lambda: exit(3)", r"failed in settings\(\): SystemExit: 3"),
        ("lambda: dict", r"returned <class 'dict'> from settings\(\), which is not a Pydantic"),
        ("lambda: Settings()", "which is not a Pydantic model"),
    ],
)
def test_settings_that_cannot_be_made_are_the_plugins_failure(settings, said, describing, make_distribution, instances):
    """
    Whatever `settings` raises or returns, the error names the plugin and its distribution.
    """
    make_distribution(source=describing("acme").replace("lambda: Settings", settings))

    with pytest.raises(PluginFaultError if "failed" in said else PluginInvalidError, match=said) as caught:
        instances().build(PROVIDER, "acme")

    assert "acme-plugin 1.2.3" in caught.value.message


def test_a_validator_that_fails_does_not_tell_the_value(describing, make_distribution, instances):
    """
    Validators see secrets: only the type and the line of what they raise are told.
    """
    validator = """
    from pydantic import field_validator

    @field_validator("colour")
    @classmethod
    def look_up(cls, value):
        return {}[value]
"""
    make_distribution(source=describing("acme").replace('colour: str = "green"', f'colour: str = "green"\n{validator}'))

    with pytest.raises(PluginFaultError, match=r"settings\(\): KeyError at made_acme_plugin\.py") as caught:
        instances().build(PROVIDER, "acme", {"colour": SECRET})

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_build_may_raise_an_error_of_ours(describing, make_distribution, instances):
    """
    A plugin that knows the cause says so itself.
    """
    body = "from budwood.errors import ConfigurationError; raise ConfigurationError('colour is too bright')"
    make_distribution(source=describing("acme").replace("self.context = context", body))

    with pytest.raises(ConfigurationError, match=r"^colour is too bright$"):
        instances().build(PROVIDER, "acme")


def test_object_that_is_no_provider_is_refused(describing, make_distribution, clock):
    """
    What is built must have the methods of its Protocol; the error lists those that are missing.
    """
    make_distribution(source=describing("acme").replace("def stream", "def steam"))

    with pytest.raises(PluginInvalidError) as caught:
        Client("acme/model", clock=clock)

    assert caught.value.message == (
        "Plugin 'acme' (acme-plugin 1.2.3) returned a Thing from build(), which implements neither "
        "RemoteProvider nor LocalProvider. Missing: stream."
    )
