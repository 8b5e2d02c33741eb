"""Generate or resume a dataset with a limit for file sizes, and print the error: ACT PATH BYTES."""

from __future__ import annotations

import resource
import signal
import sys

from budwood import BudwoodError
from budwood_generation import generate, resume

act, path, size = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
try:
    {"generate": generate, "resume": resume}[act](path)
except BudwoodError as error:
    sys.exit(f"{type(error).__name__}: {error}\n{error.__notes__[0]}")
