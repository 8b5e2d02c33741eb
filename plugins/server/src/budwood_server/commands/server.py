"""``budwood server``: manage the database of the gateway."""

from __future__ import annotations

from budwood_cli.groups import new_group
from budwood_server.commands import db, keys

app = new_group("Manage the keys and the database of a server.")
app.add_typer(keys.app, name="keys")
app.add_typer(db.app, name="db")
