"""
The commands: their names, one-line helps and modules.

``budwood --help`` prints this table, and `loading` imports the module of the command that runs. Commands of other
distributions are in `other_commands`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

BUDWOOD_CLI: Final = "budwood-cli"


class Command(NamedTuple):
    """
    A command.

    Attributes:
        name: What users type after ``budwood``.
        help: One line for the list of commands.
        target: Where the command is, as ``module:object``: a function, or a Typer app for a group of commands.
        section: The title of the list that it belongs to.
        distribution: The distribution that has to be installed.
        package: The package of that distribution, if it is not that of the module.
        aliases: Other names.
    """

    name: str
    help: str
    target: str
    section: str
    distribution: str = BUDWOOD_CLI
    package: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module to import."""
        return self.target.partition(":")[0]

    @property
    def attribute(self) -> str:
        """The name of the object in the module."""
        return self.target.partition(":")[2]


def _datasets(name: str, text: str, target: str) -> Command:
    return Command(name, text, target, "Datasets", distribution="budwood-generation", package="budwood_generation")


COMMANDS: Final = (
    Command(
        *("ask", "Send a prompt to a model, and print the reply.", "budwood_cli.ask:ask", "Text"),
        aliases=("run",),
    ),
    Command("chat", "Chat with a model. /help lists the commands.", "budwood_cli.chat:chat", "Text"),
    Command(
        "conversations",
        "List and remove the conversations of ask and chat.",
        "budwood_cli.saved_conversations:app",
        "Text",
    ),
    Command(
        *("prompts", "Manage prompts in files and on a server.", "budwood_prompts.commands.prompts:app", "Text"),
        distribution="budwood-prompts",
    ),
    Command("count", "Count the tokens of a prompt, and estimate its cost.", "budwood_cli.count:count", "Text"),
    Command("image", "Generate images from a prompt, or edit one.", "budwood_cli.media:image", "Media"),
    Command("speak", "Convert text to speech.", "budwood_cli.media:speak", "Media"),
    Command("transcribe", "Transcribe speech.", "budwood_cli.transcribe:transcribe", "Media"),
    Command("video", "Generate a video from a prompt, and wait for it.", "budwood_cli.video:video", "Media"),
    _datasets("generate", "Create a dataset from a specification.", "budwood_cli.generate:generate"),
    _datasets("runs", "List, show, export and change runs of `budwood generate`.", "budwood_cli.runs:app"),
    Command(
        *("serve", "Serve models to clients of OpenAI and Anthropic.", "budwood_server.commands.serve:serve", "Server"),
        distribution="budwood-server",
    ),
    Command(
        "server",
        "Manage the keys, people and database of a server.",
        "budwood_server.commands.server:app",
        "Server",
        distribution="budwood-server",
    ),
    Command(
        *("login", "Log in to a server.", "budwood_server.commands.login:login", "Server"),
        distribution="budwood-server",
    ),
    Command(
        *("logout", "End a login, and remove it from this machine.", "budwood_server.commands.login:logout", "Server"),
        distribution="budwood-server",
    ),
    Command(
        *("webhooks", "Send events of a server to your programs.", "budwood_server.commands.webhooks:app", "Server"),
        distribution="budwood-server",
    ),
    Command(
        "batch",
        "Send many prompts from a file.",
        "budwood_cli.batches:app",
        "Batches and jobs",
    ),
    Command("jobs", "Show jobs, and fetch their results.", "budwood_cli.jobs:app", "Batches and jobs"),
    Command(
        *("setup", "Choose a provider and a model, and check its key.", "budwood_cli.setup.command:setup", "Set-up"),
    ),
    Command("models", "List, show and pull models.", "budwood_cli.models:app", "Set-up"),
    Command("plugins", "List, check and create plugins.", "budwood_cli.plugins:app", "Set-up"),
    Command("config", "Show, change and check the settings.", "budwood_cli.config:app", "Set-up"),
    Command("keys", "List the API keys in the settings, by their labels.", "budwood_cli.states:keys", "Set-up"),
    Command("tokens", "Keep the API keys of vendors on this machine.", "budwood_cli.tokens:app", "Set-up"),
    Command("endpoints", "List the endpoints in the settings.", "budwood_cli.states:endpoints", "Set-up"),
    Command("cache", "Show, remove, export and import the replies in a cache.", "budwood_cli.caches:app", "Records"),
    Command("usage", "Show calls, tokens and costs from the usage store.", "budwood_cli.usage:usage", "Records"),
    Command("telemetry", "Show single calls from the usage store.", "budwood_cli.telemetry:app", "Records"),
)

_BY_NAME: Final = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def find_command(name: str) -> Command | None:
    """Return the command with a name or an alias; None if the table has none."""
    return _BY_NAME.get(name)


def list_names() -> Iterable[str]:
    """List all names and aliases."""
    return _BY_NAME.keys()
