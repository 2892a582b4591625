"""`logmon` and `python -m logmon`: an interrupt ends it without a trace from the start on."""

import os
import signal


def main() -> None:
    """Run the program; a signal before a command has its own handling ends it quietly."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    from logmon.cli import main as run

    run()


if __name__ == "__main__":
    main()
