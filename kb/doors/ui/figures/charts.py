"""The charts of the supervisor's pages. Colours that stand out on white and on black; words in the page's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import streamlit as st

from kb.doors.ui.frame import t
from kb.gaps.analytics.reuse import MOST
from kb.gaps.analytics.searches import LONG_RANK, VERDICTS, Shares, Speed

COLORS = {"found": "#1a936f", "maybe": "#c9822b", "missing": "#cc4b5f"}
MAIN, SECOND = "#2c8fb5", "#c9822b"
GAPS = {"opened": "#cc4b5f", "closed": "#2c8fb5", "verified": "#1a936f", "reopened": "#c9822b"}
INK = {"light": "#3c4753", "dark": "#c9d1d9"}
HEIGHT = 260
LABEL = 240  # pixels of a name on an axis


def _chart(rows: Sequence[Mapping[str, object]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(rows)))  # type: ignore[no-untyped-call]


def _draw(chart: alt.Chart | alt.LayerChart, alt_text: str, height: int = HEIGHT) -> None:
    ink = INK["dark" if st.context.theme.type == "dark" else "light"]  # Streamlit's own is too faint to read
    read = chart.properties(height=height).configure_axis(labelColor=ink, titleColor=ink, labelFontSize=12)
    st.altair_chart(read.configure_legend(labelColor=ink, labelFontSize=13), width="stretch", alt=alt_text)


def _days(title: str) -> alt.X:
    """Site days: as texts, so that no browser's time zone moves them; at most some ten labels."""
    return alt.X(
        "day:O", title=title, axis=alt.Axis(labelAngle=0, labelOverlap=True, labelExpr="slice(datum.label, 5)")
    )


def by_day(shares: Mapping[str, Shares]) -> None:
    """Searches a day, by verdict."""
    rows = [
        {"day": day, "verdict": t(f"figures.{name}"), "searches": getattr(one, name), "order": order}
        for day, one in shares.items()
        for order, name in enumerate(VERDICTS)
    ]
    chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=_days(t("figures.day")),
            y=alt.Y("searches:Q", title=t("figures.searches"), axis=alt.Axis(tickMinStep=1)),
            color=_verdict_color(),
            order=alt.Order("order:Q"),
            tooltip=[
                _tip("day:O", t("figures.day")),
                _tip("verdict:N", t("figures.verdict")),
                _tip("searches:Q", t("figures.searches")),
            ],
        )
    )
    _draw(chart, t("figures.by_day_alt"))


def by_part(shares: Mapping[str, Shares], names: Mapping[str, str], title: str) -> None:
    """The verdicts' shares, a bar a product or language, the one with most searches first."""
    most = sorted(shares.items(), key=lambda one: -one[1].judged)[:12]
    rows = [
        {
            "part": names.get(part, part),
            "verdict": t(f"figures.{name}"),
            "share": one.share(getattr(one, name)) or 0.0,
            "searches": getattr(one, name),
            "order": order,
        }
        for part, one in most
        if one.judged
        for order, name in enumerate(VERDICTS)
    ]
    chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title=t("figures.share"), axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            y=alt.Y(
                "part:N",
                title=title,
                sort=[names.get(part, part) for part, _ in most],
                axis=alt.Axis(labelLimit=LABEL, labelOverlap=False),
            ),
            color=_verdict_color(),
            order=alt.Order("order:Q"),
            tooltip=[
                _tip("part:N", ""),
                _tip("verdict:N", t("figures.verdict")),
                _tip("searches:Q", t("figures.searches")),
            ],
        )
    )
    _draw(chart, t("figures.by_part_alt", part=title), 150 + 26 * len(most))


def speed(days: Mapping[str, Speed]) -> None:
    """The median seconds to an answer, day by day."""
    rows = [
        {"day": day, "seconds": one.seconds, "solved": one.solved}
        for day, one in days.items()
        if one.seconds is not None
    ]
    chart = (
        _chart(rows)
        .mark_line(point=True, color=MAIN)
        .encode(
            x=_days(t("figures.day")),
            y=alt.Y("seconds:Q", title=t("figures.median_seconds")),
            tooltip=[
                _tip("day:O", t("figures.day")),
                alt.Tooltip("seconds:Q", title=t("figures.median_seconds"), format=".0f"),
                _tip("solved:Q", t("figures.solved")),
            ],
        )
    )
    _draw(chart, t("figures.speed_alt"))


def places(found: Mapping[int, int]) -> None:
    """How often each place in the list was opened."""
    total = sum(found.values()) or 1
    names = {rank: f"{rank}+" if rank == LONG_RANK else str(rank) for rank in range(1, LONG_RANK + 1)}
    rows = [{"place": names[rank], "share": found.get(rank, 0) / total, "count": found.get(rank, 0)} for rank in names]
    chart = (
        _chart(rows)
        .mark_bar(color=MAIN)
        .encode(
            x=alt.X("place:N", title=t("figures.place"), sort=list(names.values()), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("share:Q", title=t("figures.share_opened"), axis=alt.Axis(format="%")),
            tooltip=[_tip("place:N", t("figures.place")), _tip("count:Q", t("figures.opened"))],
        )
    )
    _draw(chart, t("figures.places_alt"))


def reuse(points: Sequence[tuple[float, float]]) -> None:
    """The reuse distribution with its 80 % line."""
    whole: dict[str, Any] = {"axis": alt.Axis(format="%"), "scale": alt.Scale(domain=[0, 1])}
    carried: dict[str, Any] = {"title": t("figures.reuse_share"), **whole}
    area = (
        _chart([{"articles": articles, "carried": share} for articles, share in points])
        .mark_area(line={"color": MAIN}, color=MAIN, opacity=0.25)
        .encode(
            x=alt.X("articles:Q", title=t("figures.articles_share"), **whole),
            y=alt.Y("carried:Q", **carried),
            tooltip=[
                alt.Tooltip("articles:Q", title=t("figures.articles_share"), format=".0%"),
                alt.Tooltip("carried:Q", title=t("figures.reuse_share"), format=".0%"),
            ],
        )
    )
    _draw(area + _rule(MOST, carried), t("figures.reuse_alt"))


# A bar's place, as its whole name does not fit under it.
PLACE = alt.Axis(labelExpr="split(datum.value, '.')[0]", labelAngle=0, ticks=False)


def pareto(gaps: Sequence[tuple[str, float, float]]) -> None:
    """(name, minutes lost, share of all so far) of the dearest gaps, dearest first, with the 80 % line."""
    rows = [{"gap": f"{n}. {name}", "minutes": lost, "so_far": share} for n, (name, lost, share) in enumerate(gaps, 1)]
    names = [str(row["gap"]) for row in rows]
    base = _chart(rows).encode(
        x=alt.X("gap:N", sort=names, title=t("figures.gap"), axis=PLACE),
        tooltip=[
            _tip("gap:N", t("figures.gap")),
            alt.Tooltip("minutes:Q", title=t("figures.minutes_lost"), format=".0f"),
            alt.Tooltip("so_far:Q", title=t("figures.so_far"), format=".0%"),
        ],
    )
    bars = base.mark_bar(color=MAIN).encode(y=alt.Y("minutes:Q", title=t("figures.minutes_lost")))
    share: dict[str, Any] = {
        "title": t("figures.so_far"),
        "axis": alt.Axis(format="%", orient="right"),
        "scale": alt.Scale(domain=[0, 1]),
    }
    line = base.mark_line(point={"color": SECOND}, color=SECOND).encode(y=alt.Y("so_far:Q", **share))
    _draw(alt.layer(bars, line + _rule(MOST, share)).resolve_scale(y="independent"), t("figures.pareto_alt"))


def moved(weeks: Sequence[tuple[str, str, int]]) -> None:
    """(first day of the week, what became of gaps, how many)."""
    rows = [{"day": day, "kind": t(f"figures.gaps_{kind}"), "count": count} for day, kind, count in weeks]
    names = [t(f"figures.gaps_{kind}") for kind in GAPS]
    scale = alt.Scale(domain=names, range=list(GAPS.values()))
    chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=_days(t("figures.week")),
            xOffset=alt.XOffset("kind:N", sort=names),
            y=alt.Y("count:Q", title=t("figures.gaps"), axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(orient="top")),
            tooltip=[_tip("day:O", t("figures.week")), _tip("kind:N", ""), _tip("count:Q", t("figures.gaps"))],
        )
    )
    _draw(chart, t("figures.moved_alt"))


def _rule(share: float, y: dict[str, Any]) -> Any:
    """The 80 % line, on the axis of what it is drawn over."""
    rule = _chart([{"line": share}]).mark_rule(strokeDash=[6, 4], color=COLORS["missing"], size=2)
    return rule.encode(y=alt.Y("line:Q", **y))


def _verdict_color() -> alt.Color:
    names = [t(f"figures.{name}") for name in VERDICTS]
    scale = alt.Scale(domain=names, range=list(COLORS.values()))
    return alt.Color("verdict:N", title=None, scale=scale, legend=alt.Legend(orient="top"))


def _tip(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(field, title=title or " ")
