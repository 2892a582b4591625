"""Who does what on the screen, by name and type: so the app and its controls find each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logmon.tui.controls import Controls
    from logmon.tui.filters import Filters
    from logmon.tui.jumps import Jumps
    from logmon.tui.overview import Overview
    from logmon.tui.panels import Panels
    from logmon.tui.playing import Playing
    from logmon.tui.searches import Searches
    from logmon.tui.taking_out import TakingOut
    from logmon.tui.views import Views


class Owners:
    """Part of the app: each control, made when it is first asked for."""

    controls: Controls

    @property
    def views(self) -> Views:
        """The full views."""
        views: Views = self.controls.owner("views")
        return views

    @property
    def filters(self) -> Filters:
        """What narrows the tail."""
        filters: Filters = self.controls.owner("filters")
        return filters

    @property
    def searches(self) -> Searches:
        """What is searched."""
        searches: Searches = self.controls.owner("searches")
        return searches

    @property
    def jumps(self) -> Jumps:
        """What goes to rows."""
        jumps: Jumps = self.controls.owner("jumps")
        return jumps

    @property
    def taking_out(self) -> TakingOut:
        """Copies and exports."""
        taking_out: TakingOut = self.controls.owner("taking_out")
        return taking_out

    @property
    def playing(self) -> Playing:
        """The playhead's keys."""
        playing: Playing = self.controls.owner("playing")
        return playing

    @property
    def overview(self) -> Overview:
        """The histogram beside the rows."""
        overview: Overview = self.controls.owner("overview")
        return overview

    @property
    def panels(self) -> Panels:
        """What lies around the rows."""
        panels: Panels = self.controls.owner("panels")
        return panels
