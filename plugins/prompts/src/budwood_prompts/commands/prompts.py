"""``budwood prompts``: the prompts of a folder, and those of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_prompts.commands.arguments import Folder, Name, split_reference
from budwood_prompts.commands.pull import pull
from budwood_prompts.commands.push import push
from budwood_prompts.commands.server import OnServer, Provider, open_server
from budwood_prompts.commands.versions import diff, label, list_labels, roll_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood import Message
    from budwood_prompts.prompt import Prompt

COLUMNS: Final = ("name", "variables", "description")
SERVER_COLUMNS: Final = ("name", "version", "labels", "variables", "description")

Values = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="The value of a variable; a list as JSON. May be repeated."),
]

app = new_group("Manage the prompts in the files of a folder, and those of a server.")


@app.command("list")
def list_prompts(
    *,
    folder: Folder = "prompts",
    server: OnServer = False,
    provider: Provider = None,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List the prompts of a folder, or of a server."""
    from budwood_prompts.folder import PromptFolder
    from budwood_prompts.servers import hint_at_server

    layout = terminal.Layout.JSON if json_output else layout
    if server or provider is not None:
        _list_on_server(provider, layout)
        return

    source = PromptFolder(folder)
    with hint_at_server("budwood prompts list --server"):
        prompts = [source.load(name) for name in source.names()]
    if layout is terminal.Layout.JSON:
        terminal.write_json([prompt.model_dump(mode="json") for prompt in prompts])
    elif prompts:
        rows = [(prompt.name, ", ".join(prompt.variables) or "none", prompt.description) for prompt in prompts]
        terminal.write_table(COLUMNS, rows, optional=("description",), layout=layout)
    else:
        terminal.note("no prompts")


def _list_on_server(provider: str | None, layout: terminal.Layout | None) -> None:
    with open_server("budwood prompts list --server", provider) as client:
        found = list(client.prompts.list())
    if layout is terminal.Layout.JSON:
        terminal.write_json([each.model_dump(mode="json") for each in found])
    elif found:
        rows = [
            (
                each.prompt.name,
                str(each.version),
                ", ".join(f"{name} {version}" for name, version in each.labels.items()) or "none",
                ", ".join(each.prompt.variables) or "none",
                each.prompt.description,
            )
            for each in found
        ]
        terminal.write_table(SERVER_COLUMNS, rows, optional=("description",), layout=layout)
    else:
        terminal.note("no prompts")


@app.command("show")
def show(
    name: Name,
    *,
    folder: Folder = "prompts",
    server: OnServer = False,
    provider: Provider = None,
    json_output: options.AsJSON = False,
) -> None:
    """
    Show a prompt as its file has it.

    With --server, NAME may be NAME@LABEL.
    """
    from budwood_prompts.files import format_prompt
    from budwood_prompts.folder import PromptFolder
    from budwood_prompts.servers import hint_at_server

    if server or provider is not None:
        found, at = split_reference(name)
        with open_server("budwood prompts show --server", provider, prompt=found) as client:
            prompt = client.prompts.get(found, at=at).prompt
    else:
        with hint_at_server("budwood prompts show --server"):
            prompt = PromptFolder(folder).load(name)
    if json_output:
        terminal.write_json(prompt.model_dump(mode="json"))
    else:
        terminal.write(format_prompt(prompt))


@app.command("test")
def check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The name of a prompt. Default: all.")] = None,
    *,
    values: Values = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="PROVIDER/MODEL", help="Send the messages to this model.")
    ] = None,
    folder: Folder = "prompts",
    json_output: options.AsJSON = False,
) -> None:
    """Render a prompt, and print its messages or a model's reply to them. Without a name, check all files."""
    from budwood_cli.errors import ArgumentError
    from budwood_prompts.commands.assignments import read_values
    from budwood_prompts.folder import PromptFolder

    source = PromptFolder(folder)
    if name is None:
        if values or model:
            raise ArgumentError("--var and --model need a prompt.", hint="Name one: `budwood prompts test NAME`.")
        _check_all([source.load(each) for each in source.names()], as_json=json_output)
        return
    prompt = source.load(name)
    messages = prompt.render(read_values(prompt, values or ()))
    if model is None:
        _write_messages(messages, as_json=json_output)
    else:
        _ask(model, messages, as_json=json_output)


app.command("push")(push)
app.command("pull")(pull)
app.command("diff")(diff)
app.command("rollback")(roll_back)
app.command("label")(label)
app.command("labels")(list_labels)


def _check_all(prompts: Sequence[Prompt], *, as_json: bool) -> None:
    if as_json:
        terminal.write_json({"valid": [prompt.name for prompt in prompts]})
    else:
        terminal.note(f"{terminal.format_count(len(prompts), 'prompt')}: valid")


def _write_messages(messages: Sequence[Message], *, as_json: bool) -> None:
    if as_json:
        terminal.write_json([_to_json(message) for message in messages])
        return
    for message in messages:
        terminal.write(f"{message.role}:\n{message.text.rstrip()}\n")


def _ask(model: str, messages: list[Message], *, as_json: bool) -> None:
    from budwood_cli.clients import client_for

    with client_for(model) as client:
        reply = client.ask(messages)
    if as_json:
        terminal.write_json({"messages": [_to_json(message) for message in messages], "reply": reply.text})
    else:
        terminal.write(f"{reply.text.rstrip()}\n")


def _to_json(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.text}
