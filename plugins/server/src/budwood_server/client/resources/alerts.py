"""``client.alerts``."""

from __future__ import annotations

from budwood_server.api_models.alerts import AlertsReply
from budwood_server.client.operations import Resource, S, operation
from budwood_server.client.requests import Request, get, path_of


class Alerts(Resource[S]):
    """Alerts: rules about calls in the settings of the server."""

    @operation
    def list(self) -> Request[AlertsReply]:
        """Return the alerts, by name, and whether they fire."""
        return get(path_of("alerts"), AlertsReply)
