from __future__ import annotations

from collections import Counter
from statistics import median

import pytest

from benchmarks.figures.profile import shares_of
from benchmarks.measures import interleaved, percentile, ratios


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.99)


def test_the_compared_take_turns() -> None:
    order: list[str] = []

    def measure(name: str, text: str) -> float:
        order.append(f"{name} {text}")
        return float(len(order))

    found = interleaved(
        {"a": lambda text: measure("a", text), "b": lambda text: measure("b", text)}, ["x", "y", "z"]
    )
    assert order == ["a x", "b x", "b y", "a y", "a z", "b z"]
    assert found == {"a": [1.0, 4.0, 5.0], "b": [2.0, 3.0, 6.0]}


def test_ratios_are_taken_round_by_round() -> None:
    """A slow round is slow for both; the medians of each side would not know that."""
    assert median(ratios([10, 100, 30], [5, 50, 60])) == 2


def test_a_profile_names_our_innermost_function_and_what_it_calls() -> None:
    stacks = Counter(
        {
            "main (/x/manage.py:1);score (/x/detection/engine/scorer.py:70);infer (/y/openvino/_ov.py:9)": 3,
            'process 7:"/z/python";run (/y/rq/worker.py:5);wait (/y/redis/client.py:8)': 1,
        }
    )
    assert shares_of(stacks) == [
        ["75 %", "detection.engine.scorer.score", "_ov.infer"],
        ["25 %", "outside our code", "client.wait"],
    ]
