"""A request whose key is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from budwood_server.gateway.plan import CallPlan, plan_call

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.gateway.configuration import Configuration
    from budwood_server.web.exchange import Exchange
    from budwood_server.worker import Worker


class Request(NamedTuple):
    """
    A request whose key is known.

    Attributes:
        exchange: The HTTP request and its reply.
        key: The key with which it was sent.
        configuration: The configuration that it keeps to its end.
        worker: The state of the process: database, owners of files and so on.
    """

    exchange: Exchange
    key: ApiKey
    configuration: Configuration
    worker: Worker

    async def read_json(self) -> dict[str, Any]:
        """Read the body, which must be a JSON object; see `Exchange.read_json`."""
        server = self.configuration.server
        return await self.exchange.read_json(server.max_body, server.body_timeout)

    def plan(self, body: dict[str, Any]) -> CallPlan:
        """Return what the request asks for; see `plan_call`."""
        return plan_call(self.exchange, self.configuration, self.key, body)
