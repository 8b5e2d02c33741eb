"""The state of a process that answers requests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood import Settings, logs
from budwood.errors import BudwoodError
from budwood_server import metrics
from budwood_server.batches.collecting import BatchCollector
from budwood_server.breakers import BreakerAnnouncer, list_endpoints, list_open_breakers
from budwood_server.gateway.configuration import Configuration
from budwood_server.readiness import check_database, check_leases
from budwood_server.replies.background import BackgroundReplies
from budwood_server.settings import ServerSettings, load_server_settings
from budwood_server.settings_at_start import list_changed

if TYPE_CHECKING:
    from budwood.contracts import Observer
    from budwood_server.access.keys import ApiKey
    from budwood_server.database import Database
    from budwood_server.metrics import Metrics
    from budwood_server.people.principals import Principal
    from budwood_server.services import Services
    from budwood_server.vault.master_keys import MasterKeys
    from budwood_server.web.exchange import Exchange


REFRESH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """
    What a worker reports.

    Attributes:
        pid: The number of the process.
        version: The version of the configuration that it uses.
        loaded_at: When it loaded it, in ISO 8601.
        error: Why it rejected newer settings, or None.
        is_draining: Whether it finishes its requests, and then ends.
        open_breakers: The names of the endpoints that rest after failures.
    """

    pid: int
    version: str
    loaded_at: str
    error: str | None = None
    is_draining: bool = False
    open_breakers: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


class Worker:
    """
    The state of a process that answers requests.

    Args:
        load_settings: Reads the settings, at the start and at each reload.
        overrides: Settings of the command line, which take precedence over ``[server]``.
        authenticate: Returns the key of a token, or None; by default the database has the keys.
        sends_webhooks: Whether it sends events to webhooks; by default ``worker`` in ``[server.webhooks]`` tells.

    Raises:
        BudwoodError: The settings are not valid.

    Attributes:
        configuration: What new requests use, from the start on.
        services: The database and what counts and records in it; None if the keys are not in the database.
        announce: Called after each change of `state`.
        others: Returns the states of other workers; in one process there are none.
        running: The requests under way.
        metrics: The metrics; None if they are not installed.
        access_log: Whether each request is logged.
        name: What the process is, for the log.
        database: The database; None before the start, and if the keys are not in it.
        background: The replies that it makes in the background.
        batches: Collects the results of batches.
    """

    def __init__(
        self,
        load_settings: Callable[[], Settings] = Settings.load,
        overrides: Mapping[str, Any] | None = None,
        *,
        authenticate: Callable[[str], ApiKey | None] | None = None,
        access_log: bool = False,
        name: str = "server",
        sends_webhooks: bool | None = None,
    ) -> None:
        self._load_settings = load_settings
        self._sends_webhooks = sends_webhooks
        self._told: Sequence[str] = ()
        self._overrides = overrides
        self._authenticate = authenticate
        self._reloading = asyncio.Lock()
        self._loaded_at = datetime.now(UTC)
        self._error: str | None = None
        self._is_draining = False
        self.access_log = access_log
        self.name = name
        self.announce: Callable[[], None] = lambda: None
        self.others: Callable[[], Iterable[WorkerState]] = lambda: ()
        self.running: set[Exchange] = set()
        self.metrics: Metrics | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self.database: Database | None = None
        self.services: Services | None = None
        self.configuration: Configuration
        self._loaded = self._current = self._load()
        if authenticate is not None:
            self.configuration = self._configure(self._loaded)
        self.background = BackgroundReplies()
        self.batches = BatchCollector()

    @property
    def state(self) -> WorkerState:
        """What the worker reports now."""
        loaded_at = self._loaded_at.isoformat(timespec="milliseconds")
        return WorkerState(
            os.getpid(),
            self.configuration.version,
            loaded_at,
            self._error,
            self._is_draining,
            list_open_breakers(self.configuration),
        )

    @property
    def settings(self) -> Settings:
        """The settings that it uses, without the stored tokens."""
        return self._current.settings

    @property
    def is_draining(self) -> bool:
        """Whether it accepts no new requests."""
        return self._is_draining

    async def start(self) -> None:
        """
        Open the database, and start what runs in the background.

        Raises:
            BudwoodError: The database cannot be used, or its tables are of another version.
        """
        if self._authenticate is None:
            await self._open_services()
        if metrics.is_installed():
            self.metrics = metrics.get_metrics()  # after the plugin, which may choose where processes share theirs
            self._refreshing = asyncio.create_task(self._keep_refreshing(), name="budwood-metrics")

    async def _open_services(self) -> None:
        from budwood_server.database import CONFIG, TOKENS
        from budwood_server.services import create_services

        self.services = services = create_services(lambda: self._current.server, self._find_master_keys)
        self.database = services.database
        async with AsyncExitStack() as stack, self._reloading:  # changes of now are loaded after it
            stack.push_async_callback(services.close)
            services.watch.subscribe(CONFIG, self._reload_if_changed)
            services.watch.subscribe(TOKENS, self._reload_tokens_if_valid)
            sends = self._sends_webhooks
            await services.start(sends_webhooks=self._loaded.server.webhooks.worker if sends is None else sends)
            self.configuration = await self._configure_with_tokens(self._loaded)
            services.events.providers.list_states = lambda: list_endpoints(self.configuration)
            stack.pop_all()  # it has started

    async def stop(self) -> None:
        """Write what is left, and close the database and the client."""
        async with AsyncExitStack() as stack:  # both are closed, also if one cannot be
            stack.callback(self._refresh_metrics)
            if self.services is not None:
                stack.push_async_callback(self.services.close)
            stack.push_async_callback(self.configuration.replace)
            stack.push_async_callback(self.background.close)
            stack.push_async_callback(self.batches.close)
            if self._refreshing is not None:
                self._refreshing.cancel()

    async def check(self) -> dict[str, dict[str, Any]]:
        """Return what the worker needs to answer requests, each with ``ok``."""
        checks: dict[str, dict[str, Any]] = {"draining": {"ok": not self._is_draining}}
        checks["configuration"] = {"ok": True, "version": self.configuration.version}
        if self._error is not None:  # the reason may name files and plugins
            checks["configuration"]["note"] = "Newer settings are not valid. GET /api/config has the reason."
        if self.services is not None:
            checks["database"] = await check_database(self.services.database)
            if self.services.vault.opened.problems:
                checks["tokens"] = {"ok": True, "note": "Stored tokens are not used. GET /api/tokens has the reasons."}
            if self.configuration.server.redis is not None:
                checks["redis"] = await check_leases(self.services.leases)
        return checks

    def drain(self) -> None:
        """Note that no new requests are accepted."""
        self._is_draining = True
        if self.services is not None:
            self.services.events.hub.drain()
        self.announce()

    async def reload(self, *, if_changed: bool = False) -> str:
        """
        Read the settings again, and use them for all further requests. Requests under way keep theirs.

        Args:
            if_changed: Whether to keep the present client, with its connections, if the settings are the same.

        Returns:
            The version of the settings.

        Raises:
            BudwoodError: They are not valid. The present ones remain in use.
        """
        async with self._reloading:
            with self._report_rejection():
                found = await asyncio.to_thread(self._load)
                loaded = await self._configure_with_tokens(found)
            self._error, self._current = None, found
            if await self._use(loaded, if_changed=if_changed):
                self._report_fixed(loaded.server)
            return self.configuration.version

    async def reload_tokens(self) -> None:
        """
        Read the tokens of vendors again, and use them for all further requests. The settings stay as they are.

        Raises:
            DatabaseError: The database cannot be used.
            BudwoodError: The settings are not valid with the tokens. The present tokens remain in use.
        """
        if self.services is None:
            return
        async with self._reloading:
            await self.services.vault.load()
            with self._report_rejection():
                loaded = await self._configure_with_tokens(self._current)
            await self._use(loaded, if_changed=True)

    @contextmanager
    def _report_rejection(self) -> Iterator[None]:
        try:
            yield
        except BudwoodError as error:
            self._error = _describe(error)
            logs.emit("settings rejected", level="warning", process=self.name, pid=os.getpid(), reason=self._error)
            self.announce()
            raise

    async def _use(self, loaded: Configuration, *, if_changed: bool) -> bool:
        """Use a configuration for all further requests, and return whether it differs from the present one."""
        is_new = not if_changed or loaded.version != self.configuration.version
        replaced = loaded
        if is_new:
            replaced, self.configuration = self.configuration, loaded
            self._loaded_at = datetime.now(UTC)
            logs.emit("settings loaded", version=loaded.version)
        await replaced.replace()
        self.announce()
        return is_new

    def _report_fixed(self, server: ServerSettings) -> None:
        """Warn of changed settings that take effect at the next start, once for each change of them."""
        changed = list_changed(self._loaded.server, server)
        if changed and changed != self._told:
            logs.emit("settings need a restart", level="warning", process=self.name, pid=os.getpid(), settings=changed)
        self._told = changed

    async def reload_everywhere(self, principal: Principal) -> str:
        """
        Load the settings again, also in all other workers that share the database.

        Args:
            principal: Who wants it, for the audit log.

        Raises:
            BudwoodError: They are not valid, or the database cannot be used.
        """
        version = await self.reload()
        if self.database is not None:
            from budwood_server.database import CONFIG, raise_version
            from budwood_server.people.audit import record

            async with self.database.write() as connection:
                await raise_version(connection, CONFIG)
                await record(connection, principal, "config.reload", version)
        return version

    async def collect_metrics(self) -> tuple[bytes, str]:
        """Return the metrics as text, and its content type. There must be metrics."""
        assert self.metrics is not None  # noqa: S101 - for type checkers
        self._refresh_metrics()
        if self.services is not None:
            with suppress(Exception):  # without the database, the others are still of use
                if self.services.usage is not None:
                    self.metrics.dropped.set(await self.services.usage.dropped())
                    self.metrics.show_alerts(await self.services.alerts.list_firing())
                await self.metrics.events.measure(self.services.database)
        return self.metrics.collect()

    async def _keep_refreshing(self) -> None:
        while True:
            self._refresh_metrics()
            await asyncio.sleep(REFRESH_SECONDS)

    def _refresh_metrics(self) -> None:
        """Set what other processes show of this one."""
        if self.metrics is None:
            return
        self.metrics.running.set(len(self.running))
        self.metrics.streams.set(sum(exchange.is_stream for exchange in self.running))
        self.metrics.config_hash.set(int(self.configuration.version[:12], 16))
        self.metrics.config_time.set(self._loaded_at.timestamp())
        self.metrics.config_valid.set(self._error is None)
        if self.services is not None:
            self.metrics.events.refresh(self.services.events)

    async def find_key(self, token: str) -> ApiKey | None:
        """Return the key of a token; None if there is none, or it has expired or was revoked."""
        if self.services is not None:
            return await self.services.keys.find(token)
        return self._authenticate(token) if self._authenticate is not None else None

    async def _reload_if_changed(self) -> None:
        with suppress(BudwoodError):  # it is logged and reported
            await self.reload(if_changed=True)

    async def _reload_tokens_if_valid(self) -> None:
        from budwood_server.database import DatabaseError

        try:
            await self.reload_tokens()
        except DatabaseError:
            raise  # so that it is done at the next poll
        except BudwoodError:
            pass  # it is logged and reported

    def _find_master_keys(self) -> MasterKeys:
        from budwood_server.vault.master_keys import find_master_keys

        return find_master_keys(self._current.settings)

    def _load(self) -> _Loaded:
        settings = self._load_settings()
        return _Loaded(settings, load_server_settings(settings, self._overrides))

    def _configure(self, loaded: _Loaded) -> Configuration:
        return Configuration(loaded.settings, loaded.server)

    async def _configure_with_tokens(self, loaded: _Loaded) -> Configuration:
        services = self.services
        if services is None:
            return self._configure(loaded)
        announcer = BreakerAnnouncer(lambda: self.announce())  # noqa: PLW0108 - it is set later
        observers: list[Observer] = [announcer, services.events.providers]
        if services.usage is not None:
            observers.append(services.usage)
        limiter = services.limiters.open(loaded.settings)
        tokens = await services.vault.open(loaded.settings)
        return Configuration(loaded.settings, loaded.server, observers=observers, limiter=limiter, tokens=tokens)


class _Loaded(NamedTuple):
    """All settings, and those of the server."""

    settings: Settings
    server: ServerSettings


def _describe(error: BudwoodError) -> str:
    return f"{error.message} {error.hint or ''}".strip()
