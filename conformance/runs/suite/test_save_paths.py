"""An item a subject, save path, kind of model and check."""

from saveproof.conformance.runs.session import Conformance


def test_save_path(
    conformance: Conformance, subject: str, path: str, kind: str, check: str
) -> None:
    """The check's sentence holds for every case that was tried."""
    conformance.verify(subject, path, kind, check)
