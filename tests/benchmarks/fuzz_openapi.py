"""schemathesis against the published description: no request may be answered with 5xx.

pip install schemathesis && python tests/benchmarks/fuzz_openapi.py [EXAMPLES]

The stream is left out of the generated requests: an answer without an end is none to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOGMON = [sys.executable, "-m", "logmon"]
CONFIG = """
[sources.mock]
type = "mock"
events_per_second = 200
[sources.otlp]
type = "otlp"
[api]
port = 0
requests_per_second = 1e6
refusals_per_second = 1e6
"""


def main() -> int:
    program = os.environ.get("SCHEMATHESIS") or shutil.which("schemathesis")
    if program is None:
        print("schemathesis is not installed: pip install schemathesis, or set SCHEMATHESIS")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG)
        env = {**os.environ, "XDG_STATE_HOME": folder, "LOGMON_CONFIG": str(config)}
        add = [*LOGMON, "serve", "token", "add", "--scope", "admin"]
        token = subprocess.run(add, env=env, capture_output=True, text=True, check=True).stdout
        server = subprocess.Popen([*LOGMON, "serve"], env=env, stderr=subprocess.PIPE, text=True)
        url = server.stderr.readline().split()[-1]
        try:
            done = subprocess.run(
                [
                    program, "run", f"{url}/openapi.json", "--url", url,
                    "--header", f"Authorization: Bearer {token.strip()}",
                    "--checks", "not_a_server_error", "--request-timeout", "5",
                    "--max-examples", sys.argv[1] if len(sys.argv) > 1 else "100",
                    "--exclude-path", "/api/log-monitor/events/stream",
                    "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
                ],
                check=False,
            )  # fmt: skip
        finally:
            server.terminate()
            _, said = server.communicate(timeout=10)
        print("what the server said meanwhile:", said.strip() or "nothing")
        return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
