"""Mutants are run by the tests beside this folder: each against the tests that must catch it, the sound ones whole."""


def pytest_collection_modifyitems(items):
    """
    Leave out what a mutant need not be caught by.
    """
    items[:] = [item for item in items if _is_wanted(item, getattr(item.cls, "caught_by", ()))]


def _is_wanted(item, caught_by):
    return not caught_by or item.originalname in caught_by
