"""
Assign the fragments of streamed tool calls to calls.

In OpenAI's form, each fragment has the ``index`` of its call, and the first fragment has the id and the name.
Compatible servers omit the index or the id, send several calls with one index or one id, a new id in each fragment, or
a name in parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from budwood.providing import make_call_id, parse_count
from budwood.types import JSON, ToolCallClosed, ToolCallDelta
from budwood_openai_compatible.tool_calls import (
    create_call_part,
    find_extra_fields,
    get_arguments,
    get_call_id,
    get_name,
)

_NO_INDEX: Final = -1


@dataclass(slots=True)
class _OpenCall:
    """An incomplete call. ``id`` is the id that the server sent; ``unique_id`` is empty if another call has that id."""

    number: int
    id: str = ""
    unique_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    data: dict[str, JSON] = field(default_factory=dict)
    is_replaced: bool = False

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    def is_complete(self) -> bool:
        """Return whether the arguments are a complete JSON object, so that further arguments start another call."""
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        try:
            from_json(self.text)
        except ValueError:
            return False
        return True

    def is_repetition(self, call_id: str, arguments: str) -> bool:
        """Return whether a fragment repeats the complete call, as some servers do at the end of a stream."""
        return bool(call_id) and call_id == self.id and arguments == self.text and self.is_complete()

    def add_name(self, name: str) -> bool:
        """Add a name, which may be a part or a longer form of the name; return whether the name changed."""
        if not name or name == self.name or (self.name and self.arguments):
            return False
        self.name = name if name.startswith(self.name) else self.name + name
        return True


class CallFragments:
    """
    Assigns the fragments of one message.

    Args:
        tools: The names of the tools in the request. They distinguish a part of a name from another tool.
    """

    def __init__(self, tools: frozenset[str] = frozenset()) -> None:
        self.calls: list[_OpenCall] = []
        self._tools = tools
        self._places: dict[tuple[int, int], _OpenCall] = {}

    def add(self, fragment: Mapping[str, Any], source: int, choice: int) -> ToolCallDelta:
        """
        Return the event of a fragment.

        Args:
            fragment: The fragment.
            source: The server's index of the choice that contains it.
            choice: The choice of the event.
        """
        call_id, name, arguments = get_call_id(fragment), get_name(fragment), get_arguments(fragment)
        index = parse_count(fragment.get("index"))
        place = (source, _NO_INDEX if index is None else index)
        count = len(self.calls)
        call = self._find(place, call_id, name, arguments)
        if call is None:
            call = _OpenCall(len(self.calls))
            self.calls.append(call)
        self._places[place] = self._places[source, _NO_INDEX] = call
        new_id: str | None = None
        if not call.id and call_id:
            call.id = call_id
            if all(call_id != other.unique_id for other in self.calls):
                new_id = call.unique_id = call_id
        has_new_name = call.add_name(name) or call.number == count
        if call.is_repetition(call_id, arguments):
            arguments = ""
        if arguments:
            call.arguments.append(arguments)
        if data := find_extra_fields(fragment):
            call.data.update(data)
        return ToolCallDelta(call.number, new_id, call.name or None if has_new_name else None, arguments, choice)

    def close(self, reply_id: str | None, earlier: int, vendor: str, choice: int) -> Iterator[ToolCallClosed]:
        """Return the events that complete calls with other fields, or with replaced arguments."""
        for call in self.calls:
            if call.data or call.is_replaced:
                arguments = call.text
                call_id = call.unique_id or make_call_id(reply_id, call.number, call.name, arguments, earlier=earlier)
                yield ToolCallClosed(
                    call.number, create_call_part(call_id, call.name, arguments, call.data, vendor), choice
                )
                call.data, call.is_replaced = {}, False

    def _find(self, place: tuple[int, int], call_id: str, name: str, arguments: str) -> _OpenCall | None:
        """Return the call that a fragment continues, or None if it starts one."""
        has_index = place[1] != _NO_INDEX
        known = self._places.get(place)
        if known is None and has_index and not call_id and not name:
            known = self._places.get((place[0], _NO_INDEX))  # a fragment without id and name continues a call
        if known is not None and call_id and known.id not in ("", call_id):
            known = next((call for call in reversed(self.calls) if call.id == call_id), known)
        if known is None:
            return None
        if not name and not call_id and arguments.lstrip().startswith("{") and known.is_complete():
            return self._restart(known)
        return None if self._is_new(known, call_id, name, arguments, has_index=has_index) else known

    def _restart(self, known: _OpenCall) -> _OpenCall:
        """Return the call for arguments after complete ones: the same call after ``{}``, otherwise a new call."""
        if known.text.strip() == "{}":
            known.arguments.clear()
            known.is_replaced = True
            return known
        self.calls.append(_OpenCall(len(self.calls), name=known.name))
        return self.calls[-1]

    def _is_new(self, known: _OpenCall, call_id: str, name: str, arguments: str, *, has_index: bool) -> bool:
        """Return whether a fragment with the same index starts another call."""
        is_other_id = bool(call_id and known.id and call_id != known.id)
        is_other_name = bool(name and name != known.name)
        if (not name and not is_other_id) or known.is_repetition(call_id, arguments):
            return False
        if not known.name and not is_other_id:  # the arguments before the name
            return bool(arguments) and known.is_complete()
        if not known.arguments:
            return bool(name and known.name) and self._is_other_tool(known, call_id, name, has_index=has_index)
        if not arguments.strip():
            return is_other_name or (is_other_id and bool(name))
        if known.is_complete():
            return True
        return bool(name) and (is_other_id or is_other_name) and arguments.lstrip().startswith("{")

    def _is_other_tool(self, known: _OpenCall, call_id: str, name: str, *, has_index: bool) -> bool:
        """Return whether a name before any arguments belongs to another call, and is not a part or a repetition."""
        is_other_id = bool(call_id and known.id and call_id != known.id)
        if name == known.name:
            return is_other_id and not has_index
        extended = (known.name + name, name) if name.startswith(known.name) else (known.name + name,)
        if known.name not in self._tools and any(tool.startswith(extended) for tool in self._tools):
            return False
        return is_other_id or not known.id or (not call_id and not has_index)
