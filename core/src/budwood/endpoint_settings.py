"""
The settings of a provider that apply around its requests: backups, keys and limits.

They are keys of ``[providers.NAME]`` that the plugin does not see.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from budwood.errors import ConfigurationError
from budwood.settings import override_settings, validate_settings
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


def _check_timezone(name: str) -> str:
    from zoneinfo import ZoneInfo  # not above: few programs name a time zone

    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # whatever it finds or does not find on the disk
        raise ValueError(
            "is not a known time zone; write it as in 'Europe/Oslo', and install tzdata if the system has none"
        ) from None
    return name


def _check_patterns(limits: Mapping[str, Any]) -> Mapping[str, Any]:
    if any(not pattern.strip() for pattern in limits):
        raise ValueError("has an empty pattern; write the name of a model, or a pattern such as 'gpt-5*'")
    return limits


Count = Annotated[int, BeforeValidator(_check_count)]


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
    timezone: Annotated[str, AfterValidator(_check_timezone)] = "UTC"


class KeySettings(_Settings):
    """
    One API key of several.

    Attributes:
        secret: The key.
        label: Its name in ledgers and logs; by default ``key-1``, ``key-2`` and so on.
        group: Keys of one group share a quota; by default each key has its own.
        limits: The limits of its group.
    """

    secret: SecretStr
    label: str | None = None
    group: str | None = None
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
        group: The group of keys that a backup shares its quota with.
    """

    backups: tuple[Table, ...] = ()
    keys: tuple[KeySettings, ...] = ()
    limits: Limits | None = None
    model_limits: Annotated[dict[str, Limits], AfterValidator(_check_patterns)] = Field(default_factory=dict)
    label: str | None = None
    group: str | None = None


NO_ENDPOINT_SETTINGS: Final = EndpointSettings.model_construct()


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
        ConfigurationError: A setting of the engine is not valid.
    """
    return _split(values, _KEYS, where)


def list_backups(
    values: Mapping[str, Any], settings: EndpointSettings, *, where: str, exclusive: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], str, EndpointSettings]]:
    """
    Return the settings of the plugin, the name for errors, and the settings of the engine for each backup.

    Args:
        values: The settings of the provider's plugin.
        settings: Its settings of the engine, which backups inherit as well.
        where: The name of its section.
        exclusive: Mutually exclusive keys; see `budwood.hooks.ProviderSpec`.

    Raises:
        ConfigurationError: A setting is not valid.
    """
    inherited = {name: getattr(settings, name) for name in settings.model_fields_set if name != "backups"}
    for number, backup in enumerate(settings.backups, 1):
        name = f"{where} backups[{number - 1}]"
        if not backup.keys() - _FOR_BACKUPS or "backups" in backup:
            raise ConfigurationError(
                f"{name} does not say where the backup is."
                if "backups" not in backup
                else f"{name} has backups itself.",
                hint='Give each backup an address: backups = [{ base_url = "…" }].',
            )
        merged = {**values, **inherited}
        override_settings(merged, backup, exclusive)
        own, parsed = _split(merged, _KEYS.union(_FOR_BACKUPS), name)
        yield own, name, parsed


def _split(values: Mapping[str, Any], names: frozenset[str], where: str) -> tuple[dict[str, Any], EndpointSettings]:
    own = {key: value for key, value in values.items() if key not in names}
    around = {key: value for key, value in values.items() if key in names}
    if isinstance(own.get("api_key"), list | tuple):
        if "keys" in around:
            raise ConfigurationError(f"{where}: api_key and keys are both set.", hint="Remove one of them.")
        around["keys"] = [{"secret": secret} for secret in own["api_key"]]
    if not around:
        return own, NO_ENDPOINT_SETTINGS
    settings = validate_settings(EndpointSettings, around, where=where)
    if settings.keys:
        own["api_key"] = settings.keys[0].secret
    return own, settings
