"""Where keys of providers come from, where they are sent, and what they look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import typer

from budwood import credential_store
from budwood.credential_store import KeyTarget, find_target, key_variables
from budwood.errors import BudwoodError, ConfigurationError
from budwood.hooks import PROVIDER
from budwood.names import did_you_mean, normalise
from budwood.plugins import Instances
from budwood.plugins.first_party import first_party_names
from budwood.settings import Settings
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.questions import confirm

_IF_RIGHT: Final = "--yes if the address is right, or run the command outside of this folder"


class KeyFacts(NamedTuple):
    """
    What is known about the keys of a provider.

    Attributes:
        variables: The environment variables of the vendor that the instance reads.
        fields: The settings with credentials, of which one is enough.
        page: The URL of the page on which users create keys.
        pattern: A regular expression that all keys match.
    """

    variables: tuple[str, ...] = ()
    fields: tuple[str, ...] = ("api_key", "keys")
    page: str = ""
    pattern: str = ""


def check_provider(name: str) -> str:
    """
    Return the normalised name of a provider.

    Raises:
        ArgumentError: No provider has this name, here or in a plugin that can be installed.
    """
    name = normalise(name.strip())
    known = {*first_party_names(PROVIDER), *_instances().list_names(PROVIDER)}
    if name not in known:
        raise ArgumentError(
            f"No provider is named {name!r}.",
            hint=did_you_mean(name, known) or f"Describe it first, in [providers.{name or 'NAME'}] of budwood.toml.",
        )
    return name


def describe_unusual_key(provider: str, token: str) -> str | None:
    """Return a warning if a key does not look like those of its vendor."""
    facts = find_key_facts(provider)
    if not facts.pattern or re.fullmatch(facts.pattern, token):
        return None
    page = f" {facts.page} lists your keys." if facts.page else ""
    return f"this does not look like a key of {provider}.{page}"


def confirm_target(
    provider: str, token: str, base_url: str | None = None, *, question: str, yes: bool
) -> KeyTarget | None:
    """
    Return where the settings send a key of a provider; None if its plugin is not installed or not set up.

    If a file of the current folder determines the address, and no key is stored for it yet, the user is asked first.

    Args:
        provider: The normalised name of the provider.
        token: The key, without which some providers cannot be built.
        base_url: An address that takes precedence over that of the settings.
        question: What to ask, such as ``Store the key for it?``.
        yes: Whether ``--yes`` was passed.

    Raises:
        ArgumentError: The question cannot be asked.
        typer.Exit: The answer is no.
    """
    from budwood_cli.stored_keys import list_keys

    try:
        instance = _instances().build(PROVIDER, provider, {"api_key": token, "base_url": base_url})
        source = _instances().find_folder_source(provider, () if base_url is None else ("base_url",))
    except BudwoodError:
        return None
    target, *others = (find_target(each.spec.name, each.settings) for each in (instance, *instance.backups))
    known = {key.target for key in list_keys(provider)}
    if source is not None and not known.issuperset((target, *others)):
        places = " and ".join(dict.fromkeys(each.origin or str(each) for each in (target, *others)))
        file = Path(source).name
        if not confirm(
            f"{file} in this folder sets the address of {provider!r} to {places}. {question}", flag=_IF_RIGHT, yes=yes
        ):
            raise typer.Exit(1)
    return target


def check_transports(provider: str, target: KeyTarget | None) -> None:
    """
    Check that no transport of the current folder lets others read a new key.

    Raises:
        KeyTargetError: A transport does.
    """
    if target is not None:
        variables = key_variables(provider, find_key_facts(provider).variables)
        credential_store.check_transports(provider, target, _settings().folder_sources, variables)


def find_override(provider: str) -> str | None:
    """Return the variable or the file that has a key for a provider, and takes precedence over stored ones."""
    facts = find_key_facts(provider)
    for source in _settings().sources:
        section = source.tree.get(PROVIDER.section, {}).get(provider, {})
        field = next((field for field in facts.fields if field in section), None)
        is_file = not source.variables and source.name != "environment"
        if field is not None:
            return (
                terminal.short_path(Path(source.name)) if is_file else _own_variable(provider, field, source.variables)
            )
        for variable in facts.variables:
            if found := next(
                (each for each in (f"{variable}S", variable) if source.variables.get(each, "").strip()), None
            ):
                return found
    return None


def list_providers_with_keys() -> list[str]:
    """Return the providers that have a key in a variable, in a settings file or among the stored keys."""
    from budwood_cli.stored_keys import list_keys

    names = {*_instances().list_names(PROVIDER), *_settings().instance_names(PROVIDER.section)}
    return sorted({name for name in names if find_override(name)} | {key.provider for key in list_keys()})


def find_key_facts(provider: str) -> KeyFacts:
    """Return what is known about the keys of a provider; nothing if its plugin cannot be loaded."""
    instances = _instances()
    section = instances.settings.instance_settings(PROVIDER.section, provider)
    try:
        spec = instances.spec(PROVIDER, provider)
    except BudwoodError:
        return KeyFacts()
    preset = None if "plugin" in section else instances.catalog.preset(provider)
    if preset is not None and provider != spec.name:
        return KeyFacts(tuple(preset.environment.get("api_key", ())), page=preset.key_page, pattern=preset.key_pattern)
    fields = ("api_key", "keys", *(spec.exclusive if "api_key" in spec.exclusive else ()))
    if provider != spec.name:
        return KeyFacts(fields=fields)
    variables = dict.fromkeys(variable for field in fields for variable in spec.environment.get(field, ()))
    return KeyFacts(tuple(variables), fields, spec.key_page, spec.key_pattern)


def _own_variable(provider: str, field: str, variables: Mapping[str, str]) -> str:
    """Return the variable of Budwood that has a field; several keys may be in ``API_KEYS``."""
    prefix = f"BUDWOOD_PROVIDERS__{provider.upper().replace('-', '_')}__"
    names = [f"{prefix}{field.upper()}", f"{prefix}API_KEYS"]
    return next((name for name in names if variables.get(name)), names[0])


@cache
def _settings() -> Settings:
    """Return the settings; without those that cannot be read, so that keys can still be changed."""
    try:
        return Settings.load()
    except ConfigurationError as error:
        terminal.note(f"warning: {error.message} It is not known which keys take precedence.")
        return Settings()


@cache
def _instances() -> Instances:
    return Instances(_settings())
