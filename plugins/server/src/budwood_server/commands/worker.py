"""``budwood server worker``: send webhooks and execute dataset runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from budwood_server.process.launch import Launch, LogLevel

if TYPE_CHECKING:
    from budwood_server.settings import ServerSettings
    from budwood_server.worker import Worker


def worker(
    *,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="sqlite:///FILE, or postgresql://USER@HOST/DATABASE."),
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option("--settings", metavar="FILE", help="Read this file instead of each budwood.toml and .env."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Execute the runs that wait, and end, without sending webhooks.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="The lowest level of the log.")] = "warning",
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON, one object a line.")] = False,
) -> None:
    """
    Send webhooks and execute dataset runs of a server. A signal stops it, and others continue its work.

    `budwood serve` does both on its own, unless worker = false in [server.webhooks] and [server.runs].
    """
    from budwood_server.process.server import run
    from budwood_server.runs.process import serve_runs
    from budwood_server.settings import load_server_settings

    overrides: dict[str, Any] = {"database": database}
    launch = Launch(settings, overrides, log_level, log_json)
    server = load_server_settings(launch.load_settings(), launch.overrides)
    if once or server.runs.dir is not None:
        _check_runs(server)
    launch.configure_logging()
    work = [] if once else ["sends webhooks"]
    if server.runs.dir is not None:
        work.append("executes dataset runs")

    def started(_: Worker) -> None:
        typer.echo(f"Budwood {' and '.join(work)} (Ctrl-C stops it)", err=True)

    run(serve_runs(launch, started, once=once, sends_webhooks=not once))


def _check_runs(server: ServerSettings) -> None:
    """
    Check that runs can be executed.

    Raises:
        ConfigurationError: They are off, or budwood-generation is not installed.
    """
    from budwood.errors import ConfigurationError
    from budwood.plugins.first_party import install_hint
    from budwood_server.runs.preparation import check_installed
    from budwood_server.web.problems import ProblemError

    if server.runs.dir is None:
        raise ConfigurationError(
            "Dataset runs are off.", hint='Set their folder in budwood.toml: [server.runs] dir = "runs".'
        )
    try:
        check_installed()
    except ProblemError:
        raise ConfigurationError(
            "Dataset runs need budwood-generation, which is not installed.",
            hint=install_hint("budwood-generation"),
        ) from None
