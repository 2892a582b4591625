"""What each written command must show when it is run; and the few that are not run, with the reason.

A command that is written on a page and stands in neither table is a failure, and so is a row of
them that no page has any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.docs_commands import DOCS
from tests.docs_world import EVENT_ID, TOKEN

ROWS = r"\d\d:\d\d:\d\d"


@dataclass(frozen=True)
class Ends:
    """A command that ends by itself; `shows` is a pattern that what it said must hold.

    `run` stands in for what is written where a page leaves something open. `then` is a second
    command in the same box, whose words are judged with the first one's. `config` names the table
    whose TOML block, on the page, is the configuration. What is `slow` is run by `-m soak`.
    """

    shows: str
    run: str = ""
    then: str = ""
    config: str = ""
    code: int = 0
    slow: bool = False


@dataclass(frozen=True)
class Stays(Ends):
    """A command that stays until Ctrl+c."""

    code: int = 130


@dataclass(frozen=True)
class Screen(Ends):
    """A command that opens a screen (or asks) on a terminal, where `keys` are pressed then."""

    keys: str = "q"


SUBSTITUTES = (
    ("http://127.0.0.1:8787", "{served}"),
    ("http://127.0.0.1:8126", "{fake_datadog}"),
    ("https://logs.example.com", "{served}"),
    ("--from URL", "--from {served}"),
    ("DD_SITE=datadoghq.eu", "DD_SITE={fake_datadog}"),
    ("DD_API_KEY=… DD_APP_KEY=…", "DD_API_KEY=any DD_APP_KEY=any"),
    ("LOGMON_API_TOKEN=…", f"LOGMON_API_TOKEN={TOKEN}"),
    ("--port 8126", "--port 0"),
    ("/tmp/stand-in.db", "stand-in.db"),  # noqa: S108 - as it is written
    ("/var/log/syslog", "syslog"),
    ("5f0c…", EVENT_ID),
    (" FILE", " file.jsonl"),
)
"""What stands in for addresses, keys and names of the pages: the box's own."""

STAND_IN = (
    "export LOGMON_SOURCES__PROD__TYPE=datadog LOGMON_SOURCES__PROD__SITE=http://127.0.0.1:8126; "
    "export DD_API_KEY=any DD_APP_KEY=any LOGMON_STORE__PATH=/tmp/stand-in.db; "
)
DATADOG_EU = "export DD_SITE=datadoghq.eu DD_API_KEY=… DD_APP_KEY=…; "
RECENT = "http://127.0.0.1:8787/api/log-monitor/events/recent"
STREAM = "http://127.0.0.1:8787/api/log-monitor/events/stream"
BEARER = 'curl -H "Authorization: Bearer $TOKEN"'
DRY_RUN = "logmon replay incident.jsonl --dry-run"
RECORD = "cp incident.jsonl rec.jsonl"

COMMANDS: dict[str, Ends] = {
    # Watching
    "logmon tail": Screen(ROWS),
    "logmon tail -n 50": Screen(ROWS),
    "logmon tail --level warn --source sentinel": Screen(rf"{ROWS}.*sentinel"),
    "logmon tail /var/log/syslog": Screen(r"sshd.*password: swordfish59 taken"),
    "logmon tail --redact": Screen(ROWS, run="cp syslog x.log; logmon tail --redact x.log"),
    "logmon tail -o json": Ends(
        r'^{"timestamp":"[^"]+Z","level":"\w+","source"', run="logmon tail -o json | head -1"
    ),
    "logmon tail -o json | head -50 > rec.jsonl": Ends(
        "^50 objects", then="python -c \"import json; print(len([json.loads(line) for line in open('rec.jsonl')]), 'objects')\""
    ),
    "logmon tail --from URL": Screen(ROWS, run="LOGMON_API_TOKEN=… logmon tail --from URL"),
    "LOGMON_API_TOKEN=… logmon tail --from https://logs.example.com": Screen(ROWS),
    "logmon keys": Ends(r"j  ↓ +down +Down"),
    # Recordings
    "logmon replay": Screen("GET /cart/79", run="logmon replay file.jsonl"),
    "logmon replay rec.jsonl": Screen(ROWS, run=f"{RECORD}; logmon replay rec.jsonl"),
    "logmon replay app.log --redact": Screen(r"password=\[redacted:password#"),
    "logmon replay rec.jsonl --dry-run": Ends(
        "^WI-1 ", run=f"{RECORD}; logmon replay rec.jsonl --dry-run"
    ),
    "logmon replay FILE --dry-run": Ends(
        "the same, byte for byte",
        run="logmon replay FILE --dry-run > 1; logmon replay FILE --dry-run > 2",
        then="cmp 1 2 && test -s 1 && echo the same, byte for byte",
    ),
    f"{DRY_RUN} --rules new.toml -o json": Ends('^{"id":"WI-1",.*"rule":"new"'),
    f"{DRY_RUN} --rules new.toml --diff-rules old.toml": Ends(r"- WI-1 .* old (.|\n)*\+ WI-1 .* new"),
    f"{DRY_RUN} --expect golden.json": Ends(
        "code 1$",
        run=f"{DRY_RUN} -o json > golden.json && {DRY_RUN} --expect golden.json",
        then=f"sed -i 1d golden.json; {DRY_RUN} --expect golden.json; echo code $?",
    ),
    "logmon replay FILE --speed 1": Screen("GET /cart/0", run="logmon replay FILE --speed 1"),
    "logmon replay FILE -s sentinel --plain": Ends("WI-1 opened"),
    "logmon patterns FILE": Ends(r"72 .*info:72 .* GET <\*>"),
    # Configuration, and what stands around
    "logmon --help": Ends("tail +Follow events"),
    "logmon config path": Ends("/home/.config/logmon/config.toml$"),
    "logmon config init": Ends("config.toml: ok$", then="logmon config check"),
    "logmon config check": Ends("built-in defaults: ok"),
    "logmon config schema > docs/config.schema.json": Ends(
        "as published", then=f"cmp docs/config.schema.json {DOCS}/config.schema.json && echo as published"
    ),
    "logmon doctor": Ends("✓ clock"),
    # Sentinel, and what the store holds
    "logmon sentinel explain": Ends("✓ minimum_level", run="logmon sentinel explain 5f0c…"),
    "logmon sentinel explain 5f0c…": Ends("Card declined for order 812(.|\n)*◆ default  opened WI-1"),
    "logmon sentinel explain app.log:120": Ends("14:02:00(.|\n)*◆ default  opened WI-1"),
    "tail -1 app.log | logmon sentinel explain": Ends("14:02:30(.|\n)*◆ default  opened WI-9"),
    "logmon sentinel rules": Ends("default +8 +8 +0 +0 +0"),
    "logmon items useful WI-7": Ends(r"default +8 .* 1 +0$", then="logmon sentinel rules"),
    "logmon items noise WI-7": Ends(r"default +8 .* 0 +1$", then="logmon sentinel rules"),
    "logmon sentinel trackers": Ends("hook(.|\n)*issues|issues(.|\n)*hook", config="sentinel.trackers.issues"),
    "logmon sentinel trackers WI-7": Ends("POST https://api.github.com/repos/owner/name/issues(.|\n)*Stock of", config="sentinel.trackers.issues"),
    "logmon dead list": Ends('invalid_json .*{"message":"cut off'),
    "logmon dead show": Ends("reason +invalid_json", run="logmon dead show 1"),
    "logmon dead retry": Ends("1 still refused"),
    "logmon dead purge": Screen(r"\[y/N\]", keys="y\r", then="logmon dead list; echo code $?"),
    "logmon dead export": Ends('{"number":1,', run="logmon dead export new.jsonl", then="cat new.jsonl"),
    # Over HTTP
    "logmon serve": Stays("serving on http://127.0.0.1:"),
    "LOGMON_API__ENABLED=true logmon tail": Screen(ROWS),
    "logmon serve token add --scope read": Ends("lm_.*\n.* read$", then="logmon serve token list"),
    "logmon serve token add --scope ingest": Ends("lm_.*\n.* ingest$", then="logmon serve token list"),
    f"{BEARER} '{RECENT}?level=warn&limit=20'": Ends('{"events":.*"level":"(warn|error|critical)"'),
    f"{BEARER.replace('curl', 'curl -N')} '{STREAM}?q=status:error'": Stays('^data: {.*"level":"error"'),
    "LOGMON_URL=http://127.0.0.1:8787 LOGMON_API_TOKEN=… python docs/examples/handler.py": Ends(
        "cart of bob holds 3 parts(.|\n)*stock of A-17 is low", then=f"{BEARER} '{RECENT}?source=checkout'"
    ),
    # Datadog, by its fake
    "logmon sources check": Ends("✓ mock"),
    f"{DATADOG_EU}logmon sources check prod": Ends("✓ prod access", config="sources.prod"),
    f"{DATADOG_EU}logmon tail": Screen(rf"{ROWS}.*payments", config="sources.prod"),
    "python -m logmon.testing.fake_datadog --port 8126": Stays(r"http://127.0.0.1:\d+"),
    f"{STAND_IN}logmon tail": Screen(rf"prod.* behind(.|\n)*{ROWS}"),
    "logmon doctor datadog": Ends("✓  access", run=f"{STAND_IN}logmon doctor datadog", slow=True),
}  # fmt: skip

FLAGS: dict[str, Ends] = {
    "logmon tail file.jsonl --no-follow -l warn -n 50": Ends("Login throttled"),
    "logmon tail file.jsonl --no-follow -s 'api*' -s '!api-2' -n all": Ends("GET /cart/0 "),
    "logmon tail file.jsonl --no-follow -q 'status:error @http.status:>=500'; echo none": Ends("^none"),
    "logmon tail file.jsonl --no-follow -S 15m; echo none": Ends("^none"),
    "logmon tail file.jsonl --no-follow -U 14:30": Ends("GET /cart/79 "),
    "logmon tail file.jsonl --no-follow -s sentinel -n 5": Ends("WI-8 opened"),
    "logmon tail file.jsonl --no-follow -s logmon -q -service:logmon; echo none": Ends("^none"),
    "logmon tail file.jsonl --no-follow -s '!logmon' -n 5": Ends("GET /cart/79 "),
    "tail -3 incident.jsonl | logmon replay - --speed 1": Ends("GET /cart/79 "),
    "python -m logmon.testing.fake_datadog --port 0 --chance 503=0.05 --chance cut-body=0.05 "
    "--on 7=hang --rate 2/10 --lags assumed --hidden 0.1 --skew-s 3600 --key API:APP": Stays(
        r"http://127.0.0.1:\d+"
    ),
}  # fmt: skip
"""Commands that flags with a value are tried in, by `-m soak`."""
NO_FLAGS = {"--name value", "-wal", "-shm"}
"""What only looks like a flag: texts that redaction knows, ends of files' names."""

BENCHMARK = re.compile(r"(?:\w+=\S+ )?python (?:-m )?(tests[/.]benchmarks[/.]\w+)")
SELECTION = re.compile(r"pytest (.+)")
"""Commands that take minutes, or that the suite runs itself: see `tests/test_docs_run.py`."""
INSTALLED = re.compile(r"python3 -m venv \.venv && \.venv/bin/pip install -q .+ && \.venv/bin/.+")
"""Takes packages from an index: `pytest -m soak tests/test_newcomer.py` runs it in a clone."""

NOT_RUN = {
    "pip install '.[otlp]'": "takes packages from an index; the extra is looked for in pyproject.toml",
    "python -m tests.generated_pages": "writes into the project: `tests/test_docs_recipes.py` runs "
    "it in a copy, and `tests/test_docs.py` compares what it would write",
    "curl -u user:password": "no command to give: a form of text that redaction knows",
}
"""Commands that cannot be run here: the reason, and what shows instead that they hold."""
