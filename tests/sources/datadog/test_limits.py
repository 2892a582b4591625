"""Our share of the budget is never exceeded, and nothing is asked before a reset."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.sources.datadog.limits import RateLimiter
from logmon.testing import FakeClock
from logmon.testing.fake_datadog import RateLimit
from logmon.testing.fake_datadog.limits import Bucket

PROFILES = [(2, 10), (3, 10), (10, 10), (60, 60), (300, 3600)]


def limiter_on(clock: FakeClock, share: float = 0.5) -> RateLimiter:
    return RateLimiter(share, clock.monotonic, random.Random(1))


def answer(limit: int, period: int, remaining: int, reset: float) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit), "x-ratelimit-period": str(period),
        "x-ratelimit-remaining": str(remaining), "x-ratelimit-reset": str(reset),
        "x-ratelimit-name": "logs_public_search_api",
    }  # fmt: skip


@given(
    st.sampled_from(PROFILES),
    st.floats(0.1, 1.0),
    st.integers(0, 70),
    st.floats(0, 60),
    st.lists(st.floats(0, 3), max_size=60),
)
def test_in_no_span_of_a_period_more_than_our_share(profile, share, others, began_s, pauses):
    limit, period = profile
    clock = FakeClock()
    clock.advance(began_s)
    bucket = Bucket(RateLimit(limit=limit, period_s=period, taken_by_others=others))
    limiter = limiter_on(clock, share)
    sent, blocked_until_s = [], 0.0
    for pause in [*pauses, *[0.0] * 2 * limit][:80]:
        clock.advance(pause)
        clock.advance(limiter.ready_in_s())
        now_s = clock.monotonic()
        assert now_s >= blocked_until_s
        limiter.sent()
        sent.append(now_s)
        headers = bucket.headers(now_s)
        if bucket.take(now_s):
            limiter.answered(bucket.headers(now_s))
        else:
            limiter.refused(headers)
            blocked_until_s = now_s + float(headers["x-ratelimit-reset"])
    allowed = max(1, int(limit * share))
    for first in range(len(sent)):
        span = [at_s for at_s in sent[first:] if at_s < sent[first] + period - 1e-6]
        assert len(span) <= allowed


def test_what_others_have_used_is_left_to_them():
    clock = FakeClock()
    limiter = limiter_on(clock)
    limiter.sent()
    limiter.answered(answer(10, 10, 5, 7))
    assert limiter.ready_in_s() == 7


def test_a_new_period_is_a_new_budget():
    clock = FakeClock()
    limiter = limiter_on(clock)
    limiter.answered(answer(60, 60, 38, 12))
    assert limiter.left() == 38
    clock.advance(12)
    assert limiter.left() == 60


@pytest.mark.parametrize(
    ("headers", "at_least_s", "at_most_s"),
    [
        (answer(10, 10, 0, 3), 3.1, 4.0),
        (answer(10, 10, 0, 0), 0.6, 1.5),
        (answer(10, 10, 0, 3) | {"x-ratelimit-reset": "soon"}, 10.1, 11.0),
        ({"retry-after": "7"}, 7.1, 8.0),
        ({}, 10.1, 11.0),
        ({"x-ratelimit-reset": "-1"}, 10.1, 11.0),
        ({"x-ratelimit-reset": "1e300"}, 10.1, 11.0),
    ],
)
def test_a_refusal_is_waited_out(headers, at_least_s, at_most_s):
    limiter = limiter_on(FakeClock())
    assert at_least_s <= limiter.refused(headers) <= at_most_s
    assert at_least_s <= limiter.ready_in_s() <= at_most_s


def test_the_third_refusal_in_a_row_halves_our_share_for_five_minutes():
    clock = FakeClock()
    limiter = limiter_on(clock)
    for _ in range(2):
        limiter.refused(answer(40, 10, 0, 3))
    assert limiter.allowed == 20
    limiter.refused(answer(40, 10, 0, 3))
    assert limiter.allowed == 10
    clock.advance(300)
    assert limiter.allowed == 20


def test_while_no_answer_has_told_the_limit_it_is_taken_to_be_ten_in_ten_seconds():
    limiter = limiter_on(FakeClock())
    for _ in range(5):
        assert limiter.ready_in_s() == 0
        limiter.sent()
    assert limiter.ready_in_s() == 10
