"""Counts add up over processes, and counting never breaks the work that is counted."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from pytest_django.fixtures import Settings

from zhenwen.observability.shared_counter import SharedCounter

COUNT_ONCE = """
import sys, django
django.setup()
from zhenwen.observability.shared_counter import SharedCounter
SharedCounter(sys.argv[1], "", ["state", "error_code"]).labels("failed", "pdf_encrypted").inc()
"""


@pytest.fixture
def counter() -> SharedCounter:
    return SharedCounter(f"test_{uuid.uuid4().hex}_total", "", ["state", "error_code"])


def counts(counter: SharedCounter) -> dict[str, float]:
    (family,) = counter.collect()
    return {" ".join(sample.labels.values()): sample.value for sample in family.samples}


def test_counts_of_processes_that_have_ended_are_kept(counter: SharedCounter) -> None:
    counter.labels("failed", "pdf_encrypted").inc()
    subprocess.run([sys.executable, "-c", COUNT_ONCE, counter.name], check=True)
    counter.labels("succeeded", "").inc()
    assert counts(counter) == {"failed pdf_encrypted": 2.0, "succeeded ": 1.0}


def test_while_valkey_is_away_nothing_is_counted_and_nothing_raised(
    counter: SharedCounter, settings: Settings
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    counter.labels("failed", "pdf_encrypted").inc()
    assert counts(counter) == {}


def test_a_forgotten_label_is_an_error_of_the_programmer(counter: SharedCounter) -> None:
    with pytest.raises(ValueError, match="error_code"):
        counter.labels("failed")
