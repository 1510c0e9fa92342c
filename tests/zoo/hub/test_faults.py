"""Every fault ends with the published files or with the error that is promised."""

import pytest

from tests.zoo import faults


@pytest.mark.parametrize("name", faults.CASES)
def test_a_fault(name, tmp_path):
    case, waited = faults.CASES[name], []
    result = faults.run(case, tmp_path, waited.append)
    assert result.right
    if case.outcome is None:
        assert result.error is None
    else:
        assert isinstance(result.error, case.outcome), result.error
    assert len(waited) < 3 and sum(waited) < 10


def test_files_that_are_wrong_are_told(tmp_path):
    """The judge of the cases is not blind."""
    case = faults.Case(lambda server, folder: server.add(faults.REPO, {"config.json": b"{}"}))
    files = dict(faults.FILES)
    try:
        result = faults.run(case, tmp_path / "right")
        assert result.right
        case = faults.Case(lambda *_: faults.FILES.update({"config.json": b"other"}))
        assert not faults.run(case, tmp_path / "wrong").right
    finally:
        faults.FILES.update(files)
