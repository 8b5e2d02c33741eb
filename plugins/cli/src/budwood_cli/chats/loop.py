"""The loop of a chat."""

from __future__ import annotations

from budwood.errors import BudwoodError, PromptError
from budwood_cli.chats.commands import LeaveChat, find_command
from budwood_cli.chats.conversation import Conversation
from budwood_cli.chats.readers import Reader
from budwood_cli.errors import report
from budwood_cli.prompts import is_text


def run_chat(chat: Conversation, reader: Reader) -> None:
    """
    Read and answer messages until the input ends or the person leaves.

    At a terminal, an error ends the turn. Through a pipe it ends the chat: the next line may depend on the reply.
    """
    while (line := reader.read()) is not None:
        try:
            _handle(chat, line)
        except LeaveChat:
            return
        except KeyboardInterrupt:  # at a question, or just after a reply
            if not chat.interactive:
                raise
        except (BudwoodError, OSError) as error:
            if not chat.interactive:
                raise
            report(error, as_turn=True)


def _handle(chat: Conversation, line: str) -> None:
    if not line.strip():
        return
    if not is_text(line):
        raise PromptError("The line is not valid UTF-8.", hint="Convert it with `iconv -t UTF-8`.")
    found = find_command(line)
    if found is None:
        chat.send(line)
        return
    command, argument = found
    command.run(chat, argument)
