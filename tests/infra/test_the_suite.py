"""What `make test` promises of itself holds in the processes of a parallel run, too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from portal.config import PROJECT_DIR
from tests.support.ports import free_port

pytestmark = pytest.mark.slow

TESTS = {
    "passes": "def test_it(): pass\n",
    "marked": "import pytest\n@pytest.mark.skip(reason='no')\ndef test_it(): pass\n",
    "inside": "import pytest\ndef test_it(): pytest.skip('no')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef f(): pytest.skip('no')\ndef test_it(f): pass\n",
    "warns": "import warnings\ndef test_it(): warnings.warn('old')\n",
    "expected": "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it(): assert False\n",
    "file": "import pytest\npytest.skip('no', allow_module_level=True)\n",
    "package": "import pytest\npytest.importorskip('no_such_package_at_all')\n",
}


def test_skips_and_warnings_fail_in_every_process(tmp_path: Path) -> None:
    for name, code in TESTS.items():
        (tmp_path / f"test_{name}.py").write_text(code)
    options = ("-n", "2", "--dist", "loadfile", "-p", "tests.support.nothing_skipped", f"--rootdir={tmp_path}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", *options, str(tmp_path)],
        cwd=PROJECT_DIR, env={**os.environ, "CI": "true"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout.strip().splitlines()
    assert done.returncode == 1, done.stdout
    # What a mark or a fixture skips has not begun, so it is an error, like a file.
    assert re.fullmatch(r"=+ 2 failed, 1 passed, 1 xfailed, 4 errors in [\d.]+s =+", said[-1]), done.stdout
    for name in ("marked", "inside", "fixture", "file", "package"):
        reason = rf"(FAILED|ERROR) .*test_{name}\.py.*CI does not allow"
        assert any(re.match(reason, line) for line in said), (name, done.stdout)


def test_ports_are_not_given_twice_and_not_to_outgoing_connections() -> None:
    given = [free_port() for _number in range(100)]
    assert len(set(given)) == 100
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(given) < lowest
