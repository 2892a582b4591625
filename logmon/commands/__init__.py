"""The command groups, a file each. Only Typer is imported until a command runs.

A new group: a file here with `app = typer.Typer(...)`, and one `app.add_typer` line in `cli.py`.
"""
