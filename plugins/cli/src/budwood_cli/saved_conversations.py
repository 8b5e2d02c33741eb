"""``budwood conversations``: list and remove the conversations that ``-c`` continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_cli.moments import format_moment

if TYPE_CHECKING:
    from budwood_cli.conversations import ConversationSummary

COLUMNS: Final = ("id", "model", "messages", "last used", "begins")

_MAX_BEGIN: Final = 40

Names = Annotated[list[str], typer.Argument(metavar="ID...", help="An id, or its beginning.")]

app = new_group("List and remove the conversations of `budwood ask` and `budwood chat`.")


@app.command("list")
def list_conversations(*, layout: options.Format = None, json_output: options.AsJSON = False) -> None:
    """List the stored conversations, the last one first. `--conversation ID` of ask and chat continues one."""
    from budwood_cli.conversations import summarize_conversations

    found = list(summarize_conversations())
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([_as_json(each) for each in found])
    elif found:
        rows = [
            [each.id, each.model or "", each.messages, format_moment(each.seen), _shorten(each.begin)] for each in found
        ]
        terminal.write_table(
            COLUMNS, rows, optional=("messages", "last used", "model"), numbers=("messages",), layout=layout
        )
    else:
        terminal.note("no conversations")


@app.command("rm")
def remove(names: Names, *, yes: options.Yes = False, json_output: options.AsJSON = False) -> None:
    """Remove stored conversations."""
    from budwood_cli.conversations import find_conversation, remove_conversation
    from budwood_cli.questions import confirm

    found = list(dict.fromkeys(find_conversation(name).id for name in names))
    subject = f"the conversation {found[0]}" if len(found) == 1 else f"{len(found)} conversations"
    if not confirm(f"Remove {subject}?", yes=yes):
        raise typer.Exit(1)
    for name in found:
        remove_conversation(name)
    if json_output:
        terminal.write_json({"removed": found})
    else:
        terminal.note(f"removed: {', '.join(found)}")


def _as_json(summary: ConversationSummary) -> dict[str, Any]:
    return {
        "id": summary.id,
        "model": summary.model,
        "messages": summary.messages,
        "last_used": format_moment(summary.seen),
        "begins": summary.begin,
    }


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_BEGIN else f"{line[: _MAX_BEGIN - 1]}…"
