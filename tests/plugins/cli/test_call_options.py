"""Options of calls: ``-O KEY VALUE`` and ``--extra JSON``."""

from __future__ import annotations

import pytest

from budwood import Client
from budwood_cli.call_options import join_pairs, read_options
from budwood_cli.errors import ArgumentError


@pytest.mark.parametrize(
    ("arguments", "joined"),
    [
        (["ask", "-O", "seed", "7", "Hi"], ["ask", "-O", "seed=7", "Hi"]),
        (["ask", "--option", "stop", "a=b"], ["ask", "--option", "stop=a=b"]),
        (["ask", "-O", "seed=7", "Hi"], ["ask", "-O", "seed=7", "Hi"]),
        (["ask", "-O", "seed"], ["ask", "-O", "seed"]),
        (["ask", "-O"], ["ask", "-O"]),
        (["ask", "-O", "seed", "-1", "--", "-O", "a", "b"], ["ask", "-O", "seed=-1", "--", "-O", "a", "b"]),
    ],
)
def test_pairs_are_joined(arguments, joined):
    """
    A key and its value become one argument; also KEY=VALUE is understood.
    """
    assert join_pairs(arguments) == joined


def test_values_are_json_or_texts():
    """
    The client converts numbers, so that a text of digits is possible too.
    """
    pairs = ["voice=7", "download=false", 'weights={"a": 1}', "instructions=[softly]", "on-unsupported=warn", "label="]

    assert read_options(Client.speak, pairs, '{"seed": 7}', speed=1.5, format=None) == {
        "speed": 1.5,
        "extra": {"seed": 7},
        "voice": "7",
        "download": False,
        "weights": {"a": 1},
        "instructions": "[softly]",
        "on_unsupported": "warn",
        "label": "",
    }


@pytest.mark.parametrize(
    ("pairs", "extra", "message"),
    [
        (["voice"], None, "-O voice has no value"),
        (["model=a/b"], None, "-O cannot set model"),
        (["extra={}"], None, "-O cannot set extra"),
        (["text=Hi"], None, "which the command sets"),
        (["speed=2"], None, "speed is given twice"),
        (["label=a", "label=b"], None, "label is given twice"),
        ([], "{", "--extra is not JSON"),
        ([], "[]", "--extra is not a JSON object"),
    ],
)
def test_unsuitable_options_are_usage_errors(pairs, extra, message):
    """
    The hint says what to pass instead.
    """
    with pytest.raises(ArgumentError, match=message) as caught:
        read_options(Client.speak, pairs, extra, speed=1.0)

    assert caught.value.hint


@pytest.mark.one_python
@pytest.mark.parametrize(
    "command", [("ask",), ("chat",), ("batch", "run", "-"), ("image", "-o", "a.png"), ("speak", "-o", "a.wav")]
)
def test_unknown_options_name_extra(budwood, command):
    """
    Every command hands -O to the client, whose error is one of usage, and whose hint becomes one of the command line.
    """
    run = budwood(*command, "-m", "offline/extractive", "-O", "loudness", "7", stdin="Hi\n")

    assert run.returncode == 2
    assert run.stderr == (
        "error: -O: Unknown option 'loudness'.\nhint: Pass parameters of the vendor in --extra '{…}'.\n"
    )


@pytest.mark.one_python
def test_parameters_of_the_vendor_are_sent(budwood, vendor):
    """
    Options that no command names, and the vendor's own, are in the request.
    """
    run = budwood("ask", "Hi", "--no-stream", "-O", "seed", "7", "-O", "stop", '["END"]', "--extra", '{"min_p": 0.1}')

    assert run.returncode == 0, run.stderr
    (request,) = vendor.requests
    assert (request["seed"], request["stop"], request["min_p"]) == (7, ["END"], 0.1)


@pytest.mark.one_python
def test_options_of_a_chat_hold_for_all_turns(budwood, vendor):
    """
    Each line of the input is a turn.
    """
    run = budwood("chat", "-O", "seed", "7", "--extra", '{"min_p": 0.1}', stdin="Hi\nAgain\n")

    assert run.returncode == 0, run.stderr
    assert [(request["seed"], request["min_p"]) for request in vendor.requests] == [(7, 0.1), (7, 0.1)]


def test_the_number_of_results_is_an_option_of_the_command():
    """
    The command checks the files of all results before anything is sent.
    """
    with pytest.raises(ArgumentError, match="-O cannot set n"):
        read_options(Client.edit_image, ["n=3"], None, n=None)
