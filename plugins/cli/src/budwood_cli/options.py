"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="PROVIDER/MODEL", help="The model; by default what the settings say."),
]
System = Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="The system prompt.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Write no progress and no summary.")]
