"""The log of administrative acts."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from budwood_server.api_models.moments import Moment


class AuditEntry(BaseModel):
    """
    An administrative act.

    Attributes:
        id: Grows with each entry.
        at: When it was.
        principal_kind: Who did it: ``"key"``, ``"account"`` or ``"command"``.
        principal_id: The id of the key or the account.
        principal_name: Its name at that time.
        action: What was done, such as ``"account.create"``.
        target: The id of what was changed.
        details: What else is known. It has no secrets.
    """

    id: int
    at: Moment
    principal_kind: str
    principal_id: str
    principal_name: str
    action: str
    target: str
    details: dict[str, Any]
