"""``budwood serve``: start the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_server.process.launch import Launch, LogLevel

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from budwood import Settings
    from budwood_server.process.preparation import PreparedDatabase
    from budwood_server.settings import ServerSettings
    from budwood_server.worker import Worker

MAX_NAMES: Final = 10
"""The number of names of models that the start prints."""


def serve(
    *,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="The address to listen on. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", metavar="PORT", min=0, max=65535, help="The port; 0 for any. Default: 8080."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", metavar="N", min=1, max=256, help="The processes. Default: 1.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="sqlite:///FILE, or postgresql://USER@HOST/DATABASE."),
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option("--settings", metavar="FILE", help="Read this file instead of each budwood.toml and .env."),
    ] = None,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="The lowest level of the log.")] = "warning",
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON, one object a line.")] = False,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log each request.")] = False,
) -> None:
    """Serve models to clients of OpenAI and Anthropic. SIGHUP reloads the settings; Ctrl-C lets requests finish."""
    overrides: dict[str, Any] = {"host": host, "port": port, "workers": workers, "database": database}
    launch = Launch(settings, overrides, log_level, log_json, access_log)
    start(launch)


def start(launch: Launch) -> None:
    """
    Run the server until a signal stops it.

    Raises:
        BudwoodError: The settings are not valid, the port is in use, or the database cannot be used.
    """
    from budwood_server.process.preparation import prepare_in_process
    from budwood_server.process.sockets import open_sockets
    from budwood_server.settings import load_server_settings

    settings = launch.load_settings()
    server = load_server_settings(settings, launch.overrides)
    launch.configure_logging()
    sockets = open_sockets(server.host, server.port)
    try:
        prepared = prepare_in_process(server)
        if prepared.admin_key is not None:  # at once: if the start fails later, it would be lost
            typer.echo(f"admin key, which is shown only now: {prepared.admin_key}", err=True)
        if server.workers == 1:
            _run_alone(launch, sockets, settings, server, prepared)
        else:
            _run_workers(launch, sockets, settings, server, prepared)
    finally:
        for listener in sockets:
            listener.close()


def _run_alone(
    launch: Launch,
    sockets: Sequence[socket.socket],
    settings: Settings,
    server: ServerSettings,
    prepared: PreparedDatabase,
) -> None:
    from budwood_server.process.alone import serve_alone
    from budwood_server.process.server import run
    from budwood_server.process.systemd import notify_watchdog
    from budwood_server.runs.process import run_worker_process

    async def serve() -> None:
        async with run_worker_process(launch, settings, server) as start_runs:

            def started(worker: Worker) -> None:
                _announce(sockets, worker.configuration.server, prepared)
                start_runs(lambda: worker.is_draining)

            with notify_watchdog():
                await serve_alone(launch, sockets, started)

    run(serve())


def _run_workers(
    launch: Launch,
    sockets: Sequence[socket.socket],
    settings: Settings,
    server: ServerSettings,
    prepared: PreparedDatabase,
) -> None:
    import asyncio

    from budwood_server.metrics import share_metrics
    from budwood_server.process.supervisor import Supervisor
    from budwood_server.process.systemd import notify_watchdog
    from budwood_server.runs.process import run_worker_process

    async def supervise() -> None:
        async with run_worker_process(launch, settings, server) as start_runs:

            def started() -> None:
                _announce(sockets, server, prepared)
                start_runs(lambda: supervisor.is_stopping)

            limits = {"drain": server.drain, "timeout": server.worker_timeout or 0.0}
            supervisor = Supervisor(launch, sockets, server.workers, started, **limits)
            with notify_watchdog():
                await supervisor.run()

    with share_metrics():
        asyncio.run(supervise())


def _announce(sockets: Sequence[socket.socket], server: ServerSettings, prepared: PreparedDatabase) -> None:
    """Print what clients need: the address, the models, and how to get a key."""
    from budwood_server.client.urls import is_protected
    from budwood_server.process.sockets import format_address

    names = [name for name, route in server.models.items() if not route.hidden]
    lines = [f"Budwood serves at {format_address(sockets[0])}/v1 (Ctrl-C stops it)"]
    if names:
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        lines.append(f"  models:   {', '.join(names[:MAX_NAMES])}{more}")
    lines.append(f"  database: {prepared.label}")
    lines.append(f"  page:     {format_address(sockets[0])}/admin")
    lines.append("  create a key for clients: budwood server keys create NAME")
    if not is_protected(f"http://{f'[{server.host}]' if ':' in server.host else server.host}"):
        lines.append(
            "  warning: other machines can connect, and without a proxy with TLS, others can read keys and passwords"
        )
    if not names:
        hint = "add them to [server.models]" + (", or use provider/model" if server.vendor_names else "")
        lines.append(f"warning: no models are configured: {hint}")
    for line in lines:
        typer.echo(line, err=True)
