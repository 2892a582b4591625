"""How well a colour can be told from the ground it is drawn on, and the nearest one that can.

WCAG 2.2, "contrast ratio" and "relative luminance": 4.5 is level AA for text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.color import Color

ENOUGH = 4.5
STEPS = 20


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: Color, foreground: Color, grounds: Iterable[Color]) -> Color:
    """Return a colour, moved towards the foreground as far as all grounds need; at most to it."""
    grounds = tuple(grounds)
    for step in range(STEPS):
        mixed = colour.blend(foreground, step / STEPS)
        if all(contrast(mixed, ground) >= ENOUGH for ground in grounds):
            return mixed
    return foreground


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
