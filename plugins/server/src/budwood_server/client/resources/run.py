"""``client.run``, ``client.stream``, and conversations that the server keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from budwood.types import ReplyHead
from budwood.wire import ServerSentEvent
from budwood_server.api_models.pages import PageOf
from budwood_server.api_models.run import RunOptions, RunReply
from budwood_server.api_models.sessions import SessionDetails, SessionReply
from budwood_server.client.errors import make_stream_error
from budwood_server.client.operations import Resource, S, following, listing, operation
from budwood_server.client.requests import Request, StreamRequest, act, create, get, leave_out, path_of, reader

Input = str | Sequence[Mapping[str, JsonValue]]
"""A text, or messages in the form of Chat Completions."""

Options = RunOptions | Mapping[str, JsonValue]
"""Options of a request: see `budwood_server.api_models.run.RunOptions`."""

_DONE = "done"


@dataclass(frozen=True, slots=True)
class RunEvent:
    """
    An event of a streamed reply.

    Attributes:
        text: The next part of the text; empty in the last event.
        reply: The complete reply in the last event, else None.
    """

    text: str = ""
    reply: RunReply | None = None


class RunMethods(Resource[S]):
    """Calls of models by one request."""

    @operation
    def run(
        self,
        input: Input | None = None,  # noqa: A002 - the name of the API
        *,
        model: str,
        prompt: str | None = None,
        variables: Mapping[str, JsonValue] | None = None,
        options: Options | None = None,
        session: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[RunReply]:
        """
        Ask a model.

        Args:
            input: A text, or messages in the form of Chat Completions. It may be absent if a prompt is named.
            model: The server's name of the model.
            prompt: A prompt of the server, such as ``"greeting@production"``.
            variables: The values of its variables.
            options: Options such as ``{"max_tokens": 100}``; see `RunOptions`.
            session: The name of a conversation that the server keeps, and that the call continues.
            idempotency_key: Identifies the call if the program repeats it itself.
        """
        body = make_body(input, model, prompt, variables, options) | leave_out(session=session)
        return ask_once(body, idempotency_key)

    @following
    def stream(
        self,
        input: Input | None = None,  # noqa: A002 - the name of the API
        *,
        model: str,
        prompt: str | None = None,
        variables: Mapping[str, JsonValue] | None = None,
        options: Options | None = None,
        session: str | None = None,
    ) -> StreamRequest[RunEvent]:
        """Ask a model, and read the reply as it arrives; see `run`."""
        body = make_body(input, model, prompt, variables, options) | leave_out(session=session)
        return stream_run(body)


class Session(Resource[S]):
    """
    A conversation that the server keeps. The first call begins it.

    Args:
        sender: Sends requests.
        name: Its name.
    """

    def __init__(self, sender: S, name: str) -> None:
        super().__init__(sender)
        self.name = name

    @operation
    def run(
        self,
        input: Input | None = None,  # noqa: A002 - the name of the API
        *,
        model: str,
        prompt: str | None = None,
        variables: Mapping[str, JsonValue] | None = None,
        options: Options | None = None,
        idempotency_key: str | None = None,
    ) -> Request[RunReply]:
        """Ask a model in the conversation. The arguments are those of ``client.run``."""
        body = make_body(input, model, prompt, variables, options) | {"session": self.name}
        return ask_once(body, idempotency_key)

    @following
    def stream(
        self,
        input: Input | None = None,  # noqa: A002 - the name of the API
        *,
        model: str,
        prompt: str | None = None,
        variables: Mapping[str, JsonValue] | None = None,
        options: Options | None = None,
    ) -> StreamRequest[RunEvent]:
        """Ask a model in the conversation, and read the reply as it arrives; see `run`."""
        return stream_run(make_body(input, model, prompt, variables, options) | {"session": self.name})

    @operation
    def get(self) -> Request[SessionDetails]:
        """Return the session; its messages are ``content``."""
        return get(path_of("sessions", self.name), SessionDetails)

    @operation
    def messages(self) -> Request[Sequence[Mapping[str, JsonValue]]]:
        """Return the messages in the form of Chat Completions."""
        request = get(path_of("sessions", self.name), SessionDetails)
        return Request(method="GET", path=request.path, read=lambda body: request.read(body).content)

    @operation
    def delete(self) -> Request[None]:
        """Delete the session."""
        return act("DELETE", path_of("sessions", self.name))


class Sessions(Resource[S]):
    """The conversations that the server keeps for the key, its team or the account."""

    @listing
    def list(self) -> Request[PageOf[SessionReply]]:
        """List them, the last changed first."""
        return get(path_of("sessions"), PageOf[SessionReply])


def make_body(
    content: Input | None,
    model: str,
    prompt: str | None,
    variables: Mapping[str, JsonValue] | None,
    options: Options | None,
) -> dict[str, object]:
    """Return the body of a request for inference."""
    if isinstance(options, RunOptions):
        options = options.model_dump(by_alias=True, exclude_none=True)
    return leave_out(
        input=content if isinstance(content, str | None) else [*content],
        model=model,
        prompt=prompt,
        variables=variables,
        options=options,
    )


def ask_once(body: Mapping[str, object], idempotency_key: str | None) -> Request[RunReply]:
    """Return a request for inference, which the server carries out once although it is sent again."""
    request = create(path_of("run"), RunReply, body, idempotency_key=idempotency_key)
    return replace(request, is_safe=False, is_key_optional=idempotency_key is None)


def stream_run(body: Mapping[str, object]) -> StreamRequest[RunEvent]:
    """Return a request for inference whose reply is a stream."""
    request = Request(
        method="POST", path=path_of("run"), read=reader(RunReply), body={**body, "stream": True}, is_safe=False
    )
    return StreamRequest(request=request, decode=_read_event, last_event=_DONE)


def _read_event(head: ReplyHead, event: ServerSentEvent) -> RunEvent | None:
    if event.event == "error":
        raise make_stream_error(head, event.data)
    if event.event == _DONE:
        return RunEvent(reply=reader(RunReply)(event.data))
    return RunEvent(text=reader(dict[str, str])(event.data).get("text", "")) if event.event == "text" else None
