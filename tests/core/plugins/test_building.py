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


# Invalid settings.


def test_unknown_key_of_an_instance_is_reported_with_its_section(make_distribution, instances):
    """
    The settings model of the plugin finds it.
    """
    make_distribution()

    with pytest.raises(ConfigurationError, match=r"\[providers\.acme\]: unknown key 'color' \(did you mean colour\?\)"):
        instances({"providers": {"acme": {"color": "blue"}}}).build(PROVIDER, "acme")


@pytest.mark.parametrize("values", [{"api_key": {"x": SECRET}}, {"colour": {"x": SECRET}}, {"base_url": [SECRET]}])
def test_invalid_value_is_never_quoted(values, make_distribution, instances):
    """
    The value may be a secret in the wrong place.
    """
    make_distribution()

    with pytest.raises(ConfigurationError) as caught:
        instances({"providers": {"acme": values}}).build(PROVIDER, "acme")

    assert next(iter(values)) in str(caught.value)
    assert SECRET not in f"{caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None


def test_secret_of_an_instance_is_not_in_its_repr(make_distribution, instances):
    """
    An instance can be printed.
    """
    make_distribution()

    created = instances(ACME_KEY=SECRET).build(PROVIDER, "acme")

    assert SECRET not in repr(created)
    assert SECRET not in str(created.settings)


# Building.


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
        ("raise SystemExit(4)", "SystemExit: 4"),
    ],
)
def test_error_of_build_is_a_fault_of_the_plugin(body, expected, write_source, make_distribution, instances):
    """
    Vendors' libraries are imported in `build`; their errors name the plugin.
    """
    make_distribution(source=write_source("acme").replace("self.context = context", body))

    with pytest.raises(PluginFaultError, match=expected) as caught:
        instances().build(PROVIDER, "acme")

    assert "'acme' (acme-plugin 1.2.3) failed in build()" in caught.value.message


def test_build_without_a_required_library_names_it(write_source, make_distribution, instances):
    """
    The hint says how to install it.
    """
    make_distribution(source=write_source("acme").replace("self.context = context", "import nobody_has_it"))

    with pytest.raises(PluginLoadError, match="requires a library that is not installed") as caught:
        instances().build(PROVIDER, "acme")

    assert caught.value.hint == "pip install nobody_has_it"
    assert "'acme' (acme-plugin 1.2.3)" in caught.value.message


def test_fault_in_build_does_not_contain_the_key(write_source, make_distribution, instances):
    """
    If the exception contains the key, the error has its type and line instead of its text.
    """
    body = "raise RuntimeError('rejected: ' + settings.api_key.get_secret_value())"
    make_distribution(source=write_source("acme").replace("self.context = context", body))

    with pytest.raises(PluginFaultError, match=r"build\(\): RuntimeError at made_acme_plugin\.py:\d+") as caught:
        instances().build(PROVIDER, "acme", {"api_key": SECRET})

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("lambda: {}['x']", r"failed in settings\(\): KeyError: 'x'"),
        ("lambda: exit(3)", r"failed in settings\(\): SystemExit: 3"),
        ("lambda: dict", r"returned <class 'dict'> from settings\(\), which is not a Pydantic"),
        ("lambda: Settings()", "which is not a Pydantic model"),
    ],
)
def test_error_of_settings_is_a_fault_of_the_plugin(settings, expected, write_source, make_distribution, instances):
    """
    For any exception or wrong result of `settings`, the error names the plugin and its distribution.
    """
    make_distribution(source=write_source("acme").replace("lambda: Settings", settings))

    with pytest.raises(PluginFaultError if "failed" in expected else PluginInvalidError, match=expected) as caught:
        instances().build(PROVIDER, "acme")

    assert "acme-plugin 1.2.3" in caught.value.message


def test_error_of_a_validator_does_not_contain_the_value(write_source, make_distribution, instances):
    """
    Validators see secrets: the error has only the type and the line of the exception.
    """
    validator = """
    from pydantic import field_validator

    @field_validator("colour")
    @classmethod
    def look_up(cls, value):
        return {}[value]
"""
    make_distribution(
        source=write_source("acme").replace('colour: str = "green"', f'colour: str = "green"\n{validator}')
    )

    with pytest.raises(PluginFaultError, match=r"settings\(\): KeyError at made_acme_plugin\.py") as caught:
        instances().build(PROVIDER, "acme", {"colour": SECRET})

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_build_may_raise_an_error_of_budwood(write_source, make_distribution, instances):
    """
    It passes unchanged.
    """
    body = "from budwood.errors import ConfigurationError; raise ConfigurationError('colour is too bright')"
    make_distribution(source=write_source("acme").replace("self.context = context", body))

    with pytest.raises(ConfigurationError, match=r"^colour is too bright$"):
        instances().build(PROVIDER, "acme")


def test_object_that_is_not_a_provider_is_rejected(write_source, make_distribution, clock):
    """
    The error lists the missing methods of the Protocol.
    """
    make_distribution(source=write_source("acme").replace("def stream", "def steam"))

    with pytest.raises(PluginInvalidError) as caught:
        Client("acme/model", clock=clock)

    assert caught.value.message == (
        "Plugin 'acme' (acme-plugin 1.2.3) returned a Thing from build(), which implements neither "
        "RemoteProvider nor LocalProvider. Missing: stream."
    )
