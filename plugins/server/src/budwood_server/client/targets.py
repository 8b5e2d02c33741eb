"""Which server a client talks to, and as whom: from arguments, the environment, the settings, or a login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from budwood.errors import ConfigurationError, CredentialError
from budwood.hooks import PROVIDER
from budwood.names import join_names
from budwood_server.client.credentials import Credential, KeyCredential

if TYPE_CHECKING:
    from budwood import Settings
    from budwood.plugins import Instances

KEY_VARIABLE: Final = "BUDWOOD_SERVER_KEY"
URL_VARIABLE: Final = "BUDWOOD_SERVER_URL"
PLUGIN: Final = "budwood-server"

_API: Final = "/v1"
_PORTS: Final = {"http": 80, "https": 443}


class Target(NamedTuple):
    """A server, and who sends it requests."""

    url: str
    credential: Credential


class _Section(NamedTuple):
    """A server in the settings, with its key if there is one."""

    name: str
    url: str
    key: str | None


def find_target(
    instances: Instances, *, url: str | None = None, key: str | None = None, provider: str | None = None
) -> Target:
    """
    Return the server and the credential.

    Args:
        instances: The settings.
        url: The URL of the server; None for that of the environment, the settings or the login.
        key: The key; None for one of these.
        provider: The name of the section in the settings; None for the one that fits.

    Raises:
        ConfigurationError: No server is named, or several are.
        CredentialError: There is no key and no login for it.
    """
    settings = instances.settings
    section = _read_section(instances, provider) if provider is not None else None
    found = url or (section.url if section is not None else _find_variable(settings, URL_VARIABLE))
    if found is None and (section := _choose_section(instances)) is not None:
        found = section.url
    if found is None:
        raise ConfigurationError(
            "No server is named.",
            hint=f'Pass url="https://…", set {URL_VARIABLE}, or log in with `budwood login URL`.',
        )
    server = parse_url(found)
    return Target(server, _find_credential(instances, server, key, section))


def parse_url(url: str) -> str:
    """
    Return the URL of a server without the path ``/v1`` and without a slash at its end.

    Raises:
        ConfigurationError: It is not a URL of HTTP, or contains a password or a query.
    """
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in _PORTS and bool(parts.hostname) and not (parts.username or parts.query)
        is_valid = is_valid and not parts.fragment and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ConfigurationError(
            "The URL of the server is not valid.",
            hint='Write it as in "https://budwood.example.org", without password.',
        )
    return url.rstrip("/").removesuffix(_API).rstrip("/")


def find_origin(url: str) -> str:
    """Return scheme, host and port of a URL; ports that schemes have by default are left out."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}")


def _find_credential(instances: Instances, url: str, key: str | None, section: _Section | None) -> Credential:
    origin = find_origin(url)
    if key is None and section is None:
        key = _find_key_variable(instances.settings, origin)
    if key is None:
        sections = [section] if section is not None else _list_sections(instances)
        key = next((each.key for each in sections if each.key and find_origin(each.url) == origin), None)
    if key is not None:
        return KeyCredential(key)
    raise CredentialError(
        f"There is no key for {origin}.",
        hint=f"Log in with `budwood login {url}`, set {KEY_VARIABLE}, or pass key=….",
    )


def _find_key_variable(settings: Settings, origin: str) -> str | None:
    """Return the key of the environment, unless the environment says that it is for another server."""
    url = _find_variable(settings, URL_VARIABLE)
    if url is not None and find_origin(url) != origin:
        return None
    return _find_variable(settings, KEY_VARIABLE)


def _find_variable(settings: Settings, name: str) -> str | None:
    return next((text for source in settings.sources if (text := source.variables.get(name, "").strip())), None)


def _choose_section(instances: Instances) -> _Section | None:
    """
    Return the only server of the settings; None without any.

    Raises:
        ConfigurationError: There are several.
    """
    sections = list(_list_sections(instances))
    if len({find_origin(section.url) for section in sections}) > 1:
        names = join_names(section.name for section in sections)
        raise ConfigurationError(
            f"The settings name several servers: {names}.", hint=f'Pass provider="{sections[0].name}", or url=….'
        )
    return sections[0] if sections else None


def _list_sections(instances: Instances) -> Iterator[_Section]:
    """List the servers in the settings: sections of providers with this plugin."""
    settings = instances.settings
    for name in settings.instance_names(PROVIDER.section):
        if settings.instance_settings(PROVIDER.section, name).get("plugin", name) == PLUGIN:
            yield _read_section(instances, name)


def _read_section(instances: Instances, name: str) -> _Section:
    instance = instances.build(PROVIDER, name)
    if instance.spec.name != PLUGIN:
        raise ConfigurationError(
            f"[providers.{name}] has the plugin {instance.spec.name!r}, not {PLUGIN!r}.",
            hint="Name a section of a server of Budwood.",
        )
    found: Any = instance.settings
    key = found.api_key.get_secret_value() if found.api_key is not None else None
    return _Section(name, str(found.base_url), key)
