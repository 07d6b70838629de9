"""Plays the faults: decides for each question which of them hit, and has them act."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from ..replies import Call, RefusedRequest, Reply, invalid_value, refusal_reply
from .kinds import Answer, Scene, Stage
from .ledger import Ledger
from .rules import Fault

Hit = Callable[[str], None]


class Faults:
    """The faults of one life of the service, in order: a later one works on what the earlier ones left.

    With the same `seed`, the same questions get the same faults, whatever ids they carry and from however many threads
    they come: a draw depends on the rule, the question and how often it was asked. Safe to use from many threads.
    """

    def __init__(self, rules: Sequence[Fault] = (), *, seed: int = 0) -> None:
        self.rules = tuple(rules)
        self.seed = seed
        self._ledger = Ledger()
        self._lock = threading.Lock()
        self._seen: Counter[tuple[int, str]] = Counter()
        self._hits: Counter[tuple[int, str]] = Counter()
        self._draws: Counter[tuple[int, str]] = Counter()
        self._tallies: Counter[tuple[int, str]] = Counter()
        self._decided: dict[tuple[int, str], bool] = {}
        self._memories: dict[tuple[int, str], dict[str, float]] = {}
        self._revoked = False

    def __repr__(self) -> str:
        return f"Faults({list(self.rules)!r}, seed={self.seed})"

    def play(self, stage: Stage, call: Call, answer: Answer) -> tuple[Reply, tuple[str, ...]]:
        """Answers a question: gives the answer, and the names of the faults that hit it."""
        hits: list[str] = []

        def own(call: Call) -> Reply:
            if self._revoked:
                return refusal_reply(RefusedRequest(401, *invalid_value("token").complaints))
            reply = answer(call)
            self._ledger.read(call, reply)
            return reply

        chain: Answer = own
        for number, rule in enumerate(self.rules):
            if rule.is_on(call.service) and rule.kind.suits(rule.arguments, call):
                chain = partial(self._through, number, stage, hits.append, chain)
        return chain(call), tuple(hits)

    def _through(self, number: int, stage: Stage, hit: Hit, inner: Answer, call: Call) -> Reply:
        """Answers through one rule; the service is asked first only where the rule depends on its answer."""
        rule = self.rules[number]
        kind = rule.kind
        if not rule.is_where(self._ledger.parameters_of(call)):
            return inner(call)
        if kind.act is not None and rule.answered is None:
            if not self._is_hit(number, call):
                return inner(call)
            hit(rule.fault)
            return kind.act(self._scene(number, stage, call), call, inner)
        reply = inner(call)
        is_meant = rule.answered in (None, reply.status) and (kind.change is None or kind.fits(call, reply))
        if not is_meant or not self._is_hit(number, call):
            return reply
        hit(rule.fault)
        scene = self._scene(number, stage, call)
        if kind.act is not None:
            return kind.act(scene, call, lambda again: reply)
        assert kind.change is not None
        return kind.change(scene, call, reply)

    def _is_hit(self, number: int, call: Call) -> bool:
        rule = self.rules[number]
        if not rule.kind.per_order:
            key, question = self._ledger.label(call, rule.per), self._ledger.question(call)
            with self._lock:
                return self._draw(number, key, question)
        order = self._ledger.order_of(call)
        if order is None:
            return False
        with self._lock:
            decided = self._decided.get((number, order.label))
            if decided is None:
                decided = self._decided[number, order.label] = self._draw(number, "", order.label)
            return decided

    def _draw(self, number: int, key: str, question: str) -> bool:
        """Counts a question, and decides; the lock is held."""
        rule, place = self.rules[number], (number, key)
        self._seen[place] += 1
        self._draws[number, question] += 1
        ordinal, hits = self._seen[place], self._hits[place]
        is_hit = ordinal >= rule.since and (rule.nth is None or ordinal in rule.nth)
        is_hit = is_hit and (rule.times is None or hits < rule.times)
        if is_hit and rule.probability is not None:
            drawn = Random(f"{self.seed}/{number}/{question}/{self._draws[number, question]}").random()
            is_hit = drawn < rule.probability
        self._hits[place] += is_hit
        return is_hit

    def _scene(self, number: int, stage: Stage, call: Call) -> Scene:
        rule, order = self.rules[number], self._ledger.order_of(call)
        subject = (number, order.label if order else self._ledger.label(call, "file"))
        with self._lock:
            memory = self._memories.setdefault(subject, {})
        return Scene(
            stage=stage,
            arguments=rule.arguments,
            request_id=order.request_id if order else None,
            memory=memory,
            tally=partial(self._tally, subject),
            revoke=self._revoke,
        )

    def _tally(self, subject: tuple[int, str]) -> int:
        with self._lock:
            self._tallies[subject] += 1
            return self._tallies[subject]

    def _revoke(self) -> None:
        self._revoked = True
