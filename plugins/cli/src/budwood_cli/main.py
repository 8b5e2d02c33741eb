"""The entry point of the command. ``--version`` is answered without importing the other modules."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command with the arguments of this process, and return its exit status."""
    arguments = sys.argv[1:]
    try:
        if arguments[:1] in (["--version"], ["-V"]):
            return _write_version()
        from budwood_cli.program import run

        return run(arguments)
    except KeyboardInterrupt:
        return 130


def _write_version() -> int:
    import budwood
    from budwood_cli import terminal

    try:
        terminal.write(f"budwood {budwood.__version__}\n")
    except terminal.OutputClosedError:
        return terminal.silence_output()
    except OSError as error:
        from budwood_cli.errors import report

        return report(error)
    return 0
