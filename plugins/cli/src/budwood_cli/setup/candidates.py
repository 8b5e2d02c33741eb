"""The providers that can be set up, and what is known of each before a question is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final, Literal

from budwood.credential_store import key_variables
from budwood.errors import BudwoodError
from budwood.hooks import PROVIDER
from budwood.names import normalise
from budwood_cli import terminal
from budwood_cli.key_sources import find_override
from budwood_cli.setup.local_servers import ANSWER_SECONDS, OLLAMA, LocalServer, Probe, find_servers
from budwood_cli.stored_keys import list_keys

if TYPE_CHECKING:
    from budwood import Settings
    from budwood.plugins import Instances

LOCAL_PROVIDERS: Final = (OLLAMA, "lm-studio", "llama-cpp", "vllm")
"""Providers whose servers usually run on this machine."""

MAX_SUMMARY: Final = 35
"""The most characters of a summary in the list of providers, which then fits into 60 columns."""

ANY_SERVER: Final = "openai-compatible"
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_DUPLICATES: Final = frozenset({"ollama-v1"})
"""Providers that are offered only by name, because another reaches the same models in a better way."""


@dataclass(frozen=True)
class ConfiguredKey:
    """
    A key that Budwood finds without being told.

    Attributes:
        kind: Where it is.
        place: The name of the variable, or the path of the file.
    """

    kind: Literal["environment", "file", "stored"]
    place: str


@dataclass(frozen=True)
class Candidate:
    """
    A provider that can be set up.

    Attributes:
        name: Its name, as in ``NAME/MODEL``.
        summary: What it is, in one line.
        takes_key: Whether it has the setting ``api_key``.
        needs_key: Whether that is required.
        needs_address: Whether ``base_url`` is required, and not set.
        variables: The environment variables for its key.
        address_variables: The vendor's own variables for its address.
        key_page: As in `budwood.hooks.ProviderSpec`; ``key_check`` likewise.
        key: The key that is configured; None without one.
        server: The server on this machine; None without one.
        is_local: Whether its models run in this process.
    """

    name: str
    summary: str = ""
    takes_key: bool = True
    needs_key: bool = False
    needs_address: bool = False
    variables: tuple[str, ...] = ()
    address_variables: tuple[str, ...] = ()
    key_page: str = ""
    key_check: str = ""
    key: ConfiguredKey | None = None
    server: LocalServer | None = None
    is_local: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it can be used now: it has a key, or a server that answers."""
        return self.server is not None or (self.key is not None and self.name not in LOCAL_PROVIDERS)

    @property
    def lacks_something(self) -> bool:
        """Whether it cannot be used now: its key is missing, or its server on this machine does not answer."""
        return not self.is_ready and (self.needs_key or self.name in LOCAL_PROVIDERS)

    def describe(self) -> str:
        """Return what is known, in a few words: a key, a server, or the summary."""
        if self.server is not None:
            count = len(self.server.models)
            return f"running at {self.server.url}, {terminal.format_count(count, 'model')}"
        if self.key is not None:
            return f"key in {self.key.place}" if self.key.kind != "stored" else "key stored"
        return shorten(self.summary, MAX_SUMMARY, placeholder="…")


@dataclass
class Findings:
    """
    What was found.

    Attributes:
        candidates: The providers by name: those with a key or a server first.
        names: The names of all providers.
        notes: Plugins that cannot be used, and why.
    """

    candidates: dict[str, Candidate] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def offered(self) -> list[Candidate]:
        """The providers that a question offers."""
        return [candidate for candidate in self.candidates.values() if candidate.name not in _DUPLICATES]


def look_around(settings: Settings, *, only: str | None = None, seconds: float = ANSWER_SECONDS) -> Findings:
    """
    Find the providers, the keys in the settings, and servers on this machine.

    Args:
        settings: The settings of the program.
        only: The provider to look at; by default all.
        seconds: How long to wait for servers.
    """
    from budwood.plugins import Instances

    instances = Instances(settings)
    stored = {key.provider for key in list_keys()}
    findings = Findings(names=instances.list_names(PROVIDER))
    found: list[Candidate] = []
    for name in findings.names:
        if only is not None and name != normalise(only):
            continue
        try:
            found.append(_describe(name, instances, settings, stored))
        except BudwoodError as error:
            if only is not None:
                raise
            findings.notes.append(f"{name}: {error}")
    servers = _find_servers(instances, {candidate.name for candidate in found}, seconds)
    findings.candidates = {each.name: each for each in sorted(_with_servers(found, servers), key=_rank)}
    return findings


def _describe(name: str, instances: Instances, settings: Settings, stored: Collection[str]) -> Candidate:
    """
    Describe a provider.

    Raises:
        PluginError: Its plugin cannot be used.
    """
    from budwood.plugins import load_presets

    spec = instances.spec(PROVIDER, name)
    own = settings.instance_settings(PROVIDER.section, name)
    preset = load_presets().get(name) if spec.name != name and "plugin" not in own else None
    described: Any = preset or spec
    is_vendor = preset is not None or spec.name == name
    variables: Mapping[str, tuple[str, ...]] = described.environment if is_vendor else {}
    fields = spec.settings().model_fields
    address = fields.get("base_url")
    section = settings.instance_settings(PROVIDER.section, name, variables)
    has_address = bool(section.get("base_url") or section.get("endpoint") or (preset and preset.settings))
    return Candidate(
        name=name,
        summary=_summarize(name, described.summary),
        takes_key="api_key" in fields,
        needs_key=bool(described.needs_credential),
        needs_address=address is not None and not has_address and (address.is_required() or not address.default),
        variables=key_variables(name, variables.get("api_key", ())),
        address_variables=variables.get("base_url", ()),
        key_page=described.key_page,
        key_check=described.key_check,
        key=_find_key(name, stored) if "api_key" in fields else None,
        is_local=address is None,
    )


def _summarize(name: str, summary: str) -> str:
    """Return what a provider is, in the list of providers."""
    if name in LOCAL_PROVIDERS:
        return "on this machine"
    return "any server with OpenAI's API" if name == ANY_SERVER else summary.rstrip(".")


def _find_key(name: str, stored: Collection[str]) -> ConfiguredKey | None:
    """Return where the key of a provider is: in a variable or a file, else among the stored keys."""
    if place := find_override(name):
        return ConfiguredKey("environment" if _VARIABLE.fullmatch(place) else "file", place)
    return ConfiguredKey("stored", "the stored keys") if name in stored else None


def _find_servers(instances: Instances, names: set[str], seconds: float) -> list[LocalServer]:
    probes = []
    for name in LOCAL_PROVIDERS:
        if name in names:
            try:
                url = getattr(instances.build(PROVIDER, name).settings, "base_url", "")
            except BudwoodError:  # reported if the provider is chosen
                continue
            probes.append(Probe(name, str(url).rstrip("/")))
    return find_servers(probes, seconds=seconds)


def _with_servers(candidates: list[Candidate], servers: list[LocalServer]) -> Iterator[Candidate]:
    """Add the servers to their providers."""
    by_provider = {server.provider: server for server in reversed(servers)}
    for candidate in candidates:
        server = by_provider.get(candidate.name)
        yield candidate if server is None else replace(candidate, server=server)


def _rank(candidate: Candidate) -> tuple[bool, bool, bool, str]:
    """Sort those with a key or a server first, then vendors, then the others."""
    has_something = candidate.key is not None or candidate.server is not None
    return (not has_something, not candidate.needs_key, candidate.name == ANY_SERVER, candidate.name)
