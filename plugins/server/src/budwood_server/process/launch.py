"""What the command line says about a start, and the files with the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    from budwood import Settings

LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Launch:
    """
    How the server is started. It is sent to workers as JSON.

    Attributes:
        settings_file: The only file with settings; by default ``budwood.toml`` and ``.env`` of the current folder, and
            ``budwood.toml`` of the user.
        overrides: Settings of the command line, which take precedence over ``[server]``.
        log_level: The lowest level that is written.
        log_json: Whether each line of the log is a JSON object.
        access_log: Whether each request is logged.
    """

    settings_file: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    log_level: LogLevel = "warning"
    log_json: bool = False
    access_log: bool = False

    def load_settings(self) -> Settings:
        """
        Load the settings from the environment and the files.

        Raises:
            ConfigurationError: A source cannot be read, or is not valid.
        """
        from budwood.settings import Settings, user_folder  # not above: `budwood serve --help` needs no pydantic

        if self.settings_file is None:
            return Settings.load()
        file = Path(self.settings_file)
        if not file.is_file():
            raise ConfigurationError(f"There is no file {file}.", hint="Correct --settings.")
        settings = Settings.load(folder=file, user_file=file)  # a file has no `.env` in it
        settings.key_folder = user_folder("config")
        return settings

    def list_files(self) -> tuple[Path, ...]:
        """List the files that `load_settings` reads, whether they exist or not."""
        from budwood.settings import user_folder
        from budwood.settings_sources import FILE_NAME

        if self.settings_file is not None:
            return (Path(self.settings_file).absolute(),)
        folder = Path.cwd()
        return (folder / ".env", folder / FILE_NAME, user_folder("config") / FILE_NAME)

    def configure_logging(self) -> None:
        """Write the log to standard error."""
        from budwood.logs import configure_logging

        is_quiet = self.access_log and self.log_level in ("warning", "error")
        configure_logging(level="info" if is_quiet else self.log_level, json=self.log_json)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)
