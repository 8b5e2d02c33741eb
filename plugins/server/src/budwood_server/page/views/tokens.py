"""``/admin/tokens``: the tokens of vendors. No page shows one."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from pydantic import SecretStr
from starlette.responses import Response

from budwood_server.access.keys import ADMIN
from budwood_server.api import tokens
from budwood_server.api.tokens import NewText
from budwood_server.api_models.tokens import TokenReply
from budwood_server.page.confirmations import ask
from budwood_server.page.forms import REFUSED, Form, FormErrors, find_errors
from budwood_server.page.master_keys import describe_master_key
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get, post
from budwood_server.page.visits import Visit
from budwood_server.vault.tokens import NewToken

PATH: Final = "/admin/tokens"
LINK: Final = Link("Vendor tokens", PATH, "token", "Access", ADMIN)

_TOKEN: Final = f"{PATH}/{{token_id}}"
_FIELDS: Final = ("provider", "label", "token")


async def show_tokens(visit: Visit) -> Response:
    """List tokens, the newest first, and the state of the master key."""
    page = await tokens.list_tokens(visit.request, visit.principal, visit.paging())
    return visit.render("tokens.html", {"page": page, **await describe_master_key(visit)})


async def show_form(visit: Visit) -> Response:
    """Show the form for a new token."""
    return await _show_form(visit, Form({"provider": [visit.query.get("provider", "")]}), FormErrors(), 200)


async def add_token(visit: Visit) -> Response:
    """Store a token."""
    fields = {name: visit.form.text(name) for name in ("provider", "label") if visit.form.text(name)}
    try:
        new = NewToken.model_validate(fields | {"token": SecretStr(visit.form.secret("token"))})
        await tokens.add_token(visit.request, visit.principal, new, visit.form.optional("once"))
    except REFUSED as error:
        return await _show_form(visit, visit.form, *find_errors(error, _FIELDS))
    return visit.redirect(PATH, "token-added")


async def show_rotation(visit: Visit) -> Response:
    """Show the form for the new text of a token."""
    return _show_rotation(visit, await _find(visit), FormErrors(), 200)


async def rotate_token(visit: Visit) -> Response:
    """Replace a token by a new one of the vendor."""
    token = await _find(visit)
    try:
        new = NewText.model_validate({"token": SecretStr(visit.form.secret("token"))})
        await tokens.rotate_token(visit.request, visit.principal, token.id, new)
    except REFUSED as error:
        return _show_rotation(visit, token, *find_errors(error, _FIELDS))
    return visit.redirect(PATH, "token-rotated")


async def ask_removal(visit: Visit) -> Response:
    """Ask whether a token is to be removed."""
    token = await _find(visit)
    return ask(
        visit,
        title=f"Remove the token {token.provider}/{token.label}?",
        text="Every worker forgets it within a second. The vendor still accepts it: revoke it there, too.",
        button="Remove token",
        cancel=PATH,
    )


async def remove_token(visit: Visit) -> Response:
    """Remove a token."""
    await tokens.remove_token(visit.request, visit.principal, visit.request.path_params["token_id"])
    return visit.redirect(PATH, "token-removed")


async def ask_rewrapping(visit: Visit) -> Response:
    """Ask whether all tokens are to be sealed again."""
    return ask(
        visit,
        title="Seal all tokens with the newest master key?",
        text="Afterwards the older master keys can be removed. Tokens that cannot be opened stay as they are.",
        button="Seal tokens",
        tone="primary",
        cancel=PATH,
    )


async def rewrap_tokens(visit: Visit) -> Response:
    """Seal all tokens with the newest master key."""
    await tokens.rewrap_tokens(visit.request, visit.principal)
    return visit.redirect(PATH, "tokens-rewrapped")


async def _find(visit: Visit) -> TokenReply:
    return await tokens.get_token(visit.request, visit.principal, visit.request.path_params["token_id"])


async def _show_form(visit: Visit, form: Form, errors: FormErrors, status: int) -> Response:
    providers = sorted(visit.worker.configuration.providers)
    values = {"form": form, "errors": errors, "providers": providers, "once": uuid4().hex}
    return visit.render("token_form.html", values | await describe_master_key(visit), status=status)


def _show_rotation(visit: Visit, token: TokenReply, errors: FormErrors, status: int) -> Response:
    return visit.render("token_rotation.html", {"token": token, "errors": errors}, status=status)


ROUTES: Final = [
    get(PATH, show_tokens, ADMIN),
    post(PATH, add_token, ADMIN),
    get(f"{PATH}/new", show_form, ADMIN),
    get(f"{PATH}/rewrap", ask_rewrapping, ADMIN),
    post(f"{PATH}/rewrap", rewrap_tokens, ADMIN),
    get(f"{_TOKEN}/rotate", show_rotation, ADMIN),
    post(f"{_TOKEN}/rotate", rotate_token, ADMIN),
    get(f"{_TOKEN}/remove", ask_removal, ADMIN),
    post(f"{_TOKEN}/remove", remove_token, ADMIN),
]
