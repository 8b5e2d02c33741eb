"""A request of the page by an account that is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from budwood_server.api.access import get_database, get_worker
from budwood_server.api.paging import DEFAULT_LIMIT, Paging
from budwood_server.database import Database
from budwood_server.page.forms import Form
from budwood_server.page.templating import render
from budwood_server.people.principals import Principal
from budwood_server.worker import Worker


@dataclass(frozen=True, slots=True)
class Visit:
    """
    A request by an account.

    Attributes:
        request: The request, as the functions of ``/api`` take it.
        principal: The account, with what it may do.
        csrf_token: What forms send in the field ``csrf_token``.
        form: The fields of the form that was sent; empty if none was.
    """

    request: Request
    principal: Principal
    csrf_token: str = field(repr=False)
    form: Form = field(default_factory=Form, repr=False)

    @property
    def upload_token(self) -> str:
        """
        What the addresses of forms with files have in the parameter ``token``.

        Addresses may be recorded by proxies. So it is another token, which is good for no other change.
        """
        return sha256(f"upload {self.csrf_token}".encode()).hexdigest()

    @property
    def worker(self) -> Worker:
        """The state of the process."""
        return get_worker(self.request)

    @property
    def database(self) -> Database:
        """The database."""
        return get_database(self.request)

    @property
    def query(self) -> QueryParams:
        """The parameters of the address."""
        return self.request.query_params

    @property
    def path(self) -> str:
        """The path of the address."""
        return self.request.url.path

    @property
    def is_fragment(self) -> bool:
        """Whether htmx wants a part of a page rather than a page."""
        return "hx-request" in self.request.headers

    def paging(self, limit: int = DEFAULT_LIMIT) -> Paging:
        """Return which page of a list the address names in ``cursor``."""
        return Paging(self.query.get("cursor") or None, limit)

    def may(self, scope: str) -> bool:
        """Tell whether the account may do something."""
        return scope in self.principal.scopes

    def url_with(self, **changes: str | None) -> str:
        """Return the present address with other parameters; those that are None are left out."""
        kept = {name: value for name, value in self.query.items() if name not in ("cursor", "notice")}
        merged = kept | changes
        query = urlencode({name: value for name, value in merged.items() if value})
        return f"{self.path}?{query}" if query else self.path

    def render(self, template: str, values: Mapping[str, Any] | None = None, *, status: int = 200) -> HTMLResponse:
        """Return a page. Templates know the visit as ``visit``."""
        return HTMLResponse(render(self.request, template, {"visit": self, **(values or {})}), status)

    def redirect(self, path: str, notice: str | None = None) -> Response:
        """
        Return a redirection after a change.

        Args:
            path: Where to, a path of the page.
            notice: What is shown there: a name of `notices.NOTICES`.
        """
        return RedirectResponse(f"{path}?{urlencode({'notice': notice})}" if notice else path, 303)
