"""The faults of `python -m tests.campaigns.mutations` still apply to the source."""

import pytest

from tests.campaigns.mutations.__main__ import METRICS
from tests.campaigns.mutations.__main__ import test_file as file_of
from tests.campaigns.mutations.faults import FAULTS, Fault
from tests.support.commands import ROOT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.file}: {fault.what}")
def test_a_fault_has_one_place_and_makes_other_code(fault: Fault) -> None:
    text = (ROOT / METRICS / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1
    compile(text.replace(fault.old, fault.new), fault.file, "exec")
    assert fault.new != fault.old
    for name in fault.tests:
        assert file_of(name).suffix == ".py"
