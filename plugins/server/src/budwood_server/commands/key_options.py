"""The options of ``budwood server keys create``."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name for people.")]
Team = Annotated[
    str | None,
    typer.Option("--team", metavar="NAME", help="The team, whose keys share files, batches and cache."),
]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", metavar="SCOPE", help="infer, prompts, telemetry or admin; can be repeated. Default: infer."
    ),
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="WHEN", help="A time from now, such as 90d, or a date. Default: never."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", metavar="PATTERN", help="A model that it may use, or openai/*; can be repeated. Default: all."
    ),
]
RequestsPerMinute = Annotated[
    int | None, typer.Option("--requests-per-minute", metavar="N", help="The most requests a minute.")
]
TokensPerMinute = Annotated[
    int | None, typer.Option("--tokens-per-minute", metavar="N", help="The most tokens a minute.")
]
Dollars = Annotated[
    str | None, typer.Option("--budget-dollars", metavar="AMOUNT", help="The most dollars in a period.")
]
Tokens = Annotated[int | None, typer.Option("--budget-tokens", metavar="N", help="The most tokens in a period.")]
Period = Annotated[
    str | None,
    typer.Option("--per", metavar="PERIOD", help="The period of the budget: day, week or month. Default: month."),
]
TimeZone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="The time zone of the period, such as Europe/Oslo. Default: UTC."),
]
RequestOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--request-option",
        metavar="NAME",
        help="An option that its requests may set, or none; can be repeated. Default: as in the settings.",
    ),
]
