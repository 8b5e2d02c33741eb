"""``python -m budwood_server.runs``: the process of runs, which ``budwood serve`` starts."""

import os
import signal
import sys
from types import FrameType


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # before the imports, which take long: until they end, it has no runs
    from budwood_server.runs.process import main

    sys.exit(main())
