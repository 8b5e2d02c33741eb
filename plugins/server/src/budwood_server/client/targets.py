"""Which server a client talks to, and as whom: from arguments, the environment, the settings, or a login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from budwood.errors import ConfigurationError, CredentialError
from budwood.hooks import PROVIDER
from budwood.names import join_names
from budwood_server.client.credentials import Credential, KeyCredential
from budwood_server.client.logins.credential import find_login
from budwood_server.client.logins.store import LoginStore
from budwood_server.client.urls import KEY_VARIABLE, PLUGIN, URL_VARIABLE, find_origin, parse_url

if TYPE_CHECKING:
    from budwood import Settings
    from budwood.plugins import Instances


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
    section = _read_section(instances, provider) if provider is not None else None
    found = url or (section.url if section is not None else find_url(instances))
    if found is None:
        raise ConfigurationError(
            "No server is named.",
            hint=f'Pass url="https://…", set {URL_VARIABLE}, or log in with `budwood login URL`.',
        )
    server = parse_url(found)
    return Target(server, _find_credential(instances, server, key, section))


def find_url(instances: Instances) -> str | None:
    """
    Return the URL of the server that the environment or the settings name, or of the only login.

    Raises:
        ConfigurationError: The settings name several servers.
    """
    settings = instances.settings
    if (url := _find_server_url(settings)) is not None:
        return url
    if (section := _choose_section(instances)) is not None:
        return section.url
    urls = [] if settings.key_folder is None else LoginStore(settings.key_folder).list_urls()
    return urls[0] if len(urls) == 1 else None


def _find_credential(instances: Instances, url: str, key: str | None, section: _Section | None) -> Credential:
    origin = find_origin(url)
    if key is None and section is None:
        key = _find_key_variable(instances.settings, origin)
    if key is None:
        sections = [section] if section is not None else _list_sections(instances)
        key = next((each.key for each in sections if each.key and find_origin(each.url) == origin), None)
    if key is not None:
        return KeyCredential(key)
    if (login := find_login(url, instances.settings.key_folder, instances)) is not None:
        return login
    raise CredentialError(
        f"There is no key for {origin}.",
        hint=f"Log in with `budwood login {url}`, set {KEY_VARIABLE}, or pass key=….",
    )


def _find_key_variable(settings: Settings, origin: str) -> str | None:
    """Return the key of the environment, unless the environment says that it is for another server."""
    url = _find_server_url(settings)
    if url is not None and find_origin(url) != origin:
        return None
    keys = (source.variables.get(KEY_VARIABLE, "").strip() for source in settings.sources)
    return next(filter(None, keys), None)


def _find_server_url(settings: Settings) -> str | None:
    """Return the setting ``server_url``, which the environment has as `URL_VARIABLE`."""
    urls = (source.tree.get("server_url") for source in settings.sources)
    return next(filter(None, urls), None)


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
