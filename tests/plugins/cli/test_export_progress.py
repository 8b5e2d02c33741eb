from __future__ import annotations

import io
import sys

from budwood_cli.export_progress import ExportProgress, show_export


def test_numbers_are_shown_every_few_seconds():
    """
    Not at once: a short export shows none.
    """
    now, shown = [10.0], []
    progress = ExportProgress(lambda *numbers: shown.append(numbers), 5.0, lambda: now[0])

    for done, seconds in ((1, 4.9), (2, 5.0), (3, 9.9), (4, 10.1)):
        now[0] = 10.0 + seconds
        progress(done, 4)

    assert shown == [(2, 4), (4, 4)]


def test_lines_have_the_number_of_rows(capsys, monkeypatch):
    """
    Where standard error is not a terminal.
    """
    monkeypatch.setattr("budwood_cli.export_progress.SECONDS_BETWEEN_LINES", 0.0)

    with show_export(quiet=False) as show:
        show(1000, 2000)

    assert capsys.readouterr().err == "1,000/2,000 rows\n"


def test_quiet_shows_nothing():
    """
    There is no function to call.
    """
    with show_export(quiet=True) as show:
        assert show is None


def test_a_bar_disappears_at_the_end(monkeypatch):
    """
    At a terminal.
    """

    class Screen(io.StringIO):
        def isatty(self):
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("budwood_cli.export_progress.SECONDS_BETWEEN_UPDATES", 0.0)

    with show_export(quiet=False) as show:
        show(1000, 2000)
        show(1500, 2000)

    assert "1500/2000" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
