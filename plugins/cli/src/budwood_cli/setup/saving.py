"""Save what was chosen: the settings, and the key. Either both are saved, or neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from budwood.hooks import PROVIDER
from budwood_cli.setup.model_choice import is_listed
from budwood_cli.setup.overrides import describe_overrides

if TYPE_CHECKING:
    from pathlib import Path

    from budwood import Settings
    from budwood_cli.settings_files import SettingsFile
    from budwood_cli.setup.candidates import Candidate
    from budwood_cli.setup.checks import Checked
    from budwood_cli.setup.key_storage import KeyChange
    from budwood_cli.setup.keys import Key
    from budwood_cli.setup.overrides import KeyPath


@dataclass
class Choice:
    """
    What was chosen.

    Attributes:
        candidate: The provider.
        model: The vendor's name of the model.
        base_url: The address to write; None to write none.
        key: The key.
        checked: The result of the check.
    """

    candidate: Candidate
    model: str
    base_url: str | None
    key: Key
    checked: Checked

    @property
    def address(self) -> str:
        """The model with its provider."""
        return f"{self.candidate.name}/{self.model}"

    @property
    def values(self) -> dict[KeyPath, str]:
        """The values to write, by their paths in the file."""
        values: dict[KeyPath, str] = {("model",): self.address}
        if self.base_url is not None:
            values[PROVIDER.section, self.candidate.name, "base_url"] = self.base_url
        return values


@dataclass
class Plan:
    """
    What will be changed.

    Attributes:
        choice: What was chosen.
        file: The file with its changes.
        key: The change of the stored keys; None if no key is saved.
        notes: What the user should know.
        backup: The former file, once the changes are saved.
        diff: The changes of the file, without secrets.
        is_needed: Whether anything changes.
        changes_key: Whether a key is saved that was not there before.
    """

    choice: Choice
    file: SettingsFile
    key: KeyChange | None = None
    notes: list[str] = field(default_factory=list)
    backup: Path | None = None
    diff: str = field(init=False)
    is_needed: bool = field(init=False)
    changes_key: bool = field(init=False)

    def __post_init__(self) -> None:
        self.diff = self.file.diff()
        self.changes_key = self.key is not None and self.key.is_needed
        self.is_needed = self.file.is_changed or self.changes_key

    @property
    def key_state(self) -> dict[str, Any] | None:
        """Where the key is; None without one."""
        if self.key is not None:
            return {"source": self.key.place, "variable": None}
        configured = self.choice.key.configured
        if configured is None:
            return None if self.choice.key.secret is None else {"source": "none", "variable": None}
        is_variable = configured.kind == "environment"
        return {"source": configured.kind, "variable": configured.place if is_variable else None}

    def save(self) -> None:
        """
        Save the key, then the settings. If the settings cannot be written, the key is taken back.

        Raises:
            BudwoodError: The key cannot be saved.
            OSError: The settings cannot be written.
        """
        if self.key is not None and self.changes_key:
            self.key.apply()
        try:
            self.backup = self.file.save()
        except BaseException:
            if self.key is not None and self.changes_key:
                self.key.undo()
            raise


def edit_settings(choice: Choice, path: Path) -> SettingsFile:
    """
    Make the changes in a settings file. Nothing is written.

    Raises:
        ConfigurationError: The file cannot be read or edited.
    """
    from budwood_cli.settings_files import SettingsFile

    file = SettingsFile(path)
    for key, value in choice.values.items():
        if file.get(key) != value:
            file.set(key, value)
    return file


def make_notes(choice: Choice, settings: Settings, file: Path, key: KeyChange | None) -> list[str]:
    """Return what takes precedence over the new values, and what is left to do."""
    candidate = choice.candidate
    address: KeyPath = (PROVIDER.section, candidate.name, "base_url")
    notes = list(describe_overrides(settings, file, choice.values, variables={address: candidate.address_variables}))
    if key is not None and candidate.key is not None and candidate.key.kind != "stored":
        notes.append(f"The key in {candidate.key.place} takes precedence over the stored one.")
    if choice.checked.models is not None and not is_listed(choice.model, choice.checked.models):
        notes.append(f"{candidate.name} does not list the model {choice.model!r}.")
    if key is None and choice.key.secret is not None and candidate.key is not None and candidate.key.kind == "stored":
        notes.append("The new key was not saved. The stored one stays.")
    elif key is None and choice.key.secret is not None:
        notes.append(f"The key was not saved. Set {' or '.join(candidate.variables)}.")
    return notes
