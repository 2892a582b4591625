"""A live log tail for the terminal, with the outcomes of automation beside the events."""

__version__ = "0.1.0"
