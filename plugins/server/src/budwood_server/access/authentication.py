"""Find the key of a request, and check that it is for what the request wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from budwood_server.access.keys import ADMIN, INFER
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood_server.access.keys import ApiKey
    from budwood_server.worker import Worker

INVALID_KEY: Final = Problem(
    status=401,
    message="The API key is missing or not valid.",
    type="authentication_error",
    code="invalid_api_key",
    hint="Send a key of this server as 'Authorization: Bearer bw_live_…' or in the header x-api-key.",
    headers={"www-authenticate": "Bearer"},
)


async def authenticate(worker: Worker, find_header: Callable[[str], str | None], scope: str) -> ApiKey:
    """
    Return the key of a request.

    Args:
        worker: Knows the keys.
        find_header: Returns the value of a header by its name in lower case, or None.
        scope: What the key must be for.

    Raises:
        ProblemError: 401 without a valid key; 403 if it is not for that.
    """
    token = _find_token(find_header)
    key = await worker.find_key(token) if token else None
    if key is None:
        raise ProblemError(INVALID_KEY)
    if scope not in key.scopes:
        raise _forbid(key, scope)
    return key


def _find_token(find_header: Callable[[str], str | None]) -> str | None:
    """Return the key in the header of OpenAI, Anthropic or Azure."""
    header = find_header("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None
    return find_header("x-api-key") or find_header("api-key")


def _forbid(key: ApiKey, scope: str) -> ProblemError:
    is_admin = ADMIN in key.scopes and scope == INFER
    return ProblemError(
        Problem(
            status=403,
            message=f"This key is not for {scope!r}.",
            type="permission_error",
            code="missing_scope",
            hint="An admin key cannot infer: create another key." if is_admin else None,
        )
    )
