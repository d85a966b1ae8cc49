"""Lives of PagerDuty incidents: an opening, some acts, one of the endings, at times a last word."""

from __future__ import annotations

from tests.histories.pagerduty.life import live

__all__ = ["live"]
