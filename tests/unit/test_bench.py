"""The benchmark: its pure parts, and that its quick form can take every measurement."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.bench import figures, results
from tests.bench.measurements import MEASUREMENTS
from tests.bench.rows import Row, at_least, at_most, compared
from tests.bench.table import HEAD, table

ROOT = Path(__file__).resolve().parents[2]
STORES = ("SQLite", "PostgreSQL")
SERVERS = (
    "bare view, 2 workers",
    "bare view, 1 worker",
    *(f"INSERT view on {store}, 2 workers" for store in STORES),
    *(f"bridge on {store}, 2 workers" for store in STORES),
    "bridge on SQLite, 1 worker",
)
ROWS = {
    "accept": [
        *(
            f"{title}: {each}"
            for title in ("accept", "accept, CPU", "accept, p50", "accept, p99")
            for each in SERVERS
        ),
        *(f"accept: bridge on {store}, 2 workers, beside the INSERT view" for store in STORES),
    ],
    "fold": [f"{title}: {store}" for title in ("fold", "fold, CPU") for store in STORES],
    "map": ["map: the whole command", "map: without its start", "map: one body"],
    "latency": [f"latency, {share}: {store}" for share in ("p50", "p99") for store in STORES],
    "drain": ["drain: SQLite", "drain: PostgreSQL", "drain: the stand-in's answer"],
    "outage": [f"outage: {store}, 20 incidents, 10 changes each" for store in STORES],
    "history": [
        f"history, {step}: {store}, {size} incidents"
        for step in ("store", "fold", "claim", "settle")
        for store in STORES
        for size in ("1,000", "5,000")
    ],
    "memory": [
        f"memory: {process}, {store}, {when}"
        for process in ("web worker", "pipeline")
        for store in STORES
        for when in ("early", "late")
    ],
    "start": [f"start to ready: {what}" for what in ("SQLite, new file", *STORES)],
}


def cells(printed):
    """Return the table's rows as lists of cells, without head and rule."""
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_measurement_is_expected():
    """The list of rows above leaves no measurement out."""
    assert list(ROWS) == list(MEASUREMENTS)


@pytest.mark.parametrize("name", ROWS)
def test_the_quick_form_gives_every_row(name, postgres_server, tmp_path):
    """Each measurement can be taken, prints each of its rows, and stores them; no figure can fail it."""
    run = quick("--only", name, "--rounds", "1", folder=tmp_path, postgres=postgres_server.url)
    assert run.returncode == 0, run.stderr[-3000:]
    printed = [row[0] for row in cells(run.stdout)]
    (stored,) = (tmp_path / "results").glob("*.json")
    kept = [row["what"] for row in orjson.loads(stored.read_bytes())["rows"]]
    assert (sorted(printed), kept) == (sorted(ROWS[name]), printed)


def test_a_measurement_that_cannot_be_taken_fails_the_run(tmp_path):
    """Without a database to measure on, the exit code is 1 and the measurement is named; the others are shown."""
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    run = quick("--only", "fold,map", "--rounds", "1", folder=tmp_path, postgres=nowhere)
    shown = {row[0] for row in cells(run.stdout)}
    assert (run.returncode, shown) == (1, set(ROWS["map"]))
    assert "could not be measured: fold" in run.stdout


def quick(*arguments, folder, postgres):
    """Run the quick form as `make bench` does."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--results", str(folder / "results"), *arguments],
        cwd=ROOT,
        env={**kept, "TEST_DATABASE_URL": postgres},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 3), (0.99, 4), (1, 4)])
def test_a_quantile_is_one_of_the_values(share, value):
    """The share of the values below a quantile is the given one; the last is the greatest."""
    assert figures.quantile([1, 2, 3, 4], share) == value


def test_a_quantile_of_nothing_is_an_error():
    """Nothing measured is not zero."""
    with pytest.raises(ValueError, match="no values"):
        figures.quantile([], 0.5)


def test_ratios_are_taken_round_by_round():
    """A round is compared with the same round's base, so that a slow moment of the machine cancels out."""
    base = Row("accept: bare view", "events/s", (100, 50))
    row = compared("accept: bridge", "events/s", [50, 25], base)
    assert (row.ratios, row.against) == ((0.5, 0.5), "bare view")


def test_rounds_of_different_number_are_no_ratio():
    """A missing round is an error and not a shorter list."""
    with pytest.raises(ValueError, match="zip"):
        figures.ratios([1, 2], [1])


def test_a_row_without_values_is_an_error():
    """What was not measured has no row."""
    with pytest.raises(ValueError, match="nothing was measured"):
        Row("fold", "events/s", ())


@pytest.mark.parametrize(
    ("aims", "reached"),
    [
        ((), ""),
        ((at_least(10),), "yes"),
        ((at_least(11),), "no"),
        ((at_most(10),), "yes"),
        ((at_most(9),), "no"),
        ((at_least(5, 10),), "better"),
        ((at_least(5, 11),), "yes"),
        ((at_least(11, 9),), "no"),
        ((at_most(0.5, "ratio"),), "yes"),
        ((at_most(10), at_most(0.4, "ratio")), "no"),
    ],
)
def test_an_aim_is_judged_by_the_median(aims, reached):
    """The middle round decides, of the value or of the ratio, and every aim of a row counts."""
    row = Row("what", "ms", (1, 10, 1000), "base", (0.1, 0.5, 9), aims)
    assert row.reached == reached


def test_the_table_has_a_figure_in_every_column():
    """A row shows median and spread of values and ratios, the aim, whether it was reached, and the change."""
    row = Row("what", "ms", (1, 10, 1000), "base", (0.1, 0.5, 9), (at_most(1.3, "ratio"),))
    (shown,) = cells(table([row], {"what": results.Earlier(8, 1.0)}))
    values = ["what", "10.0 (1.00 to 1,000) ms", "base", "0.50 (0.10 to 9.00)", "ratio ≤ 1.3", "yes"]
    assert shown == [*values, "+25 %, ratio -50 %"]
    assert len(shown) == len(HEAD)


def test_a_row_is_compared_with_the_newest_run_that_has_it(tmp_path):
    """The latest result of a row counts, whatever other rows a later run has."""
    results.write(tmp_path, [Row("fold", "events/s", (1,)), Row("map", "events/s", (5,))], quick=False)
    results.write(tmp_path, [Row("fold", "events/s", (2,), "base", (0.5,))], quick=False)
    assert results.earlier(tmp_path, quick=False) == {
        "fold": results.Earlier(2, 0.5),
        "map": results.Earlier(5, None),
    }


def test_only_like_is_compared_with_like(tmp_path, monkeypatch):
    """Results of the quick form, of another machine or of a damaged file are passed over."""
    results.write(tmp_path, [Row("fold", "events/s", (1,))], quick=True)
    (tmp_path / "damaged.json").write_text("{")
    assert results.earlier(tmp_path, quick=False) == {}
    monkeypatch.setattr(results.socket, "gethostname", lambda: "elsewhere")
    assert results.earlier(tmp_path, quick=True) == {}


def test_a_result_does_not_name_the_machine(tmp_path, monkeypatch):
    """The file holds a digest of the host's name."""
    monkeypatch.setattr(results.socket, "gethostname", lambda: "db7.acme.example")
    assert b"acme" not in results.write(tmp_path, [Row("fold", "events/s", (1,))], quick=True).read_bytes()


@pytest.mark.parametrize("arguments", [["--only", "fold,nothing"], ["--rounds", "0"]])
def test_a_mistaken_option_is_told(arguments, tmp_path):
    """Bad usage exits 2 before anything is measured."""
    assert quick(*arguments, folder=tmp_path, postgres="").returncode == 2
