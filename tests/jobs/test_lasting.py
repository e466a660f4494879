"""A full look of the garbage collector must not stand between a call and its answer."""

from __future__ import annotations

import gc

from zhenwen.jobs.lasting import keep_for_good


def test_what_lives_is_not_looked_through_again() -> None:
    kept = [[number] for number in range(1000)]
    try:
        keep_for_good()
        assert gc.get_freeze_count() > len(kept)
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()
