"""``/admin/people``: the accounts of people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from starlette.responses import Response

from budwood_server.access.keys import ADMIN
from budwood_server.api import accounts
from budwood_server.api.accounts import AccountChanges, NewAccount
from budwood_server.api_models.accounts import Account
from budwood_server.page.confirmations import ask
from budwood_server.page.forms import REFUSED, Form, FormErrors, find_errors
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit
from budwood_server.web.problems import reject

PATH: Final = "/admin/people"
LINK: Final = Link("People", PATH, "people", "Access", ADMIN)
ROLES: Final = (
    ("viewer", "Viewer", "Reads keys, prompts, runs, endpoints and telemetry."),
    ("operator", "Operator", "Also calls models, and changes prompts, runs, and keys that only call models."),
    ("admin", "Admin", "Everything, also tokens, people, settings and the audit log."),
)

_ACCOUNT: Final = f"{PATH}/{{account_id}}"
_FIELDS: Final = ("name", "role", "password")


async def show_people(visit: Visit) -> Response:
    """List accounts by their names."""
    page = await accounts.list_accounts(visit.request, visit.paging(), visit.principal)
    return visit.render("people.html", {"page": page})


async def show_form(visit: Visit) -> Response:
    """Show the form for a new account."""
    return _show_form(visit, Form({"role": ["viewer"]}), FormErrors(), 200)


async def add_account(visit: Visit) -> Response:
    """Add an account."""
    form = visit.form
    fields = {"name": form.text("name").lower(), "role": form.text("role"), "password": form.secret("password")}
    try:
        new = NewAccount.model_validate(fields)
        await accounts.create_account(visit.request, new, visit.principal, form.optional("once"))
    except REFUSED as error:
        return _show_form(visit, form, *find_errors(error, _FIELDS))
    return visit.redirect(PATH, "account-added")


async def show_account(visit: Visit) -> Response:
    """Show an account, with forms to change it."""
    return _show_account(visit, await _find(visit), FormErrors(), 200)


async def change_account(visit: Visit) -> Response:
    """Change the role or the password of another account, disable or enable it."""
    account = await _find_other(visit)
    form = visit.form
    sent = {"role": form.optional("role"), "password": form.secret("password") or None}
    if form.text("disabled"):
        sent["disabled"] = form.text("disabled")
    try:
        changes = AccountChanges.model_validate(sent)
        await accounts.change_account(visit.request, account.id, changes, visit.principal)
    except REFUSED as error:
        return _show_account(visit, account, *find_errors(error, _FIELDS))
    return visit.redirect(f"{PATH}/{account.id}", "account-changed")


async def ask_removal(visit: Visit) -> Response:
    """Ask whether an account is to be removed."""
    account = await _find_other(visit)
    return ask(
        visit,
        title=f"Remove the account {account.name}?",
        text="Its logins end at once. What it did stays in the audit log.",
        button="Remove account",
        cancel=f"{PATH}/{account.id}",
    )


async def remove_account(visit: Visit) -> Response:
    """Remove an account."""
    account = await _find_other(visit)
    await accounts.remove_account(visit.request, account.id, visit.principal)
    return visit.redirect(PATH, "account-removed")


async def _find(visit: Visit) -> Account:
    return await accounts.get_account(visit.request, visit.request.path_params["account_id"], visit.principal)


async def _find_other(visit: Visit) -> Account:
    """Return the account of the path; the own one could lock out its person."""
    account = await _find(visit)
    if account.id == visit.principal.id:
        raise reject(
            "This is your own account.",
            code="own_account",
            hint="Another administrator can change it. Your password is changed at Your account.",
            status=409,
        )
    return account


def _show_form(visit: Visit, form: Form, errors: FormErrors, status: int) -> Response:
    values: Mapping[str, Any] = {"form": form, "errors": errors, "roles": ROLES, "once": uuid4().hex}
    return visit.render("person_form.html", values, status=status)


def _show_account(visit: Visit, account: Account, errors: FormErrors, status: int) -> Response:
    values: Mapping[str, Any] = {"account": account, "errors": errors, "roles": ROLES}
    return visit.render("person.html", values, status=status)


ROUTES: Final = [
    get(PATH, show_people, ADMIN),
    post(PATH, add_account, ADMIN),
    get(f"{PATH}/new", show_form, ADMIN),
    get(_ACCOUNT, show_account, ADMIN),
    post(_ACCOUNT, change_account, ADMIN),
    get(f"{_ACCOUNT}/remove", ask_removal, ADMIN),
    post(f"{_ACCOUNT}/remove", remove_account, ADMIN),
]
