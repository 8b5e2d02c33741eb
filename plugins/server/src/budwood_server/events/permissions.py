"""Errors for events that a key or an account may not see, which say what would let it see them."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from budwood_server.access.keys import ADMIN, INFER, SCOPES, TEXTS
from budwood_server.events.event_types import EVENT_TYPES, find_visible, select_types
from budwood_server.people.principals import Principal
from budwood_server.people.roles import list_key_scopes, list_roles
from budwood_server.web.problems import Problem, ProblemError


def check_patterns(patterns: Iterable[str], principal: Principal) -> None:
    """
    Check that each pattern has a type that a principal may see.

    Args:
        patterns: What `select_types` takes.
        principal: Who that is.

    Raises:
        ProblemError: 400: a pattern names no type. 403: it may see none of a pattern.
    """
    for pattern in patterns:
        types = select_types([pattern])
        if not find_visible(types, principal):
            raise _forbid(f"Events {pattern}", EVENT_TYPES[min(types)].scope, principal)


def check_texts(principal: Principal) -> None:
    """
    Check that a principal may get texts of prompts and replies.

    Raises:
        ProblemError: 403: it may not.
    """
    if TEXTS not in principal.scopes:
        raise _forbid("The texts of prompts and replies", TEXTS, principal)


def _forbid(wanted: str, scope: str, principal: Principal) -> ProblemError:
    is_key = principal.kind == "key"
    sufficient = list_key_scopes(scope) if is_key else list_roles(scope)
    return ProblemError(
        Problem(
            status=403,
            message=f"{wanted} need the {'scope' if is_key else 'role'} {' or '.join(sufficient)}, "
            f"which this {principal.kind} does not have.",
            type="permission_error",
            code="missing_scope",
            hint=_suggest_key(sufficient[0], principal) if is_key else "Ask an administrator for the role.",
        )
    )


def _suggest_key(scope: str, principal: Principal) -> str:
    """Return how to create a key that also has a scope: with those of the present one, and its team."""
    present = [each for each in SCOPES if each in principal.scopes and not (each == INFER and scope == ADMIN)]
    options = [f"--scope {each}" for each in (*present, scope)]
    if principal.key is not None and principal.key.team is not None:
        options.insert(0, f"--team {quote(principal.key.team)}")
    besides = f" besides {', '.join(present)}" if present else ""
    return f"Create a key with the scope {scope}{besides}: `budwood server keys create NAME {' '.join(options)}`."
