"""The section ``[server]`` of the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from budwood.errors import ConfigurationError
from budwood.settings import Settings, user_folder, validate_settings
from budwood_server.access.tokens import check_strength
from budwood_server.alerts.rules import AlertRule, check_sources
from budwood_server.settings_help import describe_help
from budwood_server.web.client_address import parse_network

MEGABYTE: Final = 1024 * 1024
DAY_SECONDS: Final = 86400.0
DELAYS: Final = (5.0, 30.0, 120.0, 600.0, 3600.0, 14400.0, 43200.0, 86400.0, 108000.0)
"""Seconds from each attempt to deliver an event to the next: ten attempts within three days."""

DATABASE_NAME: Final = "server.sqlite3"
SCHEMES: Final = frozenset({"sqlite", "postgresql", "postgres"})
REQUEST_OPTIONS: Final = ("cache", "label", "fallbacks", "routing", "timeout", "on_unsupported", "prompt")
"""The options that a request may set, unless the policy of its key says otherwise."""

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")


def _check_options(names: frozenset[str]) -> frozenset[str]:
    if unknown := sorted(names - {*REQUEST_OPTIONS}):
        raise ValueError(f"{unknown[0]!r} is no such option; known: {', '.join(REQUEST_OPTIONS)}")
    return names


RequestOptionNames = Annotated[frozenset[str], AfterValidator(_check_options)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AlertName = Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=100)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _parse_route(value: object) -> object:
    """Return the table that a name or a list of names abbreviates."""
    if isinstance(value, str):
        return {"models": (value,)}
    return {"models": value} if isinstance(value, list | tuple) else value


class ModelRoute(_Section):
    """
    What a public name stands for: ``[server.models]``, or a table of its own.

    Attributes:
        models: The models as ``provider/model``. If the first fails, the others are asked in this order.
        routing: The order in which they are asked; see `budwood.settings.Options`.
        weights: Their weights, by ``provider/model``, for ``routing = "weighted"``.
        fallback_on: Classes of errors after which the next model is asked although it is not by default.
        hedge: When a second request is sent; see `budwood.settings.Options`.
        hidden: Whether ``/v1/models`` leaves the name out.
    """

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    routing: str | None = None
    weights: dict[str, float] | None = None
    fallback_on: tuple[str, ...] | None = None
    hedge: float | str | None = None
    hidden: bool = False

    @field_validator("models")
    @classmethod
    def _check_models(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        for model in models:
            if not all(model.partition("/")[::2]):
                raise ValueError(f"{model!r} must be 'provider/model'")
        return models

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if unknown := sorted({*(self.weights or ())} - {*self.models}):
            raise ValueError(f"weights: {unknown[0]!r} is not one of the models")
        return self

    def to_options(self) -> dict[str, Any]:
        """Return the options of a call to these models."""
        chosen = self.model_dump(include={"routing", "weights", "fallback_on", "hedge"}, exclude_none=True)
        options: dict[str, Any] = {"model": self.models[0], **chosen}
        return options | ({"fallbacks": self.models[1:]} if len(self.models) > 1 else {})


class ResponseSettings(_Section):
    """
    ``[server.responses]``: replies of ``/v1/responses`` that this server keeps, for vendors that keep none.

    Attributes:
        retention: The days for which they are kept; by default none is kept.
    """

    retention: Days | None = None


class SessionSettings(_Section):
    """
    ``[server.sessions]``: conversations of ``/api/run`` that this server keeps.

    Attributes:
        retention: The days after the last reply for which they are kept.
    """

    retention: Days = 30.0


class BatchSettings(_Section):
    """
    ``[server.batches]``: files of batches that this server keeps, for vendors whose batches have another form.

    Attributes:
        max_file: The maximum size of a file with lines in bytes.
        retention: The days for which lines and results are kept.
    """

    max_file: Annotated[int, Field(ge=1024)] = 64 * MEGABYTE
    retention: Days = 30.0


class RunSettings(_Section):
    """
    ``[server.runs]``: dataset runs. They are off without ``dir``.

    Attributes:
        dir: The folder of runs and uploaded documents, on a local disk. Servers and their workers share it.
        documents_dir: The folder whose files specifications may name; by default only uploaded documents.
        storages: The sections ``[storages.NAME]`` that specifications may name, by default none. Each sets ``output``
            to a URL, below which runs store their rows.
        worker: Whether ``budwood serve`` starts a process that executes runs; else ``budwood server worker`` does.
        concurrency: The number of runs that a worker executes at the same time.
        max_calls: The maximum ``concurrency`` of a specification: its calls at the same time.
        max_rows: The maximum number of rows of a run.
        max_waiting: The maximum number of runs of an owner that wait or are executed.
        max_documents: The maximum size of all files of a run, and of one uploaded document, in bytes.
        max_uploads: The maximum size of all uploaded documents of an owner in bytes.
        lease: Seconds after which another worker continues a run whose worker has died.
        retention: The days after its end for which a run is kept, and after the upload of a document.
    """

    dir: Path | None = None
    documents_dir: Path | None = None
    storages: tuple[str, ...] = ()
    worker: bool = True
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    max_calls: Annotated[int, Field(ge=1, le=1000)] = 32
    max_rows: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    max_waiting: Annotated[int, Field(ge=1)] = 100
    max_documents: Annotated[int, Field(ge=1)] = 256 * MEGABYTE
    max_uploads: Annotated[int, Field(ge=1)] = 1024 * MEGABYTE
    lease: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 60.0
    retention: Days = 30.0

    @model_validator(mode="after")
    def _check_folders(self) -> Self:
        if self.dir is not None and self.documents_dir is not None:
            runs, documents = self.dir.resolve(), self.documents_dir.resolve()
            if runs.is_relative_to(documents) or documents.is_relative_to(runs):
                raise ValueError("dir and documents_dir must not contain each other")
        return self


class EventSettings(_Section):
    """
    ``[server.events]``: what happened, for webhooks and streams of events.

    Attributes:
        source: The URL of this server, or another name of it, in each event. With a URL, events have ``dataschema``.
        inference: Whether an event is written for each call also while no webhook and no stream gets it, so that later
            streams can begin in the past.
        retention: The days for which events are kept.
        text_retention: The days for which the texts of prompts and replies are kept in events.
        max_text: The maximum number of characters of a prompt or reply in events; longer ones are cut.
        budget_thresholds: The parts of a budget after which an event is written, such as 0.8 for 80 %; none for no such
            events.
        poll: Seconds between two looks for events that have no place in the order yet. A process orders its own events
            at once; this is for those of commands, and of processes that died.
        heartbeat: Seconds without an event after which a stream of events gets a heartbeat.
        max_streams: The maximum number of streams of events in each process.
        alerts_poll: Seconds between two checks of an alert.
    """

    source: Annotated[str, Field(min_length=1, max_length=200)] = "budwood"
    inference: bool = False
    retention: Days = 30.0
    text_retention: Days = 7.0
    max_text: Annotated[int, Field(ge=0, le=1_000_000)] = 65_536
    budget_thresholds: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.5, 0.8, 0.95)
    poll: Annotated[float, Field(ge=0.01, le=60, allow_inf_nan=False)] = 2.0
    heartbeat: Annotated[float, Field(ge=0.01, le=3600, allow_inf_nan=False)] = 30.0
    max_streams: Annotated[int, Field(ge=0, le=100_000)] = 2000
    alerts_poll: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)] = 15.0


class WebhookSettings(_Section):
    """
    ``[server.webhooks]``: events that the server sends to endpoints.

    Attributes:
        worker: Whether the processes of ``budwood serve`` that answer requests send events; else only
            ``budwood server worker`` does.
        allow_local: Whether endpoints may be on this machine, also by http, for development.
        timeout: Seconds for a request, with its answer.
        concurrency: The maximum number of requests of a process at the same time.
        schedule: The seconds from each attempt to the next; after the last attempt, the delivery has failed.
        lease: Seconds after which another worker sends again what a worker that died was sending.
        poll: Seconds between two looks for what is due. New events are noticed sooner.
        retention: The days for which ended deliveries are kept.
    """

    worker: bool = True
    allow_local: bool = False
    timeout: Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)] = 15.0
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 100
    schedule: Annotated[tuple[Annotated[float, Field(ge=0, le=30 * DAY_SECONDS)], ...], Field(max_length=50)] = DELAYS
    lease: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 60.0
    poll: Annotated[float, Field(ge=0.01, le=60, allow_inf_nan=False)] = 1.0
    retention: Days = 30.0

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.lease <= self.timeout:
            raise ValueError("lease must be longer than timeout, or events under way are sent twice")
        return self


class ServerSettings(_Section):
    """
    Settings of the server.

    Attributes:
        host: The address on which it listens; by default only this machine can connect.
        port: The port; 0 for any free port.
        workers: The number of processes that answer requests.
        worker_timeout: Seconds after which a worker that hangs is killed and started again; 0 or None for never.
        database: ``sqlite:///PATH``, or ``postgresql://user@host/database``; by default a file of SQLite in the user's
            data folder.
        admin_key: The admin key, for set-ups that cannot read the one that the first start prints. Any change of it
            revokes the one before.
        redis: ``redis://host:port/0``, to count limits over several machines; by default the database counts them.
        allowed_origins: Origins of web pages that may call the server, such as ``"https://app.example.com"``; ``"*"``
            for any. By default none.
        trusted_proxies: Addresses or networks of proxies whose header ``x-forwarded-for`` has the address of a client.
        max_body: The maximum size of a request body in bytes.
        max_upload: The maximum size of an uploaded file in bytes.
        body_timeout: Seconds within which the head of a request must arrive, and then its body.
        vendor_objects: Whether requests may name objects of the account at the vendor, which all keys share:
            conversations, prompts, containers, vector stores, and items of earlier replies.
        keep_alive: Seconds without an event after which a stream gets a comment, so that proxies do not close it.
        drain: Seconds that requests under way get to finish when the server stops.
        models: Public names of models.
        vendor_names: Whether clients may also use ``provider/model``, and a model's name alone if one configured
            provider has it.
        request_options: The options that requests may set by header or in the field ``budwood``.
        cache_scope: Who shares replies in the cache: the ``"team"`` of a key, or ``"all"`` keys. A key without a team
            shares with no other by default.
        files_provider: The provider that stores files of ``/v1/files`` if a request names none; by default the only one
            that stores files.
        responses: Stored replies of ``/v1/responses``.
        sessions: Conversations of ``/api/run``.
        batches: Files of batches that this server keeps.
        runs: Dataset runs.
        events: What happened, for webhooks and streams of events.
        webhooks: Events that the server sends to endpoints.
        alerts: The rules of alerts by their names.
        usage: Whether each call is recorded in the database.
        usage_retention_days: The days after which records of calls are removed; by default they are kept.
        metrics: Whether ``/metrics`` needs no key: ``"open"``; by default it needs a key with the scope ``telemetry``.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    worker_timeout: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = 60.0
    database: SecretStr | None = None
    admin_key: SecretStr | None = None
    redis: SecretStr | None = None
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    max_body: Annotated[int, Field(ge=1024)] = 64 * MEGABYTE
    max_upload: Annotated[int, Field(ge=1024)] = 512 * MEGABYTE
    body_timeout: Seconds = 60.0
    keep_alive: Seconds = 15.0
    vendor_objects: bool = True
    drain: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    models: dict[str, Annotated[ModelRoute, BeforeValidator(_parse_route)]] = Field(default_factory=dict)
    vendor_names: bool = True
    request_options: RequestOptionNames = frozenset(REQUEST_OPTIONS)
    cache_scope: Annotated[str, Field(pattern="^(team|all)$")] = "team"
    files_provider: Annotated[str, Field(min_length=1)] | None = None
    responses: ResponseSettings = ResponseSettings()
    sessions: SessionSettings = SessionSettings()
    batches: BatchSettings = BatchSettings()
    runs: RunSettings = RunSettings()
    events: EventSettings = EventSettings()
    webhooks: WebhookSettings = WebhookSettings()
    alerts: Annotated[dict[AlertName, AlertRule], Field(max_length=200)] = Field(default_factory=dict)
    usage: bool = True
    usage_retention_days: Days | None = None
    metrics: Annotated[str, Field(pattern="^(open|key)$")] = "key"

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} must be an origin such as 'https://app.example.com', without a path")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            parse_network(proxy)
        return proxies

    @field_validator("database")
    @classmethod
    def _check_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and url.get_secret_value().partition("://")[0].partition("+")[0] not in SCHEMES:
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return url

    @field_validator("redis")
    @classmethod
    def _check_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and url.get_secret_value().partition("://")[0] not in ("redis", "rediss", "unix"):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return url

    @model_validator(mode="after")
    def _check_database_of_workers(self) -> Self:
        url = self.database_url
        if self.workers > 1 and (":memory:" in url or url == "sqlite://"):
            raise ValueError("several workers need a database that they share: a file, or postgresql://")
        return self

    @model_validator(mode="after")
    def _check_alerts(self) -> Self:
        if self.alerts and not self.usage:
            raise ValueError("alerts need usage = true: they are about the records of calls")
        return self

    @property
    def database_url(self) -> str:
        """The URL of the database, which may contain a password."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{Path(user_folder('data'), DATABASE_NAME)}"


def load_server_settings(settings: Settings, overrides: Mapping[str, Any] | None = None) -> ServerSettings:
    """
    Return the settings of the server.

    Args:
        settings: The settings of the program.
        overrides: Values of the command line, which take precedence.

    Raises:
        ConfigurationError: A key is unknown, or a value is not valid.
        WeakKeyError: The admin key could be guessed.
    """
    values = {**settings.server, **{name: value for name, value in (overrides or {}).items() if value is not None}}
    try:
        server = validate_settings(ServerSettings, values, where="server")
    except ConfigurationError as error:
        error.hint = error.hint or describe_help(ServerSettings, error.message)
        raise
    check_sources(server.alerts, settings.folder_sources)
    if server.runs.storages:
        from budwood_server.runs.outputs import load_storages

        load_storages(settings, server.runs.storages)
    if server.admin_key is not None:
        check_strength(server.admin_key.get_secret_value(), where="server.admin_key")
    return server
