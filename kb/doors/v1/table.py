"""The table of `/api/v1`: every door there is. Routes and documentation are made from it."""

from __future__ import annotations

from kb.doors.v1 import articles, calls, gaps, hooks, search
from kb.doors.v1.door import Door

DOORS: tuple[Door, ...] = (*search.DOORS, *calls.DOORS, *gaps.DOORS, *articles.DOORS, *hooks.DOORS)
