"""``/admin/account``: the own account."""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr
from starlette.responses import Response

from budwood_server.api import auth
from budwood_server.api.access import COOKIE
from budwood_server.page.forms import REFUSED, FormErrors, find_errors
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit
from budwood_server.people.accounts import find_account
from budwood_server.web.problems import ProblemError

PATH: Final = "/admin/account"
FIELDS: Final = ("current", "new", "again")


async def show_account(visit: Visit) -> Response:
    """Show the own account, and the form to change its password."""
    return await _show(visit, FormErrors(), 200)


async def change_password(visit: Visit) -> Response:
    """Change the own password. The login ends, too."""
    new = visit.form.secret("new")
    if new != visit.form.secret("again"):
        return await _show(visit, FormErrors({"again": "The two passwords differ."}), 400)
    try:
        body = auth.PasswordBody(current=SecretStr(visit.form.secret("current")), new=SecretStr(new))
        await auth.change_password(visit.request, body, visit.principal)
    except REFUSED as error:
        if isinstance(error, ProblemError) and error.problem.code == "wrong_password":
            return await _show(visit, FormErrors({"current": "This is not the present password."}), 400)
        return await _show(visit, *find_errors(error, FIELDS))
    answer = visit.redirect("/admin/login", "password-changed")
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def _show(visit: Visit, errors: FormErrors, status: int) -> Response:
    async with visit.database.read() as connection:
        account = await find_account(connection, visit.principal.id)
    return visit.render("account.html", {"account": account, "errors": errors}, status=status)


ROUTES: Final = [get(PATH, show_account, None), post(f"{PATH}/password", change_password, None)]
