"""A share as a bar."""

from __future__ import annotations

from sentinel.console.charts.axis import Axis
from sentinel.console.charts.row import block, row
from sentinel.console.markup import Html


def bar(share: float, class_: str = "live-fill", *, most: float = 1.0) -> Html:
    """From zero to a share of ``most``.

    Parameters
    ----------
    share : float, 0 to ``most``
    class_ : str
        What colours it.
    most : float, > 0
        The value of a full bar.
    """
    axis = Axis(0.0, most)
    return row(block(axis, 0.0, most, "track"), block(axis, 0.0, share, class_))
