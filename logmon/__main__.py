"""`python -m logmon` is the same program as `logmon`."""

from logmon.cli import main

if __name__ == "__main__":
    main()
