"""
The conversations of ``budwood ask`` and ``budwood chat``, in the user's data folder: a file for each.

The files are those of `budwood.ChatSession.save`, which contain messages, the model and the system prompt, but no keys.
Only the user can read them. The oldest are deleted when there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budwood.errors import BudwoodError, ConfigurationError
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood import ChatSession, Client

MAX_CONVERSATIONS: Final = 200
MAX_BYTES: Final = 32 * 1024 * 1024
"""The size of the largest file that is kept. Messages contain their media."""

MAX_TOTAL_BYTES: Final = 256 * 1024 * 1024

_LOCK_SECONDS: Final = 60.0


class ConversationError(BudwoodError):
    """A conversation cannot be continued."""


@dataclass
class StoredConversation:
    """
    A conversation in the store, or a new one.

    Attributes:
        id: Its id, which is the name of its file.
        model: The model that answered last; None for a new one.
        count: The number of its messages that this process knows.
        digest: The SHA-256 of its file as this process has read or written it; None for a new one.
    """

    id: str
    model: str | None = None
    count: int = 0
    digest: str | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return _folder() / f"{self.id}.json"


class ConversationSummary(NamedTuple):
    """
    What is shown of a stored conversation.

    Attributes:
        id: Its id.
        model: The model that answered last; None if its file cannot be read.
        messages: The number of its messages.
        begin: The text of its first message.
        seen: When it was stored last, in seconds since 1970.
    """

    id: str
    model: str | None
    messages: int
    begin: str
    seen: float


def summarize_conversations() -> Iterator[ConversationSummary]:
    """Yield the stored conversations, the last one first. A damaged file has no model and no messages."""
    for path in _list_files():
        with contextlib.suppress(FileNotFoundError):  # another process may have deleted it
            seen = path.stat().st_mtime
            try:
                content = json.loads(path.read_bytes())
                messages = content["messages"]
                texts = [part.get("text") or "" for part in messages[0]["parts"]] if messages else []
                yield ConversationSummary(path.stem, content["model"], len(messages), "".join(texts), seen)
            except (ValueError, TypeError, LookupError, AttributeError):
                yield ConversationSummary(path.stem, None, 0, "", seen)


def remove_conversation(name: str) -> None:
    """Remove the conversation with an id. It is no error if another process has done so."""
    with _locked():
        StoredConversation(name).path.unlink(missing_ok=True)


def new_conversation() -> StoredConversation:
    """Return a conversation with an id of its own. It has no file before `keep`."""
    return StoredConversation(secrets.token_hex(4))


def find_conversation(name: str | None = None) -> StoredConversation:
    """
    Return the conversation whose id begins with a text; without one, the last that was kept.

    Raises:
        ArgumentError: There is none, or there are several.
        ConversationError: Its file is damaged, and was set aside.
    """
    files = _list_files()
    if name is None and not files:
        raise ArgumentError(
            "There is no conversation to continue.", hint="Ask without -c first, and without --no-save."
        )
    found = files[:1] if name is None else [path for path in files if name and path.stem.startswith(name)]
    if len(found) != 1:
        problem = "No conversation has" if not found else "More than one conversation has"
        raise ArgumentError(
            f"{problem} an id that begins with {name!r}.", hint="`budwood conversations list` shows the ids."
        )
    (path,) = found
    try:
        content = path.read_bytes()
        model = json.loads(content)["model"]
    except OSError as error:
        raise ConversationError(f"The conversation {path.stem} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise _set_aside(path) from error
    return StoredConversation(path.stem, model if isinstance(model, str) else None)


def open_session(client: Client, stored: StoredConversation, **options: Any) -> ChatSession:  # noqa: ANN401 - options of many types
    """
    Continue a conversation. A model or a system prompt among the options overrides the stored one.

    Raises:
        ConversationError: Its file is damaged, and was set aside.
    """
    session = _load(client, stored.path, **options)
    stored.count, stored.digest = len(session.messages), _digest(stored.path)
    return session


def keep(client: Client, session: ChatSession, stored: StoredConversation) -> str | None:
    """
    Store a conversation, so that it can be continued, and return its id.

    If another process has added turns meanwhile, those of the session come after them. If their histories differ
    otherwise, the session is stored with an id of its own. If the conversation cannot be stored, that is noted and the
    result is None; it is no error, because the reply is there.
    """
    try:
        with _locked():
            _merge(client, session, stored)
            _write(session, stored)
            _delete_oldest(stored.path)
    except (OSError, BudwoodError) as error:
        terminal.note(f"note: the conversation is not stored, and cannot be continued: {error}")
        return None
    return stored.id


def _merge(client: Client, session: ChatSession, stored: StoredConversation) -> None:
    """Add the turns of other processes to a session, or give it a new id if its history differs from theirs."""
    if _digest(stored.path) in (None, stored.digest):
        return
    try:
        others = _load(client, stored.path).messages
    except ConversationError as error:
        terminal.note(f"note: {error.message}")
        return
    if stored.digest is not None and others[: stored.count] == session.messages[: stored.count]:
        session.messages = [*others, *session.messages[stored.count :]]
        return
    former, stored.id = stored.id, new_conversation().id
    terminal.note(f"note: another process has changed the conversation {former}; this one is stored as {stored.id}.")


def _write(session: ChatSession, stored: StoredConversation) -> None:
    part = stored.path.with_name(f".{stored.id}.new")
    try:
        session.save(part)
        size = part.stat().st_size
        if size > MAX_BYTES:
            raise ConversationError(f"It has {size / 2**20:.0f} MiB; the most are {MAX_BYTES // 2**20} MiB.")
        part.replace(stored.path)
    finally:
        part.unlink(missing_ok=True)
    stored.model, stored.count, stored.digest = session.model, len(session.messages), _digest(stored.path)


def _delete_oldest(kept: Path) -> None:
    """Delete the oldest conversations if there are too many, or if they are too large together."""
    total = 0
    for number, path in enumerate(_list_files()):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
            if path != kept and (number >= MAX_CONVERSATIONS or total > MAX_TOTAL_BYTES):
                path.unlink(missing_ok=True)


def _load(client: Client, path: Path, **options: Any) -> ChatSession:  # noqa: ANN401 - options of many types
    try:
        return client.load_chat(path, **options)
    except ConfigurationError as error:
        if isinstance(error.__cause__, OSError):
            raise
        raise _set_aside(path) from error


def _set_aside(path: Path) -> ConversationError:
    """Rename a damaged file, and return the error that says so."""
    aside = path.with_suffix(f".damaged-{secrets.token_hex(2)}")
    hint = "Leave out -c to begin a new conversation; with -c, the one before it is continued."
    try:
        path.replace(aside)
    except OSError as error:
        return ConversationError(f"The conversation {path.stem} is damaged: {path}. ({error.strerror})", hint=hint)
    return ConversationError(f"The conversation {path.stem} is damaged. It was moved to {aside}.", hint=hint)


def _list_files() -> list[Path]:
    """List the files of conversations, the newest first."""
    files = []
    for path in _folder().glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # another process may have deleted it
            files.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(files, reverse=True)]


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Create the folder, and let no other process change it meanwhile."""
    from filelock import FileLock

    _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(_folder() / ".lock", timeout=_LOCK_SECONDS):
        yield


def _folder() -> Path:
    from budwood.settings import user_folder

    return user_folder("data") / "conversations"
