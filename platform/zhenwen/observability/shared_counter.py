"""A counter in Valkey, for what processes count that end too soon to be asked: forked extractors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache

import redis
from django.conf import settings
from prometheus_client.core import CounterMetricFamily, Metric

TIMEOUT_SECONDS = 1


class SharedCounter:
    """Counts across all hosts. While Valkey is away nothing is counted, and nothing else suffers."""

    def __init__(self, name: str, documentation: str, label_names: Sequence[str]) -> None:
        self.name = name
        self.documentation = documentation
        self.label_names = tuple(label_names)

    def labels(self, *values: str) -> SharedCounterChild:
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} has the labels {self.label_names}")
        return SharedCounterChild(self._key, json.dumps(values))

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self.name, self.documentation, labels=self.label_names)
        for labels, number in self._counts().items():
            family.add_metric(json.loads(labels), float(number))
        yield family

    @property
    def _key(self) -> str:
        return f"metrics:{self.name}"

    def _counts(self) -> dict[bytes, bytes]:
        try:
            counts: dict[bytes, bytes] = _client(settings.REDIS_URL).hgetall(self._key)
        except redis.RedisError:
            return {}
        return counts


class SharedCounterChild:
    def __init__(self, key: str, labels: str) -> None:
        self.key = key
        self.labels = labels

    def inc(self, amount: int = 1) -> None:
        try:
            _client(settings.REDIS_URL).hincrby(self.key, self.labels, amount)
        except redis.RedisError:
            return


@cache
def _client(address: str) -> redis.Redis[bytes]:
    """This process's; its connections belong to the process that opened them, forked ones open their own."""
    return redis.Redis.from_url(
        address,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
