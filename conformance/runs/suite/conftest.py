"""The suite's session, for its items."""

import pytest

from saveproof.conformance.runs.session import Conformance


@pytest.fixture
def conformance(pytestconfig: pytest.Config) -> Conformance:
    """Return the suite's session in this process."""
    session = pytestconfig.pluginmanager.get_plugin("saveproof-conformance")
    if not isinstance(session, Conformance):
        raise pytest.UsageError("the suite needs a subject: pass --saveproof-subject")
    return session
