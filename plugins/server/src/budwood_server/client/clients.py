"""The clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict

from budwood.clock import SystemClock
from budwood_server.api_models.auth import PrincipalReply
from budwood_server.client.calls import Connection
from budwood_server.client.operations import S, operation
from budwood_server.client.requests import Request, get, path_of
from budwood_server.client.resources.accounts import Accounts, Audit
from budwood_server.client.resources.alerts import Alerts
from budwood_server.client.resources.events import EventMethods
from budwood_server.client.resources.jobs import Jobs
from budwood_server.client.resources.keys import Keys
from budwood_server.client.resources.prompts import Prompts
from budwood_server.client.resources.run import RunMethods, Session, Sessions
from budwood_server.client.resources.runs import Runs
from budwood_server.client.resources.telemetry import Endpoints, Telemetry, Usage
from budwood_server.client.resources.tokens import Tokens
from budwood_server.client.resources.webhooks import Webhooks
from budwood_server.client.senders import AsyncSender, Sender, find_transports
from budwood_server.client.targets import find_target

if TYPE_CHECKING:
    from typing import Unpack

    from budwood import Settings
    from budwood.contracts import Clock, Transports


class ConnectionOptions(TypedDict, total=False):
    """
    Options of a client.

    Attributes:
        timeout: Seconds for a call with its retries; 600 by default.
        connect_timeout: Seconds to connect; 10 by default.
        idle_timeout: Seconds without data after which a reply counts as lost; 120 by default.
        retries: How often a request is sent again after a temporary error; 2 by default.
        max_retry_after: The longest delay in seconds that the server may ask for; 120 by default.
    """

    timeout: float
    connect_timeout: float
    idle_timeout: float
    retries: int
    max_retry_after: float


class _Resources(RunMethods[S]):
    """
    What a client can do.

    Attributes:
        accounts: Accounts of people.
        alerts: Alerts, and whether they fire.
        audit: The log of administrative acts.
        endpoints: Providers, and the health of their endpoints.
        events: What happens on the server.
        keys: API keys.
        jobs: Batches of requests.
        prompts: Prompts with their versions and labels.
        runs: Dataset runs.
        sessions: Conversations that the server keeps.
        telemetry: Records of calls.
        tokens: Tokens of vendors.
        usage: Sums of calls, tokens and costs.
        webhooks: Endpoints to which the server sends events.
    """

    def __init__(self, sender: S) -> None:
        super().__init__(sender)
        self.accounts: Final = Accounts(sender)
        self.alerts: Final = Alerts(sender)
        self.audit: Final = Audit(sender)
        self.endpoints: Final = Endpoints(sender)
        self.events: Final = EventMethods(sender)
        self.keys: Final = Keys(sender)
        self.jobs: Final = Jobs(sender)
        self.prompts: Final = Prompts(sender)
        self.runs: Final = Runs(sender)
        self.sessions: Final = Sessions(sender)
        self.telemetry: Final = Telemetry(sender)
        self.tokens: Final = Tokens(sender)
        self.usage: Final = Usage(sender)
        self.webhooks: Final = Webhooks(sender)

    def session(self, name: str) -> Session[S]:
        """Return the conversation with a name, which the server keeps."""
        return Session(self.sender, name)

    @operation
    def whoami(self) -> Request[PrincipalReply]:
        """Return who the server takes the client for, and what it may do."""
        return get(path_of("auth", "me"), PrincipalReply)

    @property
    def url(self) -> str:
        """The URL of the server, without the path of an API."""
        return self.sender.connection.url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __reduce__(self) -> Any:  # noqa: ANN401 - see object
        raise TypeError(f"A {type(self).__name__} cannot be pickled: it has a key and connections. Create another one.")


class GatewayClient(_Resources[Sender]):
    """
    The client of a server of Budwood, with blocking I/O. Threads can share it.

    Args:
        url: The URL of the server. By default ``BUDWOOD_SERVER_URL``, the settings, or the login.
        key: A key of the server. By default, in this order: ``BUDWOOD_SERVER_KEY``, the section of the settings whose
            address is that of the server, or the session of ``budwood login``.
        provider: The name of a section ``[providers.NAME]`` with ``plugin = "budwood-server"``.
        settings: Settings in place of those of the files and the environment.
        clock: The clock; tests pass another one.
        options: See `ConnectionOptions`.

    Raises:
        ConfigurationError: No server is named, or a setting is not valid.
        CredentialError: There is no key.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        provider: str | None = None,
        settings: Settings | Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        **options: Unpack[ConnectionOptions],
    ) -> None:
        connection, transports = _prepare(
            url, key=key, provider=provider, settings=settings, clock=clock, options=options
        )
        super().__init__(Sender(connection, transports.blocking))

    def close(self) -> None:
        """Close the connections. Closing twice is no error."""
        self.sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncGatewayClient(_Resources[AsyncSender]):
    """
    The client of a server of Budwood, with async I/O; see `GatewayClient`. Each event loop gets its own connections.

    Methods that return a reply have to be awaited, and lists are iterated by ``async for``.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        provider: str | None = None,
        settings: Settings | Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        **options: Unpack[ConnectionOptions],
    ) -> None:
        connection, transports = _prepare(
            url, key=key, provider=provider, settings=settings, clock=clock, options=options
        )
        super().__init__(AsyncSender(connection, transports.asynchronous))

    async def close(self) -> None:
        """Close the connections. Closing twice is no error."""
        await self.sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _prepare(
    url: str | None,
    *,
    key: str | None,
    provider: str | None,
    settings: Settings | Mapping[str, Any] | None,
    clock: Clock | None,
    options: ConnectionOptions,
) -> tuple[Connection, Transports]:
    """Return the connection that the arguments of a client describe, and what creates its transports."""
    from budwood import Settings
    from budwood.plugins import Instances

    clock = clock or SystemClock()
    loaded = settings if isinstance(settings, Settings) else Settings.load(settings)
    instances = Instances(loaded, clock=clock)
    target = find_target(instances, url=url, key=key, provider=provider)
    connection = Connection(url=target.url, credential=target.credential, clock=clock, **options)
    return connection, find_transports(instances)
