"""What aiohttp leaves behind is collected in the test that makes it."""

import gc

import pytest

LEAVING = "test_deadline_limits_a_file_upload"
"""
aiohttp closes a connection only once all that was written is sent, which never happens if the server does not read. The
socket is closed when it is collected, with a warning, for which another test would be blamed.
"""


def pytest_collection_modifyitems(items):
    """
    Expect the warning in that test.
    """
    for item in items:
        if item.name.startswith(LEAVING) and "TestAiohttp" in item.nodeid:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(autouse=True)
def collected(request):
    """
    Collect what that test leaves.
    """
    yield
    if request.node.name.startswith(LEAVING):
        gc.collect()
