"""Another version takes over while the one before goes on serving.

1. The active version is loaded first; a version that is asked for takes over once it has passed its checks.
2. Under load no call fails, and a paper keeps the version it began with.
3. A version that fails its golden set, or is not what it was, never serves, and says why.
4. Going back is one step and loads nothing.
5. A worker that starts later serves the active version.
6. Another worker has refused it: this one does not serve it either.
7. Where two do not fit, the one that serves ends its work first.
8. An engine that dies is loaded anew.
9. What is loaded beside a model that serves takes only the time that one leaves over.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from detection.engine import (
    ModelFolderError,
    SharedScorer,
    check_golden,
    load_model_folder,
    read_manifest,
    write_golden,
)
from detection.model_loading import load_checked
from detection.models import Detection, ModelVersion, Priority
from detection.scoring.calibration import Calibration
from detection.scoring.types import Scorer, SegmentInput
from detection.services.model_versions import (
    NoPreviousVersion,
    confirm_activation,
    refuse_activation,
    register_model_version,
    request_activation,
    request_rollback,
)
from detection.services.scoring import score_next
from detection.serving import WarmModels
from detection.states import State
from tests.cast import Cast
from tests.engine.conftest import edit_config
from tests.services.detections import fresh, hand_in_text, paper
from zhenwen.jobs.gently import STEPS_DOWN
from zhenwen.jobs.pool import WorkPool
from zhenwen.jobs.queues import shared_connection
from zhenwen.observability.metrics import WORKER_INFO
from zhenwen.tenancy.scope import tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)

Status = ModelVersion.Status
SEGMENT = SegmentInput("中文的人一是不了在有和这为上个我以要。", (19,))


@pytest.fixture(autouse=True)
def on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Converting for OpenVINO takes seconds."""
    monkeypatch.setenv("ZHENWEN_BACKEND", "torch")
    monkeypatch.setenv("ZHENWEN_ENGINE_THREADS", "1")
    shared_connection().flushdb()


@pytest.fixture(autouse=True)
def kept_for_good(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """How often the garbage collector was told to look at nothing that lives: here it only seems so."""
    times: list[None] = []
    monkeypatch.setattr("detection.serving.keep_for_good", lambda: times.append(None))
    return times


MakeVersion = Callable[..., ModelVersion]


@pytest.fixture
def make_version(make_folder: Callable[[str], Path]) -> MakeVersion:
    def make(name: str, *, golden_off_by: float = 0.0) -> ModelVersion:
        folder = make_folder("bert_sequence")
        edit_config(folder, called=name)  # another file, another digest
        write_golden(folder, scorer=load_model_folder(folder, backend="torch"), texts=[SEGMENT.text])
        golden = json.loads((folder / "golden.json").read_text())
        golden["segments"][0]["logit"] += golden_off_by
        (folder / "golden.json").write_text(json.dumps(golden))
        return register_model_version(
            name=name,
            digest=read_manifest(folder).digest,
            calibration_digest=Calibration.load(folder).digest,
            folder=str(folder),
        )

    return make


class Loads:
    """Loads as a worker does, and remembers what."""

    def __init__(self) -> None:
        self.digests: list[str] = []

    def __call__(self, version: ModelVersion, *, beside: bool) -> SharedScorer:
        self.digests.append(version.digest)
        return load_checked(version, beside=beside)


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def models(loads: Loads) -> Iterator[WarmModels]:
    """A warm worker's models, of which nobody but the test changes any."""
    models = WarmModels(queue="documents", load=loads)
    yield models
    models.close()


def serve(models: WarmModels, version: ModelVersion) -> None:
    request_activation(model_version=version)
    models.look()


def serve_from_a_thread(models: WarmModels, version: ModelVersion) -> None:
    serve(models, version)
    connection.close()


def serving_digest(models: WarmModels) -> str | None:
    model = models.current()
    return model.scorer.model_digest if model else None


def status(version: ModelVersion) -> str:
    version.refresh_from_db()
    return version.status


def test_a_version_takes_over_once_it_has_passed(models: WarmModels, make_version: MakeVersion) -> None:
    first, second = make_version("first"), make_version("second")
    models.look()
    assert not models.is_ready()
    serve(models, first)
    assert (status(first), serving_digest(models)) == (Status.ACTIVE, first.digest)
    request_activation(model_version=second)
    assert (status(first), status(second)) == (Status.ACTIVE, Status.ACTIVATING)
    models.look()
    assert (status(first), status(second)) == (Status.RETIRED, Status.ACTIVE)
    assert serving_digest(models) == second.digest
    assert models.says()["digest"] == second.digest


def test_a_metric_names_what_the_model_runs_on(models: WarmModels, make_version: MakeVersion) -> None:
    version = make_version("first")
    serve(models, version)
    named = {
        (sample.labels["backend"], sample.labels["device"])
        for sample in next(iter(WORKER_INFO.collect())).samples
        if sample.labels["digest"] == version.digest[:12] and sample.value
    }
    assert named == {("torch", "cpu")}


def test_a_change_under_load_fails_nobody(models: WarmModels, make_version: MakeVersion, cast: Cast) -> None:
    first, second = make_version("first"), make_version("second")
    serve(models, first)
    papers = [hand_in_text(cast.acme, paper(900, number=number)) for number in range(40)]
    begun, failures, calls = threading.Event(), list[Exception](), list[str]()

    def call() -> None:
        while len(calls) < 400:
            model = models.current()
            assert model is not None
            try:
                model.scorer.score([SEGMENT], tenant=1)
            except Exception as error:
                failures.append(error)
            calls.append(model.version.digest)

    def take() -> bool:
        begun.set()
        return score_next(priority=Priority.DOCUMENTS, borrow_model=models.borrowed)

    caller = threading.Thread(target=call)
    caller.start()
    pool = WorkPool(take, threads=2)
    pool.wake()
    pool.wake()
    begun.wait()
    serve(models, second)
    caller.join()
    while any(fresh(one).is_open for one in papers):
        pass
    pool.close()
    assert not failures
    assert set(calls) == {first.digest, second.digest}
    assert [fresh(one).state for one in papers] == [State.SUCCEEDED] * len(papers)
    assert {fresh(one).attempt for one in papers} == {1}
    with tenant_scope(cast.acme.id):
        for detection in Detection.objects.select_related("model_version", "report"):
            assert detection.model_version is not None
            assert detection.report.model_digest == detection.model_version.digest


def test_a_paper_keeps_the_version_it_began_with(
    models: WarmModels, make_version: MakeVersion, cast: Cast
) -> None:
    first, second, third = (make_version(name) for name in ("first", "second", "third"))
    serve(models, first)
    hand_in_text(cast.acme)
    with models.borrowed() as model:
        assert model is not None
        serve(models, second)
        serve(models, third)
        models.look()
        assert model.scorer.score([SEGMENT], tenant=1)
    models.look()
    assert not model.is_alive(), "once nobody uses it, it is let go"


@pytest.mark.parametrize("off_by", [3.0, float("nan")])
def test_a_version_that_fails_its_golden_set_never_serves(
    models: WarmModels, make_version: MakeVersion, off_by: float
) -> None:
    good, bad = make_version("good"), make_version("bad", golden_off_by=off_by)
    serve(models, good)
    serve(models, bad)
    assert (status(good), status(bad)) == (Status.ACTIVE, Status.FAILED)
    assert "golden.json" in bad.failure_reason
    assert serving_digest(models) == good.digest
    assert models.says()["refused"] == bad.digest


def test_a_folder_that_is_not_what_it_was_never_serves(models: WarmModels, make_version: MakeVersion) -> None:
    version = make_version("version")
    edit_config(Path(version.folder), called="something else")
    serve(models, version)
    assert status(version) == Status.FAILED
    assert "any more" in version.failure_reason
    assert not models.is_ready()


def test_a_refused_version_may_be_asked_for_again(models: WarmModels, make_version: MakeVersion) -> None:
    version = make_version("version")
    golden = Path(version.folder) / "golden.json"
    right = golden.read_text()
    golden.write_text(right.replace('"tolerance": 0.25', '"tolerance": -1'))
    serve(models, version)
    assert status(version) == Status.FAILED
    golden.write_text(right)
    serve(models, version)
    assert (status(version), version.failure_reason) == (Status.ACTIVE, "")


def test_only_the_first_model_is_kept_out_of_the_garbage_collectors_sight(
    models: WarmModels, make_version: MakeVersion, kept_for_good: list[None]
) -> None:
    for name in ("first", "second"):
        serve(models, make_version(name))
        assert len(kept_for_good) == 1


def test_going_back_loads_nothing(models: WarmModels, make_version: MakeVersion, loads: Loads) -> None:
    first, second = make_version("first"), make_version("second")
    with pytest.raises(NoPreviousVersion):
        request_rollback()
    serve(models, first)
    serve(models, second)
    loaded = list(loads.digests)
    assert request_rollback() == first
    models.look()
    assert (status(first), status(second)) == (Status.ACTIVE, Status.RETIRED)
    assert serving_digest(models) == first.digest
    assert loads.digests == loaded


def test_a_worker_that_starts_later_serves_the_active_one(
    models: WarmModels, make_version: MakeVersion
) -> None:
    version = make_version("version")
    serve(models, version)
    later = WarmModels(queue="realtime")
    with later.watched():
        assert serving_digest(later) == version.digest


def test_what_another_worker_has_refused_is_not_served(models: WarmModels, make_version: MakeVersion) -> None:
    first, second = make_version("first"), make_version("second")
    serve(models, first)
    request_activation(model_version=second)

    def load(version: ModelVersion, *, beside: bool) -> SharedScorer:
        refuse_activation(model_version=second, reason="another machine, another score")
        return load_checked(version, beside=beside)

    models.load = load
    models.look()
    assert status(second) == Status.FAILED
    assert serving_digest(models) == first.digest


def test_a_worker_that_cannot_load_what_others_serve_keeps_what_it_has(
    models: WarmModels, make_version: MakeVersion
) -> None:
    first, second = make_version("first"), make_version("second")
    serve(models, first)
    request_activation(model_version=second)
    assert confirm_activation(model_version=second)
    edit_config(Path(second.folder), called="damaged here")
    models.look()
    assert status(second) == Status.ACTIVE
    assert serving_digest(models) == first.digest
    assert models.says()["refused"] == second.digest


def test_where_two_do_not_fit_the_first_ends_its_work_and_goes(
    models: WarmModels, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_version("first"), make_version("second")
    serve(models, first)
    old = models.current()
    assert old is not None
    room = iter([False, False])
    monkeypatch.setattr("detection.serving.fits_beside", lambda _version: next(room))
    ended = threading.Event()

    def load(version: ModelVersion, *, beside: bool) -> SharedScorer:
        assert not beside
        assert ended.is_set()
        assert not old.is_alive()
        return load_checked(version, beside=beside)

    models.load = load
    with models.borrowed() as borrowed:
        assert borrowed is old
        swap = threading.Thread(target=serve_from_a_thread, args=(models, second))
        swap.start()
        while models.is_ready():
            pass
        assert old.scorer.score([SEGMENT], tenant=1)
        ended.set()
    swap.join()
    assert serving_digest(models) == second.digest


def test_an_engine_that_dies_is_loaded_anew(models: WarmModels, make_version: MakeVersion) -> None:
    version = make_version("version")
    serve(models, version)
    dead = models.current()
    assert dead is not None
    dead.scorer.close()
    models.look()
    alive = models.current()
    assert alive is not None
    assert alive is not dead
    assert alive.scorer.score([SEGMENT], tenant=1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have no priority of their own")
def test_what_is_loaded_beside_another_steps_back(
    models: WarmModels, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    priorities: list[int] = []

    def check(folder: Path, *, scorer: Scorer) -> float:
        priorities.append(priority_of(threading.get_native_id()))
        return check_golden(folder, scorer=scorer)

    monkeypatch.setattr("detection.model_loading.check_golden", check)
    for name in ("first", "second"):
        serve(models, make_version(name))
    own = priority_of(threading.get_native_id())
    assert priorities == [own, min(own + STEPS_DOWN, 19)]
    engine = [thread for thread in threading.enumerate() if thread.name.startswith("engine-")]
    assert {priority_of(thread.native_id or 0) for thread in engine} == {own}, "as it will serve"


def priority_of(thread_id: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread_id)


def test_only_one_version_is_asked_for(make_version: MakeVersion) -> None:
    first, second = make_version("first"), make_version("second")
    request_activation(model_version=first)
    request_activation(model_version=second)
    assert (status(first), status(second)) == (Status.STAGED, Status.ACTIVATING)
    assert not confirm_activation(model_version=first)


def test_an_unreadable_folder_says_so(tmp_path: Path) -> None:
    version = ModelVersion(name="none", digest="0" * 64, folder=str(tmp_path / "none"))
    with pytest.raises(ModelFolderError, match="no such model folder"):
        load_checked(version)
