"""Where users read which settings there are."""

from __future__ import annotations

import pydoc

import pytest

from budwood import Settings
from budwood.errors import ConfigurationError
from budwood_server.settings import load_server_settings


@pytest.mark.parametrize(
    ("server", "name", "described"),
    [
        ({"alerts": {"slow": {"metric": "waits"}}}, "budwood_server.alerts.rules.AlertRule", "min_calls:"),
        ({"events": {"pol": 1}}, "budwood_server.settings.EventSettings", "alerts_poll:"),
        ({"webhooks": {"lease": 1}}, "budwood_server.settings.WebhookSettings", "allow_local:"),
        ({"port": -1}, "budwood_server.settings.ServerSettings", "trusted_proxies:"),
        ({"unknown": 1}, "budwood_server.settings.ServerSettings", "trusted_proxies:"),
    ],
)
def test_errors_name_the_description_of_their_section(server, name, described):
    """
    It is part of what is installed, and lists each setting.
    """
    with pytest.raises(ConfigurationError) as caught:
        load_server_settings(Settings.load({"server": server}))

    assert caught.value.hint == f"The settings are described by: python -m pydoc {name}"
    assert described in (pydoc.locate(name).__doc__ or "")
