"""The last day as bars."""

from itertools import pairwise

from app.web.dashboard.chart import HOURS, chart

NOW = 492_000  # an hour since the epoch; 492000 % 24 == 0


def test_a_day_without_anything() -> None:
    """Nothing is drawn, and the numbers are zeros."""
    drawn = chart({"received": {}, "delivered": {}}, NOW)
    assert drawn.bars == ()
    assert (drawn.top, drawn.totals) == (0, (0, 0))
    assert [numbers for _, numbers in drawn.rows] == [(0, 0)] * HOURS


def test_no_series() -> None:
    """Without a series there is a day without numbers."""
    drawn = chart({}, NOW)
    assert (drawn.bars, drawn.top, drawn.totals) == ((), 0, ())


def test_the_day_ends_with_this_hour() -> None:
    """What is older than 23 full hours, or yet to come, is neither drawn nor counted."""
    numbers = {NOW - 24: 100, NOW - 23: 1, NOW: 2, NOW + 1: 100}
    drawn = chart({"received": numbers}, NOW)
    assert (drawn.totals, drawn.top) == ((3,), 2)
    assert [hour for hour, _ in drawn.rows][:2] == ["01:00", "02:00"]
    assert drawn.rows[-1] == ("00:00", (2,))
    assert [bar.title for bar in drawn.bars] == ["01:00: 1 received", "00:00: 2 received"]


def test_heights_are_in_proportion() -> None:
    """The most of an hour fills the height, half of it the half, whichever series it belongs to."""
    drawn = chart({"received": {NOW: 80, NOW - 1: 40}, "refused": {NOW - 2: 20}}, NOW)
    heights = {bar.title.split(": ")[1]: bar.height for bar in drawn.bars}
    assert heights == {
        "80 received": drawn.height,
        "40 received": drawn.height / 2,
        "20 refused": drawn.height / 4,
    }
    assert all(bar.y + bar.height == drawn.height for bar in drawn.bars)


def test_one_among_many_is_seen() -> None:
    """However small a number is beside others, its bar can be seen; none has no bar."""
    drawn = chart({"received": {NOW: 1_000_000}, "refused": {NOW: 1, NOW - 1: 0}}, NOW)
    assert {bar.name: bar.height for bar in drawn.bars}["refused"] == 2
    assert len(drawn.bars) == 2


def test_a_full_day_fits() -> None:
    """Three series in each of 24 hours stand side by side, none over another, all within the drawing."""
    full = {NOW - hour: hour + 1 for hour in range(HOURS)}
    drawn = chart({"received": full, "delivered": full, "refused": full}, NOW)
    edges = [(bar.x, round(bar.x + bar.width, 1)) for bar in drawn.bars]
    assert len(edges) == 3 * HOURS
    assert edges == sorted(edges)
    assert all(left >= right - 0.11 for (_, right), (left, _) in pairwise(edges))
    assert (edges[0][0] >= 0, edges[-1][1] <= drawn.width) == (True, True)
