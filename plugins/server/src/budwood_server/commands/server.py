"""``budwood server``: manage the database of the gateway."""

from __future__ import annotations

from budwood_cli.groups import new_group
from budwood_server.commands import db, keys, master_key, tokens, users, worker

app = new_group("Manage the keys, the tokens of vendors and the database of a server.")
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(master_key.app, name="master-key")
app.add_typer(users.app, name="users")
app.add_typer(db.app, name="db")
app.command("worker")(worker.worker)
