"""Encode streams as events of the Responses API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood.types import (
    OUTPUT_TOOL,
    ImagePart,
    MediaClosed,
    MediaDelta,
    MediaPreview,
    ReasoningClosed,
    ReasoningDelta,
    RefusalDelta,
    ResponseStarted,
    Restarted,
    TextClosed,
    TextDelta,
    ToolCallClosed,
    ToolCallDelta,
    VendorContent,
)
from budwood_server.formats.openai.responses_items import Item, find_message, make_image, new_id
from budwood_server.formats.openai.responses_open_items import EventWriter, OpenCall, OpenMessage, OpenReasoning
from budwood_server.formats.openai.responses_reply import ResponseForm, find_status
from budwood_server.gateway.reply_headers import describe_end
from budwood_server.web.problems import Problem, ProblemError

if TYPE_CHECKING:
    from budwood.types import Adaptation, ChatResponse, StreamEvent


class ResponsesStreamEncoder:
    """
    Encodes one stream; see `budwood_server.gateway.calls.StreamEncoder`.

    Args:
        form: What the reply says besides its content.
        adaptations: What was changed before the call; read at the end.
    """

    def __init__(self, form: ResponseForm, adaptations: Sequence[Adaptation] = ()) -> None:
        self._form = form
        self._adaptations = adaptations
        self._writer = EventWriter()
        self._is_started = False
        self._body: dict[str, Any] | None = None
        self._items: list[Item | None] = []
        self._message: tuple[int, OpenMessage] | None = None
        self._reasoning: tuple[int, OpenReasoning] | None = None
        self._calls: dict[int, tuple[int, OpenCall]] = {}
        self._output_call: int | None = None
        self._handlers: Final[dict[type, Callable[[Any], None]]] = {
            TextDelta: self._add_text,
            RefusalDelta: self._add_refusal,
            TextClosed: self._end_text,
            ReasoningDelta: self._add_reasoning,
            ReasoningClosed: self._end_reasoning,
            ToolCallDelta: self._add_call,
            ToolCallClosed: self._end_call,
            MediaDelta: self._add_media,
            MediaPreview: self._add_preview,
            MediaClosed: self._end_media,
            VendorContent: self._add_vendor_item,
            Restarted: self._restart,
        }

    def start(self) -> bytes:
        """Return the events before the content, unless they were returned with it."""
        self._start()
        return self._writer.take()

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the events for events of Budwood."""
        for event in events:
            if isinstance(event, ResponseStarted) and event.model:
                self._form.model = event.model
        self._start()
        for event in events:
            handle = self._handlers.get(type(event))
            if handle is not None and getattr(event, "choice", 0) == 0:
                handle(event)
        return self._writer.take()

    def end(self, response: ChatResponse) -> dict[str, Any]:
        """End all items, and return the body of the reply; `finish` returns the events for it."""
        if self._body is None:
            self._start()
            status = find_status(response.finish_reason)
            self._end_prose("incomplete" if status == "incomplete" else "completed")
            for place, call in self._calls.values():
                self._items[place] = call.end()
            self._calls.clear()
            self._body = self._form.encode_end(response, self._list_items())
            if status == "failed":
                self._body["error"] = {"code": "server_error", "message": "The model stopped with an error."}
        return self._body

    def finish(self, response: ChatResponse) -> bytes:
        """Return the events that end the reply, the last of which has all of it."""
        body = self.end(response) | {"budwood": describe_end(response, self._adaptations)}
        self._writer.write(f"response.{body['status']}", response=body)
        return self._writer.take()

    def fail(self, problem: Problem, request_id: str) -> bytes:
        """Return the events that end a reply that failed: clients raise the second, which OpenAI sends too."""
        self._start()
        self._writer.write("response.failed", response=self._form.encode_failure(problem, self._list_items()))
        fields = {"code": problem.code, "message": problem.message, "param": problem.param}
        detail = {**fields, "type": problem.type, "hint": problem.hint, "request_id": request_id}
        self._writer.write("error", **fields, error=detail)
        return self._writer.take()

    def _start(self) -> None:
        if not self._is_started:
            self._is_started = True
            for kind in ("response.created", "response.in_progress"):
                self._writer.write(kind, response=self._form.make("in_progress", []))

    def _list_items(self) -> list[Item]:
        return [item for item in self._items if item is not None]

    def _reserve(self) -> int:
        """Return the index of a new item."""
        self._items.append(None)
        return len(self._items) - 1

    def _open_message(self) -> OpenMessage:
        if self._message is None:
            self._end_prose()
            index = self._reserve()
            self._message = index, OpenMessage(self._writer, index)
        return self._message[1]

    def _end_prose(self, status: str = "completed") -> None:
        """End the message or the reasoning that is being written."""
        if self._message is not None:
            index, message = self._message
            self._items[index], self._message = message.end(status), None
        if self._reasoning is not None:
            index, reasoning = self._reasoning
            self._items[index], self._reasoning = reasoning.end(), None

    def _add_text(self, event: TextDelta) -> None:
        if event.text:
            self._open_message().add_text(event.text)

    def _add_refusal(self, event: RefusalDelta) -> None:
        if event.text:
            self._open_message().add_refusal(event.text)

    def _end_text(self, event: TextClosed) -> None:
        if self._message is not None and self._message[1].text == event.part.text:
            self._message[1].end_part(event.part)
            if find_message(event.part):  # the vendor's message is complete; the next text is another one
                self._end_prose()

    def _add_reasoning(self, event: ReasoningDelta) -> None:
        if event.text:
            self._open_reasoning().add(event.text)

    def _open_reasoning(self) -> OpenReasoning:
        if self._reasoning is None:
            self._end_prose()
            index = self._reserve()
            self._reasoning = index, OpenReasoning(self._writer, index)
        return self._reasoning[1]

    def _end_reasoning(self, event: ReasoningClosed) -> None:
        reasoning = self._open_reasoning()
        assert self._reasoning is not None  # noqa: S101 - for type checkers: it was opened
        index, self._reasoning = self._reasoning[0], None
        self._items[index] = reasoning.end(event.part)

    def _add_call(self, event: ToolCallDelta) -> None:
        if event.name is not None and event.name.partition("<|")[0] == OUTPUT_TOOL:  # some models append a token
            self._output_call = event.index
        if event.index == self._output_call:
            self._add_text(TextDelta(event.arguments))
            return
        if event.index not in self._calls:
            self._end_prose()
            place = self._reserve()
            call = OpenCall(self._writer, place, event.id or "", event.name or "", self._form.custom_tools)
            self._calls[event.index] = place, call
        if event.arguments:
            self._calls[event.index][1].add(event.arguments)

    def _end_call(self, event: ToolCallClosed) -> None:
        if event.index in self._calls:
            place, call = self._calls.pop(event.index)
            self._items[place] = call.end(event.part)

    def _add_media(self, event: MediaDelta) -> None:
        """Write the transcript of audio, which the API cannot stream."""
        self._add_text(TextDelta(event.transcript))

    def _add_preview(self, event: MediaPreview) -> None:
        pass  # the item of the image follows as a whole

    def _end_media(self, event: MediaClosed) -> None:
        if isinstance(event.part, ImagePart):
            self._add_item(make_image(new_id("ig"), event.part))

    def _add_vendor_item(self, event: VendorContent) -> None:
        data = event.part.data
        if self._form.forwards and isinstance(data, dict) and data.get("type") == event.part.kind:
            self._add_item(data)

    def _add_item(self, item: Item) -> None:
        """Write an item that arrived as a whole."""
        self._end_prose()
        index = self._reserve()
        self._items[index] = item
        for kind in ("response.output_item.added", "response.output_item.done"):
            self._writer.write(kind, output_index=index, item=item)

    def _restart(self, event: Restarted) -> None:
        """Fail a reply that starts again after some of it was sent: the API has no event for that."""
        if self._items:
            message = f"The reply would have to start again: {event.reason}."
            raise ProblemError(Problem(status=502, message=message, type="server_error", code="stream_interrupted"))
