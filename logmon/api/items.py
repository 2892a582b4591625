"""Work items and dead letters, as they are kept, redacted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from logmon.api.door import token_of
from logmon.api.parameters import MOST_SEQ, Parameters
from logmon.api.refused import Refused
from logmon.api.status import answer
from logmon.dead_letter import to_document as letter_document
from logmon.errors import ItemError, UnknownItem
from logmon.work_item import Feedback, Status
from logmon.work_item import to_document as item_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from logmon.api.door import Api
    from logmon.dead_letter import DeadLetter
    from logmon.work_item import WorkItem

MOST_ITEMS = 1_000
BODY_BYTES = 4_096


class WantedStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a change of status asks for."""

    status: Status


class WantedMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a mark asks for; empty takes it back."""

    feedback: Feedback


Body = TypeVar("Body", WantedStatus, WantedMark)


async def work_items(api: Api, request: Request) -> Response:
    """Answer with the work items, open ones first, the one that changed last first."""
    given = Parameters(request, "limit")
    limit = given.number("limit", least=1, most=MOST_ITEMS) or MOST_ITEMS
    sentinel = api.service.sentinel
    found = sentinel.items.latest(limit) if sentinel is not None else []
    return answer({"items": [served(api, item) for item in found]})


async def change(api: Api, request: Request) -> Response:
    """Change an item's status and answer with the item as it is then.

    Raises:
        Refused: the body is not `{"status": …}`, there is no such item, or it cannot become that.
    """
    wanted = await _wanted(request, WantedStatus)
    return await _changed(api, request, partial(api.service.set_status, status=wanted.status))


async def mark(api: Api, request: Request) -> Response:
    """Mark an item as useful, as noise or as neither and answer with the item as it is then.

    Raises:
        Refused: the body is not `{"feedback": …}`, or there is no such item.
    """
    wanted = await _wanted(request, WantedMark)
    return await _changed(api, request, partial(api.service.set_feedback, feedback=wanted.feedback))


async def _wanted(request: Request, body: type[Body]) -> Body:
    Parameters(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "the body must be application/json")
    try:
        return msgspec.json.decode(await request.body(), type=body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        (key,) = body.__struct_fields__
        raise Refused(422, f'the body is not {{"{key}": …}}: {error}') from None


async def _changed(api: Api, request: Request, ask: Callable[..., Awaitable[WorkItem]]) -> Response:
    try:
        item = await ask(request.path_params["id"], by=f"api {token_of(request.scope).id}")
    except UnknownItem as error:
        raise Refused(404, str(error)) from None
    except ItemError as error:
        raise Refused(409, str(error)) from None
    return answer(served(api, item))


def served(api: Api, item: WorkItem) -> dict[str, Any]:
    """Return a work item as it leaves."""
    document = item_document(item)
    return document if api.redactor is None else api.redactor.document(document)


async def dead_letters(api: Api, request: Request) -> Response:
    """Answer with the records that could not become events, the newest first."""
    given = Parameters(request, "limit", "before")
    limit = given.number("limit", least=1, most=MOST_ITEMS) or 100
    before = given.number("before", least=0, most=MOST_SEQ)
    pairs = await asyncio.to_thread(_kept, api, limit, before)
    following = pairs[-1][0] if len(pairs) == limit else None
    letters = [{"number": number, **_letter(api, letter)} for number, letter in pairs]
    return answer({"dead_letters": letters, "next": following})


def _kept(api: Api, limit: int, before: int | None) -> list[tuple[int, DeadLetter]]:
    """Return (number, letter) pairs with number < `before`, from the store or from memory."""
    store = api.service.store
    if store is not None:
        kept = store.dead_letters(limit=limit, before=before)
        return [(one.number, one.letter) for one in kept]
    held = api.service.hub.dead_letters
    sources = api.service.hub.sources.values()
    first = sum(source.dead_lettered for source in sources) - len(held) + 1
    numbered = list(enumerate(held, first))
    return [pair for pair in reversed(numbered) if before is None or pair[0] < before][:limit]


def _letter(api: Api, letter: DeadLetter) -> dict[str, Any]:
    return letter_document(letter if api.redactor is None else api.redactor.dead_letter(letter))
