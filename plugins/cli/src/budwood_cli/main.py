"""Where the command begins. What costs nothing to answer is answered before anything is imported."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process, and return its exit status."""
    arguments = sys.argv[1:]
    try:
        if arguments[:1] in (["--version"], ["-V"]):
            return _write_version()
        from budwood_cli.program import run
    except KeyboardInterrupt:
        return 130
    return run(arguments)


def _write_version() -> int:
    import budwood
    from budwood_cli import terminal

    try:
        terminal.write(f"budwood {budwood.__version__}\n")
    except terminal.ReaderLeftError:
        return terminal.leave()
    return 0
