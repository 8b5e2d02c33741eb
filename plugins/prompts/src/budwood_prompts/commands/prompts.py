"""``budwood prompts``: list, show and test the prompts of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood import Message
    from budwood_prompts.prompt import Prompt

COLUMNS: Final = ("name", "variables", "description")

Folder = Annotated[
    str, typer.Option("--dir", metavar="FOLDER", envvar="BUDWOOD_PROMPTS_DIR", help="The folder of the prompts.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a prompt: greeting is the file greeting.toml.")]
Values = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="The value of a variable; a list as JSON. May be repeated."),
]

app = new_group("List, show and test the prompts in the files of a folder.")


@app.command("list")
def list_prompts(
    *, folder: Folder = "prompts", layout: options.Format = None, json_output: options.AsJSON = False
) -> None:
    """List the prompts of a folder."""
    from budwood_prompts.folder import PromptFolder

    source = PromptFolder(folder)
    prompts = [source.load(name) for name in source.names()]
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([prompt.model_dump(mode="json") for prompt in prompts])
    elif prompts:
        rows = [(prompt.name, ", ".join(prompt.variables) or "none", prompt.description) for prompt in prompts]
        terminal.write_table(COLUMNS, rows, optional=("description",), layout=layout)
    else:
        terminal.note("no prompts")


@app.command("show")
def show(name: Name, *, folder: Folder = "prompts", json_output: options.AsJSON = False) -> None:
    """Show a prompt as its file has it: variables and templates."""
    from budwood_prompts.files import format_prompt
    from budwood_prompts.folder import PromptFolder

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
