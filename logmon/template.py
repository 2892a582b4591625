"""Groups messages that carry no template: what differs only in its values is the same message.

Deterministic: the same messages in order give the same templates, in any process. Bounded: at most
`max_groups` templates are kept, the one unused longest is forgotten first, and a forgotten one that
comes back has the same id. A template may become part of a wider one later; `merges` tells.

How: `template_masks` blanks what is a value by its own form. What is left, a shape, meets all
shapes that differ from it in one place only (and in the values of keys, `key=value`): more than a
few different words there make that place a value.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from hashlib import blake2b

import msgspec

from logmon.template_masks import VALUE, Skeletons, shape, tidy

Shape = tuple[str, ...]

HOLE = "<*>"
"""A value in a template."""
CACHED_CHARS = 4_000_000
"""Characters of skeletons learned before those remembered with their group are forgotten."""

_FEW = 4
"""How many different words one place may hold and still be no value."""
_FEW_NAMES = 20
"""The same for first words and words before a colon, which name what the message is about."""
_FEW_ALONE = 10
"""The same where at most one other word could tell messages apart."""
_FEW_ANNOUNCED = 2
"""The same behind a word that announces a name, and for the one word after a colon."""
_MOST_MEMBERS = 24
"""More templates than this that differ in one place, and in values of keys, make it a value."""
_ANNOUNCING = frozenset(("user", "users", "username", "host", "hostname"))


@lru_cache(maxsize=4_096)
def template_id(template: str) -> str:
    """Return the short stable name of a template: 12 hexadecimal digits of its hash."""
    return blake2b(template.encode("utf-8", "replace"), digest_size=6).hexdigest()


class _Group:
    """One template."""

    __slots__ = ("born", "gone", "shape", "template", "text")

    def __init__(self, shape: Shape, text: str, born: int) -> None:
        self.shape = shape
        self.text = text
        self.template = text.replace(VALUE, HOLE)
        self.born = born
        self.gone = False


class _Slot(msgspec.Struct, frozen=True, gc=False):
    """One place of a shape: which hole it is when the word is left out, and the word's core."""

    place: int
    key: int
    core: str


class _State(msgspec.Struct, array_like=True):
    """All that a miner knows."""

    groups: list[tuple[Shape, int]]
    stars: list[int]
    skeletons: list[tuple[str, int]]
    cached_chars: int
    merges: list[tuple[str, str]]
    born: int


class TemplateMiner:
    """Groups messages online, each at the cost of a look-up once its like was seen."""

    def __init__(self, max_groups: int = 10_000) -> None:
        self._max = max_groups
        self._skeletons = Skeletons()
        self._cached: dict[str, _Group] = {}
        self._cached_chars = 0
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._holes: dict[int, dict[_Group, str]] = {}
        self._stars: dict[int, None] = {}
        self._merges: dict[str, str] = {}
        self._born = 0

    def __len__(self) -> int:
        """Return how many templates are kept."""
        return len(self._groups)

    def template(self, message: str) -> str:
        """Return the template of a message as it is known now, values as `<*>`."""
        skeleton = self._skeletons.of(message)
        group = self._cached.get(skeleton)
        if group is None or group.gone:
            return self._learn(skeleton).template
        self._groups.move_to_end(group.text)
        return group.template

    def known(self, message: str) -> str | None:
        """Return what `template` would without learning anything; None for what it would learn."""
        group = self._cached.get(self._skeletons.of(message))
        return None if group is None or group.gone else group.template

    def merges(self) -> dict[str, str]:
        """Return which templates became part of which since this was last asked.

        What has the old template as its key belongs under the new one from now on. At most
        `max_groups` merges are held for whoever asks, the newest ones.
        """
        told, self._merges = self._merges, {}
        for old, new in reversed(told.items()):
            told[old] = told.get(new, new)
        return told

    def state(self) -> bytes:
        """Return all that was learned, as MessagePack; `restore` takes it."""
        places = {text: place for place, text in enumerate(self._groups)}
        state = _State(
            groups=[(group.shape, group.born) for group in self._groups.values()],
            stars=list(self._stars),
            skeletons=[
                (skeleton, places[group.text])
                for skeleton, group in self._cached.items()
                if not group.gone
            ],
            cached_chars=self._cached_chars,
            merges=list(self._merges.items()),
            born=self._born,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def restore(cls, state: bytes, max_groups: int = 10_000) -> TemplateMiner:
        """Return a miner that answers as the one whose state this is would have.

        Raises:
            ValueError: the bytes are no state.
        """
        known = msgspec.msgpack.decode(state, type=_State)
        miner = cls(max_groups)
        groups = [_Group(found, "".join(found), born) for found, born in known.groups]
        miner._stars = dict.fromkeys(known.stars)
        for group in sorted(groups, key=lambda group: group.born):
            for slot in _slots(group.shape):
                miner._enter(group, slot)
        miner._groups = OrderedDict((group.text, group) for group in groups)
        for skeleton, place in known.skeletons:
            miner._cached[skeleton] = groups[place]
        miner._cached_chars = known.cached_chars
        miner._merges = dict(known.merges)
        miner._born = known.born
        return miner

    # --- skeletons never seen -----------------------------------------------------------------

    def _learn(self, skeleton: str) -> _Group:
        group = self._place(shape(skeleton))
        self._cache(skeleton, group)
        return group

    def _cache(self, skeleton: str, group: _Group) -> None:
        if self._cached_chars > CACHED_CHARS:
            self._cached.clear()
            self._cached_chars = 0
        self._cached_chars += len(skeleton)
        self._cached.pop(skeleton, None)
        self._cached[skeleton] = group

    def _place(self, found: Shape) -> _Group:
        """Return the group of a shape, a new one if it has none, and merge what became alike."""
        while True:
            text = "".join(found)
            group = self._groups.get(text)
            if group is not None:
                self._groups.move_to_end(text)
                return group
            slots = _slots(found)
            for slot in slots:
                if slot.key in self._stars and slot.core != VALUE:
                    found = _starred(found, slot.place)
                    break
            else:
                break
        group = self._add(found, text)
        full = [slot for slot in slots if self._enter(group, slot)]
        for slot in full:
            self._star(slot)
        return self._place(found) if group.gone else group

    def _add(self, found: Shape, text: str) -> _Group:
        if len(self._groups) >= self._max:
            self._remove(next(iter(self._groups.values())))
        self._born += 1
        group = self._groups[text] = _Group(found, text, self._born)
        return group

    def _enter(self, group: _Group, slot: _Slot) -> bool:
        """Put a group where all that differ in one place meet; say whether they are too many."""
        if slot.key in self._stars:
            return False
        members = self._holes.setdefault(slot.key, {})
        members[group] = slot.core
        if len(members) < 2:
            return False
        cores = set(members.values())
        if len(members) > _MOST_MEMBERS or (slot.place > 0 and VALUE in cores):
            return len(cores) > 1
        return len(cores) > _few(group.shape, slot)

    def _star(self, slot: _Slot) -> None:
        """Make a place a value: its members become one, and so will all that come."""
        members = self._holes.pop(slot.key, {})
        if len(self._stars) >= 2 * self._max:
            del self._stars[next(iter(self._stars))]
        self._stars[slot.key] = None
        for member in members:
            wider = _starred(member.shape, slot.place)
            if member.gone or "".join(wider) == member.text:
                continue
            self._remove(member)
            self._merged(member.template, self._place(wider).template)

    def _merged(self, old: str, new: str) -> None:
        if old == new:
            return
        self._merges.pop(old, None)
        self._merges.pop(new, None)
        self._merges[old] = new
        if len(self._merges) > self._max:
            del self._merges[next(iter(self._merges))]

    def _remove(self, group: _Group) -> None:
        """Forget a group, here and in every hole."""
        group.gone = True
        del self._groups[group.text]
        for slot in _slots(group.shape):
            members = self._holes.get(slot.key, {})
            if members.pop(group, None) is not None and not members:
                del self._holes[slot.key]


_OPENINGS = "[({<"
_ENDINGS = "])}>,;:.!?"


def _frame(word: str) -> tuple[str, str, str]:
    """Cut a word into what stands before its value (`key=`, `name(`), the value, and after it."""
    start = 1 if word[0] == " " else 0
    start = max(start, word.find("=", start) + 1)
    end = len(word.rstrip(_ENDINGS))
    for place in range(end - 1, start - 1, -1):
        if word[place] in _OPENINGS:
            start = place + 1
            break
    if start >= end:
        start, end = (1 if word[0] == " " else 0), len(word)
    return word[:start], word[start:end], word[end:]


def _slots(words: Shape) -> list[_Slot]:
    """Return the places of a shape whose words might be values."""
    if len(words) < 2:
        return []
    frames = [_frame(word) for word in words]
    hashes = []
    previous = ""
    for place, (word, (before, _, after)) in enumerate(zip(words, frames, strict=True)):
        keyed = "=" in before or previous == " ="  # its value does not tell shapes apart
        hashes.append(_hash(place, before + after if keyed else word))
        previous = word
    whole = sum(hashes)
    return [
        _Slot(place, (whole - hashes[place] + _hash(~place, before + VALUE + after)) % 2**64, core)
        for place, (before, core, after) in enumerate(frames)
        if core == VALUE or any(map(str.isalnum, core))
    ]


def _hash(place: int, text: str) -> int:
    """Hash the same in every process, unlike `hash`."""
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8, salt=b"%d" % place)
    return int.from_bytes(digest.digest(), "little")


def _starred(words: Shape, place: int) -> Shape:
    before, _, after = _frame(words[place])
    return tidy([*words[:place], f"{before}{VALUE}{after}", *words[place + 1 :]])


def _few(words: Shape, slot: _Slot) -> int:
    """Return how many different words a place may hold and still be no value."""
    place, word = slot.place, words[slot.place]
    count = sum(any(map(str.isalpha, word)) for word in words)
    if place == 0:
        return _FEW_NAMES if count > 3 else 2**31
    if word[-1] == ":":
        return _FEW_NAMES
    if count < 3:
        return _FEW_ALONE
    before = words[place - 1]
    alone = before[-1] == ":" and (place == len(words) - 1 or word[-1] in ",;")
    if alone or before.strip().lower() in _ANNOUNCING:
        return _FEW_ANNOUNCED
    return _FEW
