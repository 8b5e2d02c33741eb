"""``budwood server``: manage the database of the gateway."""

from __future__ import annotations

from typing import Any, Final

from typer.core import TyperGroup

from budwood_cli.groups import new_group
from budwood_server.commands import accounts, alerts, db, keys, master_key, tokens, worker

_OTHER_NAMES: Final = {"users": "accounts"}


class _Server(TyperGroup):
    """The group, which knows accounts by another name, too."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - typer has click as a private copy
        """Return a command by either of its names."""
        return super().get_command(ctx, _OTHER_NAMES.get(cmd_name, cmd_name))


app = new_group("Manage the keys, the tokens of vendors, the accounts of people and the database of a server.", _Server)
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(master_key.app, name="master-key")
app.add_typer(accounts.app, name="accounts")
app.add_typer(db.app, name="db")
app.command("alerts")(alerts.list_alerts)
app.command("worker")(worker.worker)
