"""Check what a wait for a job needs, before a job is submitted and paid for."""

from __future__ import annotations

from budwood.errors import ConfigurationError


def check_wait(timeout: object, progress: object) -> None:
    """
    Check the arguments of a wait.

    Raises:
        ConfigurationError: The timeout is not a number of seconds, or ``progress`` cannot be called.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
        raise ConfigurationError(
            f"The time to wait must be a number of seconds, 0 or more; got {timeout!r}.",
            hint="Leave it out to wait for up to a day.",
        )
    if progress is not None and not callable(progress):
        raise ConfigurationError(
            f"progress= must be a function; got {type(progress).__name__}.",
            hint="Pass a function that takes a JobState, such as progress=print.",
        )


def check_submitted(submitted: object) -> None:
    """
    Check the function that is called with a new job.

    Raises:
        ConfigurationError: It cannot be called.
    """
    if submitted is not None and not callable(submitted):
        raise ConfigurationError(
            f"submitted= must be a function; got {type(submitted).__name__}.",
            hint="Pass a function that takes a JobRef, such as submitted=jobs.append.",
        )
