"""A process whose parent has gone ends, whatever becomes of its SIGTERM."""

import os
import signal
import subprocess
import sys

import pytest

from tests.harness import ROOT

_CHILD = """
import signal, sys, time
from app import orphan
signal.signal(signal.SIGTERM, getattr(signal, sys.argv[1]))
orphan.GRACE_SECONDS = 0.1
orphan.end_with_parent()
time.sleep(60)
"""


@pytest.mark.parametrize(("handler", "ended_by"), [("SIG_DFL", signal.SIGTERM), ("SIG_IGN", signal.SIGKILL)])
def test_a_process_ends_with_its_parent(handler: str, ended_by: signal.Signals) -> None:
    """SIGTERM comes first; what it does not end is killed."""
    watched, held_open = os.pipe()
    environment = {**os.environ, "DX_BRIDGE_PARENT_FD": str(watched)}
    command = [sys.executable, "-c", _CHILD, handler]
    with subprocess.Popen(command, env=environment, pass_fds=[watched], cwd=ROOT) as child:
        os.close(watched)
        os.close(held_open)
        assert child.wait(30) == -ended_by
