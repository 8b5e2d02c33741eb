"""Limits each mutant to the tests that must catch it; correct plugins run the whole suite."""


def pytest_collection_modifyitems(items):
    """
    Deselect the tests that are not listed in a mutant's `caught_by`.
    """
    items[:] = [item for item in items if _is_selected(item, getattr(item.cls, "caught_by", ()))]


def _is_selected(item, caught_by):
    return not caught_by or item.originalname in caught_by
