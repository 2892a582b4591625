"""`python -m logmon.testing.fake_datadog --port 8126`: a Datadog on this machine, for logmon tail.

Prints its URL on stdout once it listens, and serves until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from logmon.testing.fake_datadog.behaviour import Behaviour
from logmon.testing.fake_datadog.events import (
    ASSUMED,
    EIGHTEEN_HOURS,
    LIVE,
    NONE,
    WITHIN_5_S,
    Traffic,
)
from logmon.testing.fake_datadog.faults import known
from logmon.testing.fake_datadog.limits import RateLimit
from logmon.testing.fake_datadog.server import FakeDatadog
from logmon.testing.fake_datadog.serving import serving

LAGS = {"live": LIVE, "assumed": ASSUMED, "none": NONE, "5s": WITHIN_5_S, "18h": EIGHTEEN_HOURS}


def _chance(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    return known(name), float(share)


def _scripted(text: str) -> tuple[int, str]:
    number, _, name = text.partition("=")
    return int(number), known(name)


def _rate(text: str) -> RateLimit:
    limit, _, period_s = text.partition("/")
    return RateLimit(limit=int(limit), period_s=int(period_s))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m logmon.testing.fake_datadog", description=__doc__
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--seed", type=int, default=7)
    add("--events-per-second", type=float, default=5.0)
    add("--count", type=int, help="how many events there are in all; endless without")
    add("--history-s", type=float, default=900.0, help="how long ago the events begin")
    add("--lags", choices=LAGS, default="live", help="how late events can be seen")
    add("--hidden", type=float, default=0.0, help="share of events a restriction keeps back")
    add("--rate", type=_rate, default=RateLimit(), metavar="N/SECONDS", help="10/10 by default")
    add("--taken", type=int, default=0, help="requests of each period that others use up")
    add("--chance", type=_chance, action="append", default=[], metavar="FAULT=SHARE")
    add("--on", type=_scripted, action="append", default=[], metavar="NUMBER=FAULT")
    add("--key", action="append", default=[], metavar="API:APP", help="any key will do without")
    add("--token", action="append", default=[], metavar="ddpat_…")
    add("--skew-s", type=float, default=0.0, help="how far its clock is ahead")
    return parser


def fake_of(given: argparse.Namespace) -> FakeDatadog:
    """Build the fake that the flags describe."""
    rate = RateLimit(
        limit=given.rate.limit, period_s=given.rate.period_s, taken_by_others=given.taken
    )
    fake = FakeDatadog(
        traffic=Traffic(
            per_second=given.events_per_second,
            count=given.count,
            lags=LAGS[given.lags],
            hidden_share=given.hidden,
            seed=given.seed,
        ),
        history_s=given.history_s,
        behaviour=Behaviour(search_rate=rate, skew_s=given.skew_s, chances=dict(given.chance)),
        seed=given.seed,
    )
    for number, fault in given.on:
        fake.on(number, fault)
    for pair in given.key:
        api_key, _, app_key = pair.partition(":")
        fake.access.add_pair(api_key, app_key)
    for token in given.token:
        fake.access.add_token(token)
    return fake


async def _serve(given: argparse.Namespace) -> None:
    async with serving(fake_of(given), port=given.port) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> int:
    """Serve until stopped; return the exit code."""
    given = _parser().parse_args()
    try:
        asyncio.run(_serve(given))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        sys.stderr.write(f"fake_datadog: port {given.port}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
