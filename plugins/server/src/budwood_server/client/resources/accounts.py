"""``client.accounts`` and ``client.audit``."""

from __future__ import annotations

from budwood_server.api_models.accounts import Account
from budwood_server.api_models.audit import AuditEntry
from budwood_server.api_models.pages import PageOf
from budwood_server.client.operations import Resource, S, listing, operation
from budwood_server.client.requests import Request, act, change, create, get, leave_out, path_of
from budwood_server.people.roles import Role


class Accounts(Resource[S]):
    """Accounts of people. ``account`` is the id or the name of one."""

    @listing
    def list(self) -> Request[PageOf[Account]]:
        """List accounts by their names."""
        return get(path_of("accounts"), PageOf[Account])

    @operation
    def get(self, account: str) -> Request[Account]:
        """Return an account."""
        return get(path_of("accounts", account), Account)

    @operation
    def create(self, name: str, role: Role, password: str, *, idempotency_key: str | None = None) -> Request[Account]:
        """Create an account. The password has at least 12 characters."""
        body = {"name": name, "role": role, "password": password}
        return create(path_of("accounts"), Account, body, idempotency_key=idempotency_key)

    @operation
    def change(
        self, account: str, *, role: Role | None = None, password: str | None = None, disabled: bool | None = None
    ) -> Request[Account]:
        """Change the role or the password of an account, disable or enable it. Its logins end."""
        body = leave_out(role=role, password=password, disabled=disabled)
        return change("PATCH", path_of("accounts", account), Account, body)

    @operation
    def remove(self, account: str) -> Request[None]:
        """Remove an account."""
        return act("DELETE", path_of("accounts", account))


class Audit(Resource[S]):
    """The log of administrative acts."""

    @listing
    def list(self, *, action: str | None = None, principal_id: str | None = None) -> Request[PageOf[AuditEntry]]:
        """List acts, the newest first: all, those of one action, or those of one key or account."""
        return get(path_of("audit"), PageOf[AuditEntry], action=action, principal_id=principal_id)
