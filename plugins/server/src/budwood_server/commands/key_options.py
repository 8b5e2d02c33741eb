"""
The options of ``budwood server keys create``, one type for each parameter of the command.

They are text, numbers or lists as users type them, and None without the option. `budwood_server.commands.key_policy`
checks them.
"""

from __future__ import annotations

from typing import Annotated

import typer

# Whose key it is, and how long it lasts.

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name for people.")]
Team = Annotated[
    str | None, typer.Option("--team", metavar="NAME", help="The team, whose keys share files, batches and cache.")
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="WHEN", help="A time from now, such as 90d, or a date. Default: never."),
]

# What its requests may do. Each of these options can be repeated.

Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="infer, prompts, telemetry, webhooks, texts or admin; repeatable. Default: infer.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", metavar="PATTERN", help="A model that it may use, or openai/*; can be repeated. Default: all."
    ),
]
RequestOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--request-option",
        metavar="NAME",
        help="An option that its requests may set, or none; can be repeated. Default: as in the settings.",
    ),
]

# How much they may use: in any minute, and in each period of a budget of dollars or tokens.

RequestsPerMinute = Annotated[
    int | None, typer.Option("--requests-per-minute", metavar="N", help="The most requests a minute.")
]
TokensPerMinute = Annotated[
    int | None, typer.Option("--tokens-per-minute", metavar="N", help="The most tokens a minute.")
]
BudgetDollars = Annotated[
    str | None, typer.Option("--budget-dollars", metavar="AMOUNT", help="The most dollars in a period.")
]
BudgetTokens = Annotated[int | None, typer.Option("--budget-tokens", metavar="N", help="The most tokens in a period.")]
BudgetPeriod = Annotated[
    str | None,
    typer.Option("--per", metavar="PERIOD", help="The period of the budget: day, week or month. Default: month."),
]
BudgetTimeZone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="The time zone of the period, such as Europe/Oslo. Default: UTC."),
]
