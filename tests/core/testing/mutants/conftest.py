"""Mutants are run by the tests beside this folder: each against the tests that must catch it, the sound ones whole."""


def pytest_collection_modifyitems(items):
    """
    Leave out what a mutant need not be caught by.
    """
    items[:] = [item for item in items if not item.cls.caught_by or item.originalname in item.cls.caught_by]
