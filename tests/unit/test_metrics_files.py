"""The files in which processes share their counts: slots, full disks, what is kept and what is removed."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app import metric_files, metrics
from app.metric_files import FOLDER
from app.shared_values import _Slot, hold
from tests.harness import ROOT

COUNT = "metrics.answered('pagerduty', 'accepted', 0.01)"
TELL = "print(sum(s.value for m in metrics.collect() for s in m.samples if s.name == 'dx_bridge_webhooks_total'))"
SHARE = "from app import metrics, metric_files; metric_files.share()"
NO_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Return an empty folder for temporary files; the environment names no folder for metrics."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(FOLDER, raising=False)
    return tmp_path


def run(folder, *statements):
    """Run statements in a process of its own that shares `folder`; return the lines printed."""
    environment = {**os.environ, FOLDER: str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "\n".join(statements)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.replace(".", "").isdigit()]


def test_a_process_goes_on_where_an_ended_one_stopped(tmp_path):
    """Three processes one after the other count to three, in the files of one."""
    told = [run(tmp_path, SHARE, COUNT, TELL) for _ in range(3)]
    assert told == [["1.0"], ["2.0"], ["3.0"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "counter_dx-0.db",
        "dx-0.lock",
        "histogram_dx-0.db",
    ]


def test_living_processes_have_slots_of_their_own(tmp_path):
    """While one process holds a slot, the next takes another, and each tells the sum."""
    run(tmp_path, SHARE, COUNT)
    held = hold(tmp_path / "dx-0.lock")
    assert run(tmp_path, SHARE, COUNT, TELL) == ["2.0"]
    os.close(held)
    assert len(list(tmp_path.glob("counter_*.db"))) == 2


def test_what_was_counted_before_sharing_is_kept(tmp_path):
    """A count made before the folder is shared goes into it."""
    assert run(tmp_path, "from app import metrics, metric_files", COUNT, "metric_files.share()", TELL) == [
        "1.0"
    ]


@pytest.mark.parametrize("room", [0, 1000, 300_000])
def test_a_full_disk_costs_counts_and_nothing_else(tmp_path, room):
    """Where a file cannot be made or grow, counting goes on without it, and what is told can be read."""
    many = "for n in range(3000): metrics.answered(f'source{n}', 'accepted', 0.01)"
    told = run(tmp_path, NO_ROOM.format(room), SHARE, many, TELL)
    assert 0 <= float(told[0]) < 3000


def test_files_grow_with_their_series(tmp_path):
    """More series than a file begins with are all told."""
    many = "for n in range(3000): metrics.answered(f'source{n}', 'accepted', 0.01)"
    assert run(tmp_path, SHARE, many, TELL) == ["3000.0"]


def test_every_byte_of_a_file_is_allocated(tmp_path):
    """A file has no holes: to fill one in on a full disk would end the process."""
    run(tmp_path, SHARE, COUNT)
    for path in tmp_path.glob("*.db"):
        assert path.stat().st_blocks * 512 >= path.stat().st_size >= 4096


@pytest.mark.parametrize("content", [b"", b"\xff" * 4096, b"\x10\0\0\0" * 8])
def test_a_damaged_file_is_no_failure(tmp_path, content):
    """A file that cannot be read leaves the counts out of the answer."""
    (tmp_path / "counter_dx-7.db").write_bytes(content)
    assert run(tmp_path, SHARE, COUNT, TELL) in (["0"], ["1.0"])


def test_a_slot_with_a_damaged_file_is_no_failure(tmp_path):
    """A process whose slot has a damaged file works on."""
    (tmp_path / "counter_dx-0.db").write_bytes(b"\xff" * 4096)
    assert run(tmp_path, SHARE, COUNT, TELL) in (["0"], ["1.0"])


def test_an_import_touches_nothing(tmp_path):
    """Without `share`, metrics are counted in memory, whatever the environment names."""
    folder = tmp_path / "none"
    assert run(folder, "from app import metrics", COUNT, TELL) == ["1.0"]
    assert not folder.exists()


def test_serve_makes_a_private_folder_and_removes_it(private):
    """The folder is named by the environment while the block runs, is its owner's alone, and goes after it."""
    with metric_files.folder():
        made = Path(os.environ[FOLDER])
        assert made.parent == private
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert FOLDER not in os.environ
    assert not made.exists()


def test_what_a_killed_serve_left_is_removed(private):
    """A start removes the folders of bridges that are gone; not that of one that runs, nor what a link points to."""
    kept, gone, strange = (private / name for name in ("dx-bridge-metrics-a", "dx-bridge-metrics-b", "other"))
    for path in (kept, gone, strange):
        path.mkdir()
        (path / "counter_dx-0.db").touch()
    (private / "dx-bridge-metrics-link").symlink_to(strange)
    held = hold(kept)
    with metric_files.folder():
        assert (kept / "counter_dx-0.db").exists()
        assert (strange / "counter_dx-0.db").exists()
        assert not gone.exists()
    os.close(held)


def test_a_given_folder_keeps_what_the_living_count(tmp_path, monkeypatch):
    """A start in a given folder removes the files of ended processes; those of living ones and strangers stay."""
    for name in ("counter_dx-0.db", "counter_dx-1.db", "histogram_dx-1.db", "counter_77.db"):
        (tmp_path / name).touch()
    for name in ("dx-0.lock", "dx-1.lock"):
        (tmp_path / name).touch()
    monkeypatch.setenv(FOLDER, str(tmp_path))
    held = hold(tmp_path / "dx-0.lock")
    with metric_files.folder():
        kept = sorted(path.name for path in tmp_path.glob("*.db"))
    os.close(held)
    assert kept == ["counter_77.db", "counter_dx-0.db"]
    assert tmp_path.exists()


def test_no_place_for_the_folder_is_no_failure(private, monkeypatch):
    """Where no folder can be made, `serve` goes on without."""
    monkeypatch.setattr(tempfile, "tempdir", str(private / "none"))
    with metric_files.folder():
        assert FOLDER not in os.environ


def test_two_slots_at_once(tmp_path):
    """Of two that begin, neither gets the other's files."""
    slots = [_Slot(tmp_path) for _ in range(2)]
    assert len({slot._path for slot in slots}) == 2
    for slot in slots:
        os.close(slot._held)


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("ok", "ok"),
        ("http_503", "http_503"),
        ("invalid_auth", "invalid_auth"),
        ("http_12345", "other"),
        ("http_", "other"),
        ("http_\u0661\u0662\u0663", "other"),
        ("whatever DX may say", "other"),
        ("", "other"),
    ],
)
def test_codes_are_few(code, label):
    """A code is a label if it is a status or known; any other words are `other`."""
    assert metrics.bounded(code) == label


def test_counting_fails_alone(monkeypatch):
    """An error in counting is no error of what is counted."""
    monkeypatch.setattr(metrics, "_webhooks", None)
    with capture_logs() as logs:
        metrics.answered("pagerduty", "accepted", 0.01)
        metrics.refused("pagerduty", ValueError())
    assert [line["event"] for line in logs] == ["not counted"] * 2
