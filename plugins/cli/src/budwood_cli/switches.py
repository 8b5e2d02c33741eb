"""The switches of all commands. They can be written before or after the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from budwood_cli.questions import ANSWERS


class Switch(NamedTuple):
    """
    A switch.

    Attributes:
        names: How it is written.
        help: One line of help.
        turn_on: What it does.
    """

    names: tuple[str, ...]
    help: str
    turn_on: Callable[[], None]


def _debug() -> None:
    os.environ["BUDWOOD_DEBUG"] = "1"


def _no_color() -> None:
    os.environ["NO_COLOR"] = "1"
    os.environ.pop("FORCE_COLOR", None)


def _no_input() -> None:
    ANSWERS.no_input, ANSWERS.no_input_flag = True, "--no-input"


def _yes() -> None:
    ANSWERS.yes = True


SWITCHES: Final = (
    Switch(("--debug",), "Print tracebacks of errors. Same as BUDWOOD_DEBUG=1.", _debug),
    Switch(("--no-color",), "Print no colours. Same as NO_COLOR=1.", _no_color),
    Switch(("--no-input",), "Ask no questions: fail, and name the option that answers.", _no_input),
    Switch(("--yes", "-y"), "Confirm without a question.", _yes),
)


def find_switch(name: str) -> Switch | None:
    """Return the switch with a name; None if there is none."""
    return next((switch for switch in SWITCHES if name in switch.names), None)


def reset_switches() -> None:
    """Forget the switches of a former command in this process. The environment stays."""
    ANSWERS.no_input = ANSWERS.yes = False
    ANSWERS.no_input_flag = "--no-input"
