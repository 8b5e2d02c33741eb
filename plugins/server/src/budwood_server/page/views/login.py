"""``/admin/login`` and ``/admin/logout``."""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from budwood_server.api import auth
from budwood_server.api.access import COOKIE, find_logged_in
from budwood_server.page.forms import Form, FormErrors, read_form
from budwood_server.page.routes import post
from budwood_server.page.templating import render
from budwood_server.page.visits import Visit
from budwood_server.web.problems import ProblemError

HOME: Final = "/admin"


async def show_login(request: Request) -> Response:
    """Show the form, or lead on who is logged in."""
    cookie = request.cookies.get(COOKIE)
    if cookie is not None:
        try:
            await find_logged_in(request, cookie, "cookie")
        except ProblemError:
            pass  # it has ended
        else:
            return RedirectResponse(_find_target(request.query_params.get("next", "")), 303)
    return _show(request, _find_target(request.query_params.get("next", "")))


async def log_in(request: Request) -> Response:
    """Log in with name and password, or with a ticket, and get a new cookie."""
    form = await read_form(request)
    target = _find_target(form.text("next"))
    answer = RedirectResponse(target, 303)
    try:
        await auth.log_in(request, answer, _read_login(form))
    except ValidationError:
        return _show(request, target, form.text("name"), FormErrors(form="Enter the name and the password."), 400)
    except ProblemError as error:
        errors = FormErrors(form=error.problem.message, hint=error.problem.hint)
        return _show(request, target, form.text("name"), errors, error.problem.status)
    return answer


async def log_out(visit: Visit) -> Response:
    """End the login."""
    answer = visit.redirect("/admin/login", "logged-out")
    await auth.log_out(visit.request, answer, visit.principal)
    return answer


def _read_login(form: Form) -> auth.LoginBody:
    if ticket := form.secret("ticket"):
        return auth.LoginBody(ticket=SecretStr(ticket), kind="page")
    return auth.LoginBody(name=form.text("name"), password=SecretStr(form.secret("password")), kind="page")


def _find_target(path: str) -> str:
    """Return where a login leads: only to paths of the page."""
    is_page = path == HOME or path.startswith(("/admin/", "/admin?"))
    return path if is_page and path.isprintable() and "\\" not in path else HOME


def _show(
    request: Request, target: str, name: str = "", errors: FormErrors | None = None, status: int = 200
) -> HTMLResponse:
    values = {"target": target, "name": name, "errors": errors or FormErrors()}
    return HTMLResponse(render(request, "login.html", values), status)


ROUTES: Final = [
    Route("/admin/login", show_login, methods=["GET"]),
    Route("/admin/login", log_in, methods=["POST"]),
    post("/admin/logout", log_out, None),
]
