"""The examples in docs/examples run as they are printed, against a real server."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.api.otlp_rig import receiving, rows

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SAID = {
    "handler.py": [
        "cart of bob holds 3 parts",
        "stock of A-17 is low",
        "no discount for bob",
    ],
    "structlog_events.py": ["cart opened", "card declined"],
    "uncaught.py": ["uncaught RuntimeError in the main thread: the card reader is gone"],
    "otel.py": ["card declined for order 812"],
    "in_process.py": [],
}


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", sorted(SAID))
async def test_an_example_runs_and_what_it_logs_arrives(name: str, tmp_path: Path) -> None:
    async with receiving(tmp_path) as served:
        environment = os.environ | {
            "LOGMON_URL": served.server.url,
            "LOGMON_API_TOKEN": served.tokens["ingest"],
        }
        running = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLES / name), env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await running.communicate()
        found = rows(served)
    assert running.returncode == (1 if name == "uncaught.py" else 0), errors.decode()
    assert [event.message for event in found] == SAID[name]
    assert all(event.source == "checkout" for event in found)
    if name == "in_process.py":
        assert out.decode() == "warn stock of A-17 is low A-17\n"
