"""
The settings of a provider that apply around its requests: backups, keys and limits.

They are keys of ``[providers.NAME]`` that the plugin does not see.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from budwood.errors import ConfigurationError
from budwood.option_settings import TimeZone
from budwood.settings import Exclusive, override_settings, validate_settings
from budwood.settings_sources import Table

MAX_COUNT: Final = 10**15


def _check_count(value: object) -> object:
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # any value
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 1 <= number <= MAX_COUNT or number % 1:
        raise ValueError("must be a whole number of at least 1; leave it out for no limit")
    return value


def _check_patterns(limits: Mapping[str, Any]) -> Mapping[str, Any]:
    if any(not pattern.strip() for pattern in limits):
        raise ValueError("has an empty pattern; write the name of a model, or a pattern such as 'gpt-5*'")
    return limits


Count = Annotated[int, BeforeValidator(_check_count)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class Limits(_Settings):
    """
    Limits before sending. None means no limit.

    Attributes:
        requests_per_minute: Attempts per minute, evenly spread.
        tokens_per_minute: Tokens per minute, input and output together, as the vendor counts them.
        requests_per_day: Attempts per day.
        tokens_per_day: Tokens per day.
        concurrency: Attempts at a time.
        timezone: The time zone in which a day begins, such as ``"Europe/Oslo"``.
    """

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    requests_per_day: Count | None = None
    tokens_per_day: Count | None = None
    concurrency: Count | None = None
    timezone: TimeZone = "UTC"


class KeySettings(_Settings):
    """
    One API key of several.

    Attributes:
        secret: The key.
        label: Its name in ledgers and logs; by default ``key-1``, ``key-2`` and so on.
        group: Keys of one group share a quota, also if they belong to different endpoints; by default each key has its
            own quota.
        limits: The limits of its group.
    """

    secret: SecretStr
    label: Name | None = None
    group: Name | None = None
    limits: Limits | None = None


class EndpointSettings(_Settings):
    """
    The settings of a provider that apply around its requests.

    Attributes:
        backups: Further endpoints. Each has the settings of the provider, except for those in its table, which may have
            a ``label`` and, if it shares the quota of other endpoints, a ``group``.
        keys: Several keys in place of ``api_key``.
        limits: The limits of all requests to the provider.
        model_limits: The limits of models, by pattern: ``{"gpt-5*" = {…}}``. Each model that matches is limited for
            itself, by its exact name or else by the first pattern that matches.
        label: The label of a backup, which distinguishes it from others.
        group: The group of keys that a backup shares its quota with; by default a backup has its own quota.
    """

    backups: tuple[Table, ...] = Field(default=(), repr=False)  # their tables may contain secrets
    keys: tuple[KeySettings, ...] = ()
    limits: Limits | None = None
    model_limits: Annotated[dict[str, Limits], AfterValidator(_check_patterns)] = Field(default_factory=dict)
    label: Name | None = None
    group: Name | None = None


NO_ENDPOINT_SETTINGS: Final = EndpointSettings.model_construct()


SINGLE_OR_SEVERAL: Final = ("keys", "api_key")
"""Mutually exclusive settings. Of one source of variables, several keys take precedence."""

_MIN_SECRET: Final = 8
"""Shorter keys are dummies such as ``"test"``, and may be parts of ordinary words."""

_FOR_BACKUPS: Final = ("label", "group")
_KEYS: Final = frozenset(EndpointSettings.model_fields).difference(_FOR_BACKUPS)


def parse_endpoint_settings(values: Mapping[str, Any], *, where: str) -> tuple[dict[str, Any], EndpointSettings]:
    """
    Split the section of a provider into the settings of its plugin and those of the engine.

    A list of keys in ``api_key`` becomes ``keys``; the plugin gets the first one.

    Args:
        values: The section.
        where: Its name, for errors.

    Raises:
        ConfigurationError: A setting of the engine is not valid. The message never contains a key.
    """
    return _split(values, _KEYS, where)


def list_backups(
    name: str, values: Mapping[str, Any], settings: EndpointSettings, *, where: str, exclusive: Exclusive
) -> Iterator[tuple[dict[str, Any], str, EndpointSettings]]:
    """
    Return the settings of the plugin, the name for errors, and the settings of the engine for each backup.

    Args:
        name: The name of the provider instance.
        values: The settings of the provider's plugin.
        settings: Its settings of the engine, which backups inherit as well.
        where: The name of its section.
        exclusive: Mutually exclusive keys; see `budwood.hooks.ProviderSpec`.

    Raises:
        ConfigurationError: A setting is not valid.
    """
    inherited = {key: getattr(settings, key) for key in settings.model_fields_set if key != "backups"}
    own = {key: value for key, value in values.items() if key != "api_key" or not settings.keys}
    known = [_describe(values, settings)]
    labels: set[str] = set()
    for number, backup in enumerate(settings.backups):
        address = f"{where} backups[{number}]"
        if not backup.keys() - _FOR_BACKUPS or "backups" in backup:
            raise ConfigurationError(
                f"{address} does not say where the backup is."
                if "backups" not in backup
                else f"{address} has backups itself.",
                hint='Give each backup an address: backups = [{ base_url = "…" }].',
            )
        merged = {**own, **inherited}
        override_settings(merged, backup, exclusive)
        plugin_settings, parsed = _split(merged, _KEYS.union(_FOR_BACKUPS), address)
        _check_backup(plugin_settings, parsed, known, address)
        known.append(_describe(plugin_settings, parsed))
        label = parsed.label or str(number + 2)
        if label in labels:
            raise ConfigurationError(f"{address}: another backup has the label {label!r}.", hint="Choose another.")
        labels.add(label)
        if parsed.keys:
            scope = "" if "keys" in backup else f"{name}#{parsed.label or number + 2}/"
            keys = tuple(_with_quota(key, parsed.group, scope) for key in parsed.keys)
            parsed = parsed.model_copy(update={"keys": keys})
        yield plugin_settings, address, parsed


def _describe(values: Mapping[str, Any], settings: EndpointSettings) -> tuple[dict[str, Any], list[str]]:
    """Return what distinguishes endpoints: the settings of their plugin, and their keys."""
    key = values.get("api_key")
    keys = [each.secret.get_secret_value() for each in settings.keys]
    if not keys and key is not None:
        keys = [key.get_secret_value() if isinstance(key, SecretStr) else str(key)]
    return {name: value for name, value in values.items() if name != "api_key"}, keys


def _check_backup(values: Mapping[str, Any], settings: EndpointSettings, known: Sequence[object], where: str) -> None:
    """
    Check that a backup differs from the endpoints before it, and that its label and group are no secrets.

    Raises:
        ConfigurationError: It does not, or they are.
    """
    description = _describe(values, settings)
    if description in known:
        raise ConfigurationError(
            f"{where} has the same address and key as an endpoint before it, so it cannot replace that.",
            hint='Give each backup an address of its own: backups = [{ base_url = "…" }].',
        )
    for secret in description[1]:
        _check_secret(secret, f"{settings.label} {settings.group}", f"{where}: its key")


def _with_quota(key: KeySettings, group: str | None, scope: str) -> KeySettings:
    """Return a key of a backup: its quota is that of ``group``, or else one apart from the provider's."""
    if group is None and scope and key.group is not None:
        group = f"{scope}{key.group}"  # inherited keys share a quota with each other, but not with the provider
    return key.model_copy(update={"group": group or key.group})


def _split(values: Mapping[str, Any], names: frozenset[str], where: str) -> tuple[dict[str, Any], EndpointSettings]:
    own = {key: value for key, value in values.items() if key not in names}
    around = {key: value for key, value in values.items() if key in names}
    single = own.get("api_key")
    if single is not None and "keys" in around:
        raise ConfigurationError(f"{where}: api_key and keys are both set.", hint="Remove one of them.")
    if isinstance(single, list | tuple):
        around["keys"] = [{"secret": _check_key(secret, number, where)} for number, secret in enumerate(single)]
    if not around:
        return own, NO_ENDPOINT_SETTINGS
    settings = validate_settings(EndpointSettings, around, where=where)
    if "keys" in around:
        keys = _label(settings.keys, where)
        settings = settings.model_copy(update={"keys": keys})
        own["api_key"] = keys[0].secret
    return own, settings


def _check_key(secret: object, number: int, where: str) -> object:
    if not isinstance(secret, str | SecretStr):
        raise ConfigurationError(
            f"{where}: api_key[{number}] must be a text; got {type(secret).__name__}.",
            hint='Keys with labels are tables of the list "keys".',
        )
    return secret


def _label(keys: tuple[KeySettings, ...], where: str) -> tuple[KeySettings, ...]:
    """
    Give each key a label.

    Raises:
        ConfigurationError: There is no key, one is blank, two are equal or have the same label, or the keys of a group
            have different limits.
    """
    if not keys:
        raise ConfigurationError(f"{where}: the list of keys is empty.", hint="List a key, or remove the setting.")
    labelled: dict[str, KeySettings] = {}
    labels: dict[str, str] = {}
    limits: dict[str, Limits] = {}
    for number, key in enumerate(keys, 1):
        label, secret = key.label or f"key-{number}", key.secret.get_secret_value()
        _check_secret(secret, f"{key.label} {key.group}", f"{where}: the key {number} of {len(keys)}")
        if label in labelled:
            raise ConfigurationError(f"{where}: two keys have the label {label!r}.", hint="Give each its own label.")
        if secret in labels:
            raise ConfigurationError(f"{where}: {labels[secret]} and {label} are the same key.", hint="Remove one.")
        if key.group and key.limits and limits.setdefault(key.group, key.limits) != key.limits:
            raise ConfigurationError(f"{where}: the keys of the group {key.group!r} have different limits.")
        labels[secret] = label
        labelled[label] = key.model_copy(update={"label": label})
    return tuple(labelled.values())


def _check_secret(secret: str, names: str, subject: str) -> None:
    if not secret.strip():
        raise ConfigurationError(f"{subject} is blank.", hint="Remove it.")
    if len(secret) >= _MIN_SECRET and secret in names:
        raise ConfigurationError(f"{subject} is part of its label or group.", hint="Labels are written to logs.")
