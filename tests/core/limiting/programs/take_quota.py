"""Take units of a lasting quota, and print how many were granted. Arguments: path, limit, attempts."""

from __future__ import annotations

import sys
from pathlib import Path

from budwood.clock import SystemClock
from budwood.limiting import LocalLimiter
from budwood.limiting.lasting import LastingCounters
from budwood.types import Claim

path, limit, attempts = sys.argv[1:]
clock = SystemClock()
limiter = LocalLimiter(clock, LastingCounters(Path(path), clock, lambda *_, **__: sys.exit("the file was not usable")))
claims = [Claim("day", "quota", float(limit), resets_at=4e9, is_lasting=True)]
granted = sum(limiter.reserve(str(number), claims) is None for number in range(int(attempts)))
limiter.close()
sys.stdout.write(f"{granted}\n")
