"""The built-in limiter plugin. It is registered like any other plugin."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import LimiterSpec, hookimpl
from budwood.limiting.local import LocalLimiter
from budwood.limiting.settings import LocalLimiterSettings, build_local_limiter

__all__ = ["LocalLimiter", "LocalLimiterSettings", "budwood_limiters"]


@hookimpl
def budwood_limiters() -> Iterable[LimiterSpec[Any]]:
    """Return the spec of the limiter inside the process."""
    return [
        LimiterSpec(
            name="local",
            settings=lambda: LocalLimiterSettings,
            build=build_local_limiter,
            requires_api=(2, 0),
            summary="In the memory of the process; limits of a day or more in a file.",
            inline=True,
        )
    ]
