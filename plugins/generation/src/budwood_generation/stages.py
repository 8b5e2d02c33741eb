"""The stages of a run: rows that were planned together, and the passages that each of them uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from budwood.contracts import PassageIndex
from budwood.types import SourcePassage
from budwood.types.record import JSON
from budwood_generation.errors import DamagedJournalError, JournalError
from budwood_generation.journal import (
    JOURNAL,
    Stage,
    read_header,
    read_run_file,
    read_stages,
    read_totals,
)
from budwood_generation.outputs import SUFFIX


@dataclass(frozen=True, slots=True)
class Segment:
    """
    Consecutive rows of a stage that use the same passages.

    Attributes:
        first: The index of its first row.
        end: The index after its last row.
        origin: The index that is cell 0 of the strategy: less than ``first`` if the segment continues an earlier one.
        passages: The numbers of the passages.
    """

    first: int
    end: int
    origin: int
    passages: range


def make_segments(stages: Sequence[Stage]) -> list[Segment]:
    """
    Divide the rows of all stages by the passages that they use.

    The first stage uses all its passages. A stage with further documents uses only their passages, until each was used
    as often as the earlier ones on average, and then all. A stage without further documents continues.
    """
    segments: list[Segment] = []
    balanced, rows_on_new = 0, 0
    for stage in stages:
        total = sum(stage.passages)
        new = 0
        if balanced and total > balanced:
            uses = (stage.first - rows_on_new) / balanced
            left = max(0, round(uses * (total - balanced)) - rows_on_new)
            new = min(stage.rows, left)
            _append(segments, stage.first, stage.first + new, range(balanced, total))
            rows_on_new += new
            if new == left:
                balanced, rows_on_new = total, 0
        else:
            balanced = total
        _append(segments, stage.first + new, stage.end, range(total))
    return segments


def _append(segments: list[Segment], first: int, end: int, passages: range) -> None:
    if first == end:
        return
    origin = segments[-1].origin if segments and segments[-1].passages == passages else first
    segments.append(Segment(first, end, origin, passages))


class PassageRange:
    """
    Some of the passages of an index; see `budwood.contracts.PassageIndex`.

    Args:
        index: All passages.
        numbers: The numbers of the passages.
    """

    def __init__(self, index: PassageIndex, numbers: range) -> None:
        self._index = index
        self._numbers = numbers

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self._numbers)

    def __getitem__(self, number: int) -> SourcePassage:
        """Return a passage."""
        return self._index[self._find(number)]

    def __iter__(self) -> Iterator[SourcePassage]:
        """Yield all passages."""
        return map(self._index.__getitem__, self._numbers)

    def chars(self, number: int) -> int:
        """Return the number of characters of a passage."""
        return self._index.chars(self._find(number))

    def sentences(self, number: int) -> int:
        """Return the number of sentences of a passage."""
        return self._index.sentences(self._find(number))

    def _find(self, number: int) -> int:
        if number < 0:
            raise IndexError(number)
        return self._numbers[number]


def find_earlier_stages(
    folder: Path, identity: Mapping[str, JSON], rows: int, documents: Mapping[str, str]
) -> tuple[Stage, ...]:
    """
    Return the stages of the run in a folder, if it can be continued.

    Args:
        folder: The folder of the run; it need not exist.
        identity: What determines the prompts of the new plan.
        rows: Number of rows of the new plan.
        documents: The SHA-256 of each document, by name.

    Returns:
        The stages, or none if there is no run with a finished call, or if it differs in more than additions.
    """
    saved = _read_run(folder)
    if not saved:
        return ()
    old_identity, stages = saved
    is_continued = old_identity == identity and stages[-1].end <= rows
    return stages if is_continued and stages[-1].documents.items() <= documents.items() else ()


def find_run_of_plan(
    folder: Path, identity: Mapping[str, JSON], rows: int, documents: Mapping[str, str]
) -> Path | None:
    """
    Return the folder of a run beside another folder, which does not exist yet, if it can be continued with the plan.

    The arguments are those of `find_earlier_stages`.
    """
    if (folder / JOURNAL).exists():
        return None
    others = (path.parent for path in sorted(folder.parent.glob(f"*{SUFFIX}/{JOURNAL}")))
    return next((other for other in others if find_earlier_stages(other, identity, rows, documents)), None)


def _read_run(folder: Path) -> tuple[Mapping[str, JSON], tuple[Stage, ...]] | None:
    path = folder / JOURNAL
    if not path.exists():
        return None
    try:
        header, stages = read_header(path), read_stages(path)
        return (header.identity, stages) if read_totals(path).calls and stages else None
    except DamagedJournalError:
        saved = read_run_file(folder)
        return (saved[0].identity, saved[1]) if saved and saved[1] else None
    except JournalError:
        return None


def extend_stages(
    earlier: tuple[Stage, ...], rows: int, documents: Mapping[str, str], passages: Sequence[int]
) -> tuple[Stage, ...]:
    """
    Return the stages with another one for additional rows, if there are any.

    Args:
        earlier: The stages of the run so far.
        rows: Number of rows of the run.
        documents: The SHA-256 of each document by name, those of the earlier stages first.
        passages: The number of passages of each document.
    """
    if earlier and earlier[-1].passages != tuple(passages[: len(earlier[-1].passages)]):
        earlier = ()  # another version splits the documents in another way: the run is refused when it is opened
    first = earlier[-1].end if earlier else 0
    if earlier and first == rows:
        return earlier
    counts = tuple(passages)
    added = Stage(first=first, rows=rows - first, documents=dict(documents), passages=counts, turns=0, digest="")
    return (*earlier, added)
