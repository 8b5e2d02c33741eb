"""The navigation: the views that an account may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from budwood_server.people.principals import Principal


@dataclass(frozen=True, slots=True)
class Link:
    """
    A link to a view.

    Attributes:
        title: Its text.
        path: The path of the view. The link is also current below it.
        icon: The name of its icon, in ``icons.html``.
        group: The heading under which it is. Links of one group follow each other.
        scope: What an account must be allowed to do to see it; None for all.
    """

    title: str
    path: str
    icon: str
    group: str
    scope: str | None = None

    def is_current(self, path: str) -> bool:
        """Tell whether a path is that of the view, or below it."""
        return path == self.path or (self.path != "/admin" and path.startswith(f"{self.path}/"))


class Navigation:
    """
    The links to all views.

    Args:
        links: The links, in their order.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links

    def list_for(self, principal: Principal) -> list[Link]:
        """Return the links to what a principal may see."""
        return [link for link in self._links if link.scope is None or link.scope in principal.scopes]

    def group_for(self, principal: Principal) -> list[tuple[str, list[Link]]]:
        """Return the same links by their groups."""
        links = self.list_for(principal)
        return [(group, list(members)) for group, members in groupby(links, key=lambda link: link.group)]
