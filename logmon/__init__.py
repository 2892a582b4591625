"""A live log tail for the terminal, with the outcomes of automation beside the events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logmon.producers import LogmonHandler, LogmonProcessor, install_excepthook

__version__ = "0.1.0"
__all__ = ["LogmonHandler", "LogmonProcessor", "__version__", "install_excepthook"]


def __getattr__(name: str) -> Any:
    """Import what producers need only when it is asked for."""
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("logmon.producers"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
