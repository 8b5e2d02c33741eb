"""Complete the words of a command line: commands, options, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from budwood_cli.command_table import COMMANDS
from budwood_cli.completion_values import Candidate, Values, values_of
from budwood_cli.other_commands import list_other_commands
from budwood_cli.switches import SWITCHES, find_switch


def complete(words: Sequence[str], incomplete: str) -> Values:
    """
    Return what can replace the word that is being typed.

    Args:
        words: The words before it, without ``budwood``.
        incomplete: Its beginning.
    """
    for number, word in enumerate(words):
        if not word.startswith("-"):
            return _complete_command(word, words[number + 1 :], incomplete)
        if word in ("--install-completion", "--show-completion"):
            from budwood_cli.completion_scripts import SHELLS

            return _filter(Values(tuple(map(Candidate, SHELLS))), incomplete)
        if find_switch(word) is None:
            return Values()
    found = _own_options() if incomplete.startswith("-") else _commands()
    return _filter(Values(tuple(found)), incomplete)


def _own_options() -> Iterator[Candidate]:
    from budwood_cli.help_page import OPTIONS

    for names, text in OPTIONS:
        yield Candidate(names.partition(" [")[0].rpartition(", ")[2], text)


def _commands() -> Iterator[Candidate]:
    for command in COMMANDS:
        yield Candidate(command.name, command.help)
        for alias in command.aliases:
            yield Candidate(alias, f"Same as {command.name}.")
    for name, others in list_other_commands().items():
        labels = [other.distribution for other in others if other.problem is None]
        if labels:
            yield Candidate(name, f"From {', '.join(labels)}.")


def _complete_command(name: str, words: Sequence[str], incomplete: str) -> Values:
    from budwood_cli.loading import load_command

    state = _State(load_command(name))
    for word in words:
        state.read(word)
    return state.complete(incomplete)


class _State:
    """
    What the words of a command line mean so far.

    Args:
        command: The command, as an object of click.
    """

    def __init__(self, command: Any) -> None:  # noqa: ANN401 - a command of click, which typer has as a private copy
        self._enter(command)

    def _enter(self, command: Any) -> None:  # noqa: ANN401 - see above
        self._command = command
        self._options = {name: param for param in command.params for name in (*param.opts, *param.secondary_opts)}
        self._arguments = [param for param in command.params if param.param_type_name == "argument"]
        self._used: set[str] = set()
        self._values_left = 0
        self._option: Any = None
        self._only_arguments = False

    def read(self, word: str) -> None:
        """Read a complete word."""
        if self._values_left:
            self._values_left -= 1
        elif word == "--" and not self._only_arguments:
            self._only_arguments = True
        elif word.startswith("-") and word != "-" and not self._only_arguments:
            self._read_option(word)
        elif word in getattr(self._command, "commands", {}):
            self._enter(self._command.commands[word])
        elif self._arguments and self._arguments[0].nargs == 1:
            del self._arguments[0]

    def _read_option(self, word: str) -> None:
        name, equals, _ = word.partition("=")
        option = self._options.get(name)
        if option is None:
            return
        self._used.add(option.name)
        if not (equals or option.is_flag):
            self._option = option
            self._values_left = 2 if "KEY VALUE" in (option.metavar or "") else option.nargs

    def complete(self, incomplete: str) -> Values:
        """Return what can replace the next word."""
        if self._values_left:
            return _filter(values_of(self._option, incomplete), incomplete)
        if incomplete.startswith("-") and not self._only_arguments:
            return self._complete_option(incomplete)
        subcommands = getattr(self._command, "commands", {})
        if subcommands:
            found = (Candidate(name, _first_line(command)) for name, command in subcommands.items())
            return _filter(Values(tuple(found)), incomplete)
        return _filter(values_of(self._arguments[0], incomplete), incomplete) if self._arguments else Values()

    def _complete_option(self, incomplete: str) -> Values:
        name, equals, value = incomplete.partition("=")
        if equals:
            option = self._options.get(name)
            found = values_of(option, value) if option is not None else Values()
            return _filter(
                Values(tuple(Candidate(f"{name}={one}", text) for one, text in found.candidates)), incomplete
            )
        return _filter(Values(tuple(self._list_options())), incomplete)

    def _list_options(self) -> Iterator[Candidate]:
        """Yield the long names of options that can still be used."""
        switches = {name for switch in SWITCHES for name in switch.names}
        for option in dict.fromkeys(self._options.values()):
            is_used = option.name in self._used and not option.multiple
            is_hidden = option.hidden and switches.isdisjoint(option.opts)
            if option.param_type_name == "option" and not (is_used or is_hidden):
                for name in (*option.opts, *option.secondary_opts):
                    if name.startswith("--"):
                        yield Candidate(name, option.help or "")
        yield Candidate("--help", "Print the help and exit.")


def _first_line(command: Any) -> str:  # noqa: ANN401 - a command of click
    return (command.help or "").strip().partition("\n")[0]


def _filter(values: Values, incomplete: str) -> Values:
    found = tuple(candidate for candidate in values.candidates if candidate.value.startswith(incomplete))
    return Values(found, values.are_files)
