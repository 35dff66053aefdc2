"""Where Python runs out of memory in the middle of an operation, nothing is lost or half done."""

import re
import subprocess
import sys

import pytest
from support import TESTS, plain_build_only

STARVING = TESTS / "starving.py"
CASES = re.findall(r"^@case\ndef (\w+)", STARVING.read_text(), re.MULTILINE)
PARTS = 4

pytestmark = [
    plain_build_only,
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python itself does not survive it"),
]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", ["one", "all"])
def test_every_operation_survives_each_failing_request_for_memory(mode, part):
    pytest.importorskip("_testcapi")
    cases = CASES[part::PARTS]
    command = [sys.executable, "-X", "faulthandler", str(STARVING), mode, *cases]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert done.stdout == "".join(f"case {case}\n" for case in cases)
