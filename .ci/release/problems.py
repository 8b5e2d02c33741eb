"""What a check found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """
    Something that is wrong with a release.

    Attributes:
        subject: The distribution or file.
        cause: What is wrong.
        cure: What to do about it.
        only_publishing: Development may go on with it, but it has to be solved before a release is published.
    """

    subject: str
    cause: str
    cure: str
    only_publishing: bool = False

    def __str__(self) -> str:
        return f"{self.subject}: {self.cause} {self.cure}"


@dataclass(slots=True)
class Result:
    """
    The result of one check.

    Attributes:
        check: The name of the check.
        seconds: How long it took.
        problems: What it found.
        skipped: Why it did not run; empty if it ran.
    """

    check: str
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    skipped: str = ""

    def state(self) -> str:
        """Return the result in a few words."""
        if self.skipped:
            return f"not run: {self.skipped}"
        later = sum(problem.only_publishing for problem in self.problems)
        counts = {"problems": len(self.problems) - later, "before publishing": later}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "passed"


def is_failure(results: Iterable[Result], *, strict: bool) -> bool:
    """Return whether a problem was found that forbids to go on; if ``strict``, each problem does."""
    return any(strict or not problem.only_publishing for result in results for problem in result.problems)


def format_results(results: Iterable[Result]) -> str:
    """Return all problems, grouped, and then a table of the checks."""
    results = list(results)
    found = [problem for result in results for problem in result.problems]
    lines: list[str] = []
    for title, later in (("Problems", False), ("To be solved before publishing", True)):
        group = [problem for problem in found if problem.only_publishing is later]
        lines += [f"\n{title} ({len(group)}):", *(f"- {problem}" for problem in group)] if group else []
    lines.append(f"\n{'check':<16} {'seconds':>7}  result")
    lines += [f"{result.check:<16} {result.seconds:>7.1f}  {result.state()}" for result in results]
    return "\n".join(lines)
