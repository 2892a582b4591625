"""Levels can be read in every theme: WCAG's ratio of 4.5, on plain rows and on those of items."""

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from logmon.level import Level
from logmon.tui.contrast import contrast, readable
from logmon.tui.palette import Palette
from logmon.tui.themes import OWN_THEMES

COLOURED = [theme for theme in [*OWN_THEMES, *BUILTIN_THEMES.values()] if not theme.ansi]
OURS = [theme for theme in OWN_THEMES if not theme.ansi]


def colour(found) -> Color:
    return Color.from_rich_color(found)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("level", Level, ids=lambda level: level.name.lower())
def test_every_level_can_be_read_on_plain_rows_and_on_those_of_items(theme, level):
    palette = Palette(theme)
    style = palette.levels[level]
    grounds = [style.bgcolor, *(palette.item(f"WI-{n}")[1].bgcolor for n in range(8))]
    text = palette.text
    least = min(contrast(colour(style.color), colour(ground)) for ground in grounds)
    best = min(contrast(colour(text.color), colour(ground)) for ground in grounds)
    assert least >= 4.5 or least == pytest.approx(best), "no worse than the theme's own text"


@pytest.mark.parametrize("theme", OURS, ids=lambda theme: theme.name)
def test_in_our_own_themes_every_level_has_the_full_ratio(theme):
    palette = Palette(theme)
    for level, style in palette.levels.items():
        for ground in (style.bgcolor, *(palette.item(f"WI-{n}")[1].bgcolor for n in range(8))):
            assert contrast(colour(style.color), colour(ground)) >= 4.5, level


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("name", ["warn", "bad", "good", "notice", "value", "bar_warn", "bar_bad"])
def test_what_warns_can_be_read(theme, name):
    palette = Palette(theme)
    style = getattr(palette, name)
    text = colour((palette.bar if name.startswith("bar") else palette.text).color)
    ratio = contrast(colour(style.color), colour(style.bgcolor))
    assert ratio >= 4.5 or ratio == pytest.approx(contrast(text, colour(style.bgcolor)))


def test_the_ratio_is_wcags():
    black, white = Color.parse("#000000"), Color.parse("#ffffff")
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), white) == pytest.approx(4.478, abs=0.001)
    assert contrast(white, white) == 1


def test_a_colour_that_can_be_read_stays_and_another_moves_no_farther_than_it_must():
    black, white = Color.parse("#000000"), Color.parse("#ffffff")
    assert readable(Color.parse("#005500"), black, [white]) == Color.parse("#005500")
    moved = readable(Color.parse("#ffcc00"), black, [white])
    assert 4.5 <= contrast(moved, white) < 5.5
    assert readable(white, white, [white]) == white
