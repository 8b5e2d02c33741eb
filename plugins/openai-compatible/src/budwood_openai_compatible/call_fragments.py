"""
Sort the fragments of streamed tool calls into calls.

In OpenAI's form each fragment has the ``index`` of its call, and the first has id and name. Servers leave the index or
the id out, send several calls under one index or one id, a new id with each fragment, or a name in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from budwood.providing import make_call_id, parse_count
from budwood.types import JSON, ToolCallClosed, ToolCallDelta
from budwood_openai_compatible.tool_calls import arguments_of, call_part, id_of, name_of, unknown_in

_UNNUMBERED: Final = -1


@dataclass(slots=True)
class _OpenCall:
    """A call that is still growing. ``own_id`` is what goes to the caller: no two calls have the same."""

    number: int
    id: str = ""
    own_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    data: dict[str, JSON] = field(default_factory=dict)
    is_replaced: bool = False

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    def is_complete(self) -> bool:
        """Return whether the arguments are a complete JSON object, so that more of them begin another call."""
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        try:
            from_json(self.text)
        except ValueError:
            return False
        return True

    def takes_name(self, name: str) -> bool:
        """Take a name, which may come in pieces or grow; return whether it is news."""
        if not name or name == self.name or self.arguments:
            return False
        self.name = name if name.startswith(self.name) else self.name + name
        return True


class CallFragments:
    """
    Sorts the fragments of one message.

    Args:
        tools: Names of the tools that the request offers. They tell a piece of a name from another tool.
    """

    def __init__(self, tools: frozenset[str] = frozenset()) -> None:
        self.calls: list[_OpenCall] = []
        self._tools = tools
        self._places: dict[tuple[int, int], _OpenCall] = {}

    def add(self, fragment: Mapping[str, Any], source: int, choice: int) -> ToolCallDelta:
        """
        Return the event of a fragment.

        Args:
            fragment: As the server sent it.
            source: The server's index of the choice that it came in.
            choice: The choice that the event belongs to.
        """
        own, name, arguments = id_of(fragment), name_of(fragment), arguments_of(fragment)
        index = parse_count(fragment.get("index"))
        place = (source, _UNNUMBERED if index is None else index)
        known = len(self.calls)
        call = self._find(place, own, name, arguments)
        if call is None:
            call = _OpenCall(len(self.calls))
            self.calls.append(call)
        self._places[place] = self._places[source, _UNNUMBERED] = call
        news: str | None = None
        if not call.id and own:
            call.id = own
            if all(own != other.own_id for other in self.calls):
                news = call.own_id = own
        has_news = call.takes_name(name) or call.number == known
        if arguments:
            call.arguments.append(arguments)
        if data := unknown_in(fragment):
            call.data.update(data)
        return ToolCallDelta(call.number, news, call.name or None if has_news else None, arguments, choice)

    def close(self, reply_id: str | None, earlier: int, vendor: str, choice: int) -> Iterator[ToolCallClosed]:
        """Complete the calls whose events do not hold all that the vendor said of them."""
        for call in self.calls:
            if call.data or call.is_replaced:
                arguments = call.text
                own = call.own_id or make_call_id(reply_id, call.number, call.name, arguments, earlier=earlier)
                yield ToolCallClosed(call.number, call_part(own, call.name, arguments, call.data, vendor), choice)
                call.data, call.is_replaced = {}, False

    def _find(self, place: tuple[int, int], own: str, name: str, arguments: str) -> _OpenCall | None:
        """Return the call that a fragment continues, or None if it begins one."""
        numbered = place[1] != _UNNUMBERED
        known = self._places.get(place)
        if known is None and numbered and not own and not name:
            known = self._places.get((place[0], _UNNUMBERED))  # what has neither id nor name begins no call
        if known is not None and own and known.id not in ("", own):
            known = next((call for call in reversed(self.calls) if call.id == own), known)
        if known is None:
            return None
        if not name and not own and arguments.lstrip().startswith("{") and known.is_complete():
            return self._restarted(known)
        return None if self._is_new(known, own, name, arguments, numbered=numbered) else known

    def _restarted(self, known: _OpenCall) -> _OpenCall:
        """Return the call of arguments that follow complete ones: the same after a placeholder, else one more of it."""
        if known.text.strip() == "{}":
            known.arguments.clear()
            known.is_replaced = True
            return known
        self.calls.append(_OpenCall(len(self.calls), name=known.name))
        return self.calls[-1]

    def _is_new(self, known: _OpenCall, own: str, name: str, arguments: str, *, numbered: bool) -> bool:
        """Return whether a fragment under the same index begins another call."""
        is_other_id = bool(own and known.id and own != known.id)
        is_other_name = bool(name and name != known.name)
        if not name and not is_other_id:
            return False
        if not known.arguments:
            return bool(name and known.name) and self._is_other_tool(known, own, name, numbered=numbered)
        if not arguments.strip():
            return is_other_name or (is_other_id and bool(name))
        if known.is_complete():
            return True
        return bool(name) and (is_other_id or is_other_name) and arguments.lstrip().startswith("{")

    def _is_other_tool(self, known: _OpenCall, own: str, name: str, *, numbered: bool) -> bool:
        """Return whether a name that comes before any arguments is that of another call, and no piece or repetition."""
        is_other_id = bool(own and known.id and own != known.id)
        if name == known.name:
            return is_other_id and not numbered
        grown = (known.name + name, name) if name.startswith(known.name) else (known.name + name,)
        if known.name not in self._tools and any(tool.startswith(grown) for tool in self._tools):
            return False
        return is_other_id or not known.id or (not own and not numbered)
