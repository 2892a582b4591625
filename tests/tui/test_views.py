"""The full views and the histogram: one gesture, one visible result; and a picture of each."""

from __future__ import annotations

import pytest

from logmon.event import from_ns, to_ns
from logmon.level import Level
from logmon.testing import NOON, make_event
from logmon.tui.header import FilterLine, Header, KeyHints
from logmon.tui.histogram_view import HistogramStrip
from logmon.tui.patterns_view import PatternList
from logmon.tui.sources_view import EmitterList, SourceList
from logmon.tui.stats_view import StatsPage
from tests.hostile import ATTACKS
from tests.tui.stage import Stage, all_lines_are_text, compare, stage, story


def at(second: float, message: str = "row", **fields):
    return make_event(
        f"{message} {second:g}", timestamp=from_ns(to_ns(NOON) + round(second * 1e9)), **fields
    )


async def settled(s: Stage, pilot) -> None:
    """Wait until rows are drawn, counted and, in the Patterns view, looked at."""
    await s.drawn(pilot)
    s.app.overview.count_now()
    for _ in range(200):
        front = s.app.views.front
        if front is None or getattr(front, "_working", None) is None:
            break
        await pilot.pause(0.005)
    if (front := s.app.views.front) is not None:
        front.tick()
    await pilot.pause()


def lines(s: Stage, kind) -> list[str]:
    widget = s.app.main.query_one(kind)
    return [widget.line(y).text.rstrip() for y in range(widget.size.height)]


# Histogram


async def timeline(s: Stage, pilot) -> None:
    """Ten minutes of calm rows; errors at 2 and 5 minutes, a warning at 8."""
    for second in range(0, 600, 5):
        level = Level.ERROR if second in (120, 300) else Level.WARN if second == 480 else Level.INFO
        await s.give(at(second, level=level))
    await settled(s, pilot)


async def test_the_strip_says_which_time_it_covers():
    async with stage() as (s, pilot):
        await timeline(s, pilot)
        assert "12:00:00 → 12:10:00 · click to jump" in lines(s, HistogramStrip)[0]


async def test_clicking_the_strip_goes_to_the_first_row_of_that_time():
    async with stage() as (s, pilot):
        await timeline(s, pilot)
        strip = s.app.main.query_one(HistogramStrip)
        bucket = strip.histogram.bucket_of(to_ns(NOON) + 300 * 10**9)
        await pilot.click(HistogramStrip, offset=(strip.cells_of(bucket)[0], 0))
        await settled(s, pilot)
        cursor = s.app.model.cursor
        first = strip.histogram.first_row(bucket)
        assert cursor == first
        assert s.app.model.delivery(cursor).event.message == "row 300"


@pytest.mark.parametrize("width", [60, 80, 120, 133])
async def test_each_cell_of_the_strip_belongs_to_the_bucket_drawn_there(width):
    async with stage(size=(width, 34)) as (s, pilot):
        await timeline(s, pilot)
        strip = s.app.main.query_one(HistogramStrip)
        drawn = [
            bucket
            for bucket in range(strip.histogram.grid.count)
            for _ in range(*strip.cells_of(bucket))
        ]
        assert [strip.bucket_at(1 + x) for x in range(len(drawn))] == drawn
        assert strip.bucket_at(0) is strip.bucket_at(1 + len(drawn)) is None


async def test_keys_walk_the_buckets_with_figures_and_enter_goes_there():
    async with stage() as (s, pilot):
        await timeline(s, pilot)
        await pilot.press("i")
        await settled(s, pilot)
        title, *_ = lines(s, HistogramStrip)
        assert "histogram · 12:00:00 → 12:10:00 · each 10 s" in title
        assert "3 errors · 1 warning " in title
        await pilot.press("E")
        assert "12:05:00 · 2 rows · E 1 W 0" in lines(s, HistogramStrip)[-1]
        await pilot.press("E")
        assert "12:02:00" in lines(s, HistogramStrip)[-1]
        await pilot.press("e", "enter")
        await settled(s, pilot)
        assert s.app.model.delivery(s.app.model.cursor).event.message == "row 300"
        await pilot.press("i", "g", "l")
        assert "12:00:10" in lines(s, HistogramStrip)[-1]


async def test_i_shows_figures_then_hides_then_brings_the_strip_back():
    async with stage() as (s, pilot):
        strip = s.app.main.query_one(HistogramStrip)
        heights = []
        for _ in range(4):
            heights.append(strip.size.height if strip.display else 0)
            await pilot.press("i")
            await pilot.pause()
        assert heights == [1, 5, 0, 1]
        await pilot.press("escape")
        await pilot.pause()
        assert strip.size.height == 1


async def test_the_histogram_counts_what_the_filter_shows():
    async with stage() as (s, pilot):
        await timeline(s, pilot)
        s.app.filters.take("status:error")
        await settled(s, pilot)
        assert s.app.main.query_one(HistogramStrip).histogram.counts.sum(axis=0).tolist() == [
            0, 0, s.app.model.shown(),
        ]  # fmt: skip


async def test_without_colour_letters_tell_warnings_and_errors(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage() as (s, pilot):
        await timeline(s, pilot)
        strip = lines(s, HistogramStrip)[0]
        assert "E" in strip
        assert "W" in strip


async def test_the_rate_sparkline_is_sampled_each_second():
    async with stage() as (s, pilot):
        header = s.app.main.query_one(Header)
        for second in range(8):
            await s.give(*[at(second * 100 + n) for n in range(10 * (second + 1))])
            header.tick(s.clock.now(), 1_000_000.0 + second)
        await pilot.pause()
        assert "▂▃▄▅▆▇█" in header.line(0).text.replace(" ", "")[:200]
        assert " 80 ev/s" in header.line(0).text


# Patterns


async def test_patterns_are_listed_and_enter_shows_only_their_rows():
    async with stage() as (s, pilot):
        for n in range(30):
            await s.give(make_event(f"cache miss {n}"), make_event(f"user u{n} signed in"))
        await s.give(make_event("boot", level=Level.ERROR))
        await pilot.press("f6")
        await settled(s, pilot)
        rows = lines(s, PatternList)
        assert rows[0].startswith("─ patterns · 3 · of ")
        assert rows[2].split()[0] == "30"
        assert rows[4].split()[0] == "1"
        await pilot.press("enter")
        await settled(s, pilot)
        assert s.app.views.current == "tail"
        wanted = s.app.state.pattern.template
        assert f"pattern {wanted}" in s.line(FilterLine)
        assert s.app.model.shown() == 30
        await pilot.press("escape")
        await settled(s, pilot)
        assert s.app.model.shown() == s.app.model.held


async def test_minus_hides_a_pattern():
    async with stage() as (s, pilot):
        for n in range(30):
            await s.give(make_event(f"cache miss {n}"))
        await s.give(make_event("boot"))
        await pilot.press("f6")
        await settled(s, pilot)
        await pilot.press("minus")
        await settled(s, pilot)
        assert "all but cache miss" in s.line(FilterLine)
        assert [row.split()[-1] for row in s.rows() if row] == ["boot"]


async def test_the_selected_pattern_stays_selected_while_the_order_changes():
    async with stage() as (s, pilot):
        await s.give(*[make_event(f"alpha ran {n}") for n in range(9)])
        await s.give(*[make_event(f"beta ran {n}") for n in range(5)])
        await pilot.press("f6")
        await settled(s, pilot)
        await pilot.press("j")
        chosen = s.app.main.query_one(PatternList).selected
        assert chosen.startswith("beta")
        await s.give(*[make_event(f"beta ran {n} again".replace(" again", "")) for n in range(9)])
        await settled(s, pilot)
        view = s.app.main.query_one(PatternList)
        assert view.selected == chosen
        assert view.place == 0


async def test_a_pattern_in_force_takes_in_rows_as_it_grows():
    async with stage() as (s, pilot):
        words = ["alpha", "beta", "gamma", "delta", "zeta", "eta", "theta", "iota", "kappa"]
        text = "the worker named {} has left the pool now"
        await s.give(make_event(text.format("alpha")))
        await pilot.press("f6")
        await settled(s, pilot)
        await pilot.press("enter")
        await settled(s, pilot)
        for word in words[1:]:
            await s.give(make_event(text.format(word)))
        for _ in range(3):
            s.app.filters.follow_pattern()
            await settled(s, pilot)
        assert "<*>" in s.app.state.pattern.template
        assert s.app.model.shown() == len(words)


# Sources and Stats


async def test_sources_show_health_age_drops_and_who_emits():
    async with stage() as (s, pilot):
        await s.give(
            at(0, source="api"), at(1, source="db", level=Level.ERROR), at(2, source="api")
        )
        ill = s.hub.intake("prod").statistics
        ill.state, ill.detail, ill.dropped, ill.received = "retry in 8 s", "403 Forbidden", 7, 7
        s.clock.advance(34)
        await pilot.press("f7")
        await settled(s, pilot)
        rows = lines(s, SourceList)
        assert rows[0].startswith("─ sources · 2 · 1 not well")
        assert rows[2].split()[:3] == ["mock", "32", "s"]
        assert "✓ live" in rows[2]
        assert "✗ retry in 8 s · 403 Forbidden" in rows[3]
        assert " 7 " in rows[3]
        emitters = [row.split() for row in lines(s, EmitterList)[2:] if row]
        assert [[row[0], row[1], row[-1]] for row in emitters] == [
            ["2", "·0"[1:], "api"], ["1", "1", "db"], ["1", "1", "sentinel"],
        ]  # fmt: skip
        await pilot.press("tab", "j", "enter")
        await settled(s, pilot)
        assert s.app.state.text == "service:db"
        assert s.app.model.shown() == 1


async def test_rates_are_sampled_each_second():
    async with stage() as (s, _):
        s.app.rates.sample(s.hub.sources, 1_000_000.0)
        await s.give(*[at(n) for n in range(50)])
        s.app.rates.sample(s.hub.sources, 1_000_002.0)
        assert list(s.app.rates.of("mock"))[-1] == 25


@pytest.mark.parametrize("width", [120, 60])
async def test_stats_hold_the_accounting_identity(width):
    async with stage(size=(width, 34)) as (s, pilot):
        await s.give(*[at(n) for n in range(9)])
        account = s.intake.statistics
        account.received += 1_000
        account.filtered += 1_000
        await pilot.press("f8")
        await settled(s, pilot)
        text = "\n".join(lines(s, StatsPage))
        figures = " ".join(text.split())
        if width == 120:
            assert "mock 1,009 = 9 + 1,000 + 0 + 0 + 0 0 ✓" in figures
        else:
            assert "1,009 received ✓ = 9 stored + 1,000 filtered" in figures
        assert "9 rows held" in figures
        assert "sentinel 0 passed + 9 skipped" in figures
        account.received += 3
        await settled(s, pilot)
        assert "✗ off by 3" in "\n".join(lines(s, StatsPage))


async def test_what_came_while_the_tail_is_frozen_is_not_called_hidden():
    async with stage(size=(120, 34)) as (s, pilot):
        await s.give(*[at(n) for n in range(4)])
        await s.drawn(pilot)
        await pilot.press("=")
        await s.give(*[at(n) for n in range(4, 7)])
        await pilot.press("f8")
        await settled(s, pilot)
        figures = " ".join("\n".join(lines(s, StatsPage)).split())
        assert "7 rows held" in figures
        assert "= 4 shown + 0 hidden by the filter + 3 not drawn yet" in figures


async def test_each_view_comes_by_its_key_and_goes_by_q():
    async with stage() as (s, pilot):
        for key, name in VIEW_KEYS.items():
            await pilot.press(*key.split())
            await settled(s, pilot)
            assert s.app.views.current == name
            assert s.app.focused is not None
            await pilot.press("q")
            await settled(s, pilot)
            assert s.app.views.current == "tail"


async def test_lists_are_moved_through_by_the_keys_of_the_tail():
    async with stage(size=(100, 20)) as (s, pilot):
        words = [f"{a}{b}" for a in "abcdefgh" for b in "aeiou"]
        for place, word in enumerate(words):
            await s.give(*[make_event(word) for _ in range(1 + place)])
        await pilot.press("f6")
        await settled(s, pilot)
        view = s.app.main.query_one(PatternList)
        shown = view.size.height - 2
        for keys, place in (
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("space", shown), ("b", 0), ("G", 39),
            ("k", 38), ("g", 0), ("pagedown", shown), ("pageup", 0), ("end", 39), ("home", 0),
        ):  # fmt: skip
            await pilot.press(keys)
            assert view.place == place, keys
        assert view.selected == words[-1]


VIEW_KEYS = {
    "f4": "items", "f5": "dead", "grave_accent i": "items", "grave_accent d": "dead",
    "f6": "patterns", "f7": "sources", "f8": "stats",
    "grave_accent p": "patterns", "grave_accent s": "sources", "grave_accent a": "stats",
}  # fmt: skip


async def test_the_last_line_shows_the_keys_of_the_panel_that_has_them():
    async with stage() as (s, pilot):
        assert " a work items" in s.line(KeyHints)
        await s.give(make_event("x"))
        await pilot.press("f6")
        await settled(s, pilot)
        assert "- all but this" in s.line(KeyHints)
        assert "follow" not in s.line(KeyHints)


@pytest.mark.parametrize("key", ["f6", "f7", "f8"])
@pytest.mark.parametrize("size", [(60, 20), (120, 34)])
async def test_hostile_text_in_a_view_is_text(key, size):
    """Templates, sources and details are shown, each as one printable line of the right width."""
    async with stage(size=size) as (s, pilot):
        for n, text in enumerate(ATTACKS.values()):
            await s.give(
                make_event(text, source=text[:300], message_template=text or None, id=f"h{n}")
            )
            account = s.hub.intake(text[:300]).statistics
            account.state, account.detail = text[:300], text[:300]
        await pilot.press(key)
        await settled(s, pilot)
        for _ in range(6):
            all_lines_are_text(s)
            for widget in s.app.views.front.query("LinesWidget").results():
                widget.page(1)


# Pictures

SCENES = {
    "patterns": ("f6", {}),
    "patterns-narrow": ("f6", {"size": (60, 20)}),
    "patterns-light": ("f6", {"theme": "textual-light"}),
    "sources": ("f7", {}),
    "sources-narrow": ("f7", {"size": (60, 20)}),
    "stats": ("f8", {}),
    "stats-narrow": ("f8", {"size": (60, 20)}),
    "histogram": ("i", {}),
    "histogram-light": ("i", {"theme": "textual-light"}),
}


@pytest.mark.parametrize("name", SCENES)
async def test_each_view_looks_as_its_picture(name):
    keys, options = SCENES[name]
    options = dict(options)
    async with stage(size=options.pop("size", (120, 34)), **options) as (s, pilot):
        await story(s)
        await s.drawn(pilot)
        await pilot.press(*keys.split())
        await settled(s, pilot)
        if name.startswith("histogram"):
            await pilot.press("E")
        await portrait_time(s, pilot)
        compare(name, s.app)


async def portrait_time(s: Stage, pilot) -> None:
    """Stop what depends on the clock on the wall."""
    from logmon.tui.header import Header

    for timer in list(s.app._timers):
        timer.stop()
    header = s.app.main.query_one(Header)
    rates = [12, 20, 25, 26, 25, 24, 40, 61, 30, 25]
    header._rates.extend(rates)
    for _ in range(6):
        s.app.rates.of("mock").extend(rates)
    header._now = s.clock.now()
    header.refresh()
    s.app.overview.count_now()
    if s.app.views.front is not None:
        s.app.views.front.tick()
    await pilot.pause()
