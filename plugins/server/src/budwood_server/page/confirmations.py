"""Questions before changes that cannot be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from budwood_server.page.visits import Visit


def ask(
    visit: Visit,
    *,
    title: str,
    text: str,
    button: str,
    cancel: str,
    dismiss: str = "Cancel",
    tone: str = "danger",
    fields: Sequence[Mapping[str, Any]] = (),
    status: int = 200,
) -> Response:
    """
    Return a question: the content of the dialog, or a page of its own. Its form is sent to the present path.

    Args:
        visit: The request for the question.
        title: The question.
        text: What the change does.
        button: What the button that does it says.
        cancel: The path to which the other button leads.
        dismiss: What the other button says.
        tone: The kind of button: ``"danger"`` or ``"primary"``.
        fields: The arguments of further fields; see `field` in ``parts.html``.
        status: The status of the reply.
    """
    values = {"title": title, "text": text, "button": button, "cancel": cancel, "tone": tone, "fields": fields}
    return visit.render("confirm.html", values | {"action": visit.path, "dismiss": dismiss}, status=status)
