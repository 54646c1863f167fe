"""Charts: marks stand where their numbers say."""

from __future__ import annotations

import re

import msgspec
import pytest

from sentinel.console.charts.axis import Axis
from sentinel.console.charts.bars import bar
from sentinel.console.charts.dumbbell import dumbbell
from sentinel.console.charts.reliability import reliability
from sentinel.console.charts.timeline import HEIGHT, timeline
from sentinel.console.charts.waterfall import waterfall
from sentinel.console.charts.whiskers import gap_axis, tone_of, whisker
from sentinel.console.markup import Html, element
from tests.console.reports import rate, whole
from tests.exposition.reports import LEAKAGE_ALERT, NO_VALUE, finding


def marks(drawing: str, class_: str) -> list[dict[str, str]]:
    """Attributes of the marks of a class."""
    found = re.findall(rf'<(?:\w+)([^<>]*class="{class_}"[^<>]*)/>', drawing)
    return [dict(re.findall(r'([\w-]+)="([^"]*)"', each)) for each in found]


def share(text: str) -> float:
    """A coordinate in per cent."""
    return float(text.removesuffix("%")) / 100


def test_children_and_attributes_are_escaped() -> None:
    """What is not Html already becomes text; quotes cannot leave an attribute."""
    assert element("a", "<b>", Html("<i/>"), title='"') == '<a title="&quot;">&lt;b&gt;<i/></a>'


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 1.0), (-3e-7, 2e-7), (1e5, 9e9), (0.9069, 0.9071)])
def test_ticks_are_few_and_inside(lower: float, upper: float) -> None:
    """Between two and six round values for any span, all of them on the axis."""
    ticks = Axis(lower, upper).ticks(5)
    assert 2 <= len(ticks) <= 6
    assert all(lower - 1e-9 <= tick <= upper * (1 + 1e-9) for tick in ticks)


def test_an_axis_of_one_value_or_none_has_a_span() -> None:
    """Nothing divides by zero."""
    assert Axis.over([0.5, 0.5], least_span=0.1).share(0.5) == pytest.approx(0.5)
    assert Axis.over([]).share(0.5) == pytest.approx(0.5)
    assert Axis(0.0, 1.0).percent(7.0) == "100%"


def test_a_bar_is_as_long_as_its_share() -> None:
    """A quarter of the full bar."""
    (mark,) = marks(bar(0.25), "live-fill")
    assert mark["width"] == "25%"


def test_parts_begin_where_the_one_before_ends() -> None:
    """Of +.1 and -.04 the second ends at .06, where the whole gap ends, too; both ends are of one axis."""
    first, second, total = waterfall([0.1, -0.04], 0.06)
    (up,), (down,), (gap,) = marks(first, "worse-fill"), marks(second, "better-fill"), marks(total, "worse-fill")
    end = share(up["x"]) + share(up["width"])
    assert share(down["x"]) + share(down["width"]) == pytest.approx(end, abs=2e-4)
    assert share(down["x"]) == pytest.approx(share(gap["x"]) + share(gap["width"]), abs=2e-4)
    assert share(up["x"]) == share(gap["x"])


def test_a_gap_stands_between_its_bounds() -> None:
    """The dot lies inside the whisker and right of no gap; a gap that is not known leaves that line alone."""
    one, unknown = finding(), finding(gap=None)
    axis = gap_axis([one, unknown])
    drawing = whisker(axis, one)
    (dot,), (line,), (zero,) = marks(drawing, "worse-fill"), marks(drawing, "worse-line"), marks(drawing, "zero")
    assert share(zero["x1"]) < share(line["x1"]) < share(dot["cx"]) < share(line["x2"])
    assert whisker(axis, unknown).count("<line") == 1
    assert "<circle" not in whisker(axis, unknown)


def test_tones_follow_the_bounds_and_not_the_gap() -> None:
    """Worse or better only where the bounds leave no gap out."""
    one = finding(gap=0.1)
    assert tone_of(one) == "worse"
    assert tone_of(msgspec.structs.replace(one, lower=-0.1)) == "live"
    assert tone_of(msgspec.structs.replace(one, lower=-0.2, upper=-0.1)) == "better"


def test_a_wide_bound_does_not_squeeze_the_others() -> None:
    """One slice with bounds of a hundred times its gap leaves the axis within four of the widest gaps."""
    wild = msgspec.structs.replace(finding(gap=0.1), lower=-10.0, upper=10.0)
    axis = gap_axis([wild, finding(gap=0.1)])
    assert axis.upper - axis.lower < 0.1 * 4.5


def test_a_dumbbell_leaves_out_what_is_not_known() -> None:
    """Both marks and a way between them; or one alone."""
    axis, one = Axis(0.0, 1.0), finding()
    both = dumbbell(axis, one.offline, one.online, reference=0.5)
    assert share(marks(both, "offline-tick")[0]["x1"]) == 0.9
    assert share(marks(both, "live-fill")[0]["cx"]) == 0.775
    alone = dumbbell(axis, one.offline, NO_VALUE, reference=0.5)
    assert marks(alone, "live-fill") == marks(alone, "between") == []


def test_calibrated_points_lie_on_the_diagonal() -> None:
    """At rate = score a point is as far from the left as from the bottom; whiskers stand around it."""
    bins = whole().reliability
    drawing = reliability(bins)
    dots, (ideal,) = marks(drawing, "offline-dot"), marks(drawing, "ideal")
    assert len(dots) == len(bins)
    for dot in dots:
        assert float(dot["cx"]) - float(ideal["x1"]) == pytest.approx(float(ideal["y1"]) - float(dot["cy"]), abs=0.2)
    (line,) = marks(
        reliability([msgspec.structs.replace(bins[0], offline=rate(0.5, 0.5), online=None)]), "offline-line"
    )
    assert float(line["y2"]) < float(line["y1"])


def test_the_timeline_shows_the_gap_as_the_distance_of_two_lines() -> None:
    """Live .125 below offline .9, interval .05 high: the drawn distance is two and a half times the drawn interval."""
    drawn = timeline(whole(n_points=7))
    assert drawn is not None
    (offline,), (band,) = marks(drawn.drawing, "offline-path"), marks(drawn.drawing, "offline-band")
    (live,) = marks(drawn.drawing, "live-path")
    heights = [float(point.split(",")[1]) for point in live["points"].split()]
    assert len(heights) == 4  # of seven points three have no estimate
    assert (heights[0] - float(offline["y1"])) / float(band["height"]) == pytest.approx(0.125 / 0.05, rel=0.02)
    assert all(0 <= y <= HEIGHT for y in heights)


def test_the_band_around_live_holds_the_offline_line_where_no_gap_is_excluded() -> None:
    """Bounds from below 0 to above: the band reaches over the offline line; bounds above 0: it stays below it."""
    point = whole(n_points=5).timeline[-1]
    for lower, over in ((-0.05, True), (0.05, False)):
        wide = msgspec.structs.replace(point, lower=lower, upper=0.3)
        drawn = timeline(msgspec.structs.replace(whole(), timeline=(wide, wide)))
        assert drawn is not None
        (band,), (offline,) = marks(drawn.drawing, "live-band"), marks(drawn.drawing, "offline-path")
        top = min(float(each.split(",")[1]) for each in band["points"].split())
        assert (top < float(offline["y1"])) is over


def test_alerts_are_marked_where_they_fired_and_were_resolved() -> None:
    """At a quarter and a half of the time; two of one moment are one mark, one outside and one to read are none."""
    drawn = whole(n_points=51)  # three points without an estimate, then 2026-11-01T03:00Z to 2026-11-03T02:00Z: 47 h
    fired = msgspec.structs.replace(
        LEAKAGE_ALERT, fired_at="2026-11-01T14:45:00Z", resolved_at="2026-11-02T02:30:00Z", slice="all"
    )
    of_slice = msgspec.structs.replace(fired, slice="a=<b>", resolved_at=None)
    outside = msgspec.structs.replace(fired, fired_at="2026-10-01T00:00:00Z", resolved_at=None)
    told = msgspec.structs.replace(fired, severity="info", fired_at="2026-11-02T00:00:00Z")
    found = timeline(msgspec.structs.replace(drawn, alerts=(fired, of_slice, outside, told)))
    assert found is not None
    assert found.fired
    assert found.resolved
    marked = re.findall(r'<circle cx="([\d.]+)%"[^>]*class="(fired|resolved)"><title>([^<]*)</title>', found.drawing)
    assert marked == [
        ("25", "fired", f"{fired.name} fired\n{fired.name} fired (a=&lt;b&gt;)"),
        ("50", "resolved", f"{fired.name} resolved"),
    ]
    quiet = timeline(msgspec.structs.replace(drawn, alerts=(outside,)))
    assert quiet is not None
    assert not quiet.fired
    assert not quiet.resolved
