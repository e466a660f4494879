"""The operator changes the model version: asked once more, one click back, and nobody else may."""

from __future__ import annotations

import time

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from detection.models import ModelVersion
from detection.services.model_versions import confirm_activation, refuse_activation, request_activation
from tests.cast import Cast
from zhenwen.jobs.presence import LiveWorker, announced, live_workers
from zhenwen.jobs.queues import DOCUMENTS, REALTIME

pytestmark = pytest.mark.django_db(transaction=True)

Status = ModelVersion.Status
LIST = "/admin/detection/modelversion/"


def make_version(name: str) -> ModelVersion:
    return ModelVersion.objects.create(
        name=name, digest=name.ljust(64, "0"), calibration_digest="c", folder=f"/models/{name}"
    )


def make_active(version: ModelVersion) -> ModelVersion:
    request_activation(model_version=version)
    assert confirm_activation(model_version=version)
    return version


@pytest.fixture
def operator(cast: Cast) -> Client:
    client = cast.client_of(User.objects.create_superuser("operator@example.com", "correct horse"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def status(version: ModelVersion) -> str:
    version.refresh_from_db()
    return version.status


def test_it_is_asked_once_more_and_then_asked_for(operator: Client) -> None:
    old, new = make_active(make_version("old")), make_version("new")
    address = f"{LIST}{new.pk}/activate/"
    assert address in operator.get(LIST).content.decode()
    assert "/models/new" in operator.get(address).content.decode()
    assert status(new) == Status.STAGED
    assert "goes on serving" in operator.post(address, follow=True).content.decode()
    assert (status(old), status(new)) == (Status.ACTIVE, Status.ACTIVATING)


def test_one_click_goes_back(operator: Client) -> None:
    old, new = make_active(make_version("old")), make_active(make_version("new"))
    assert f"Roll back to {old}" in operator.get(LIST).content.decode()
    operator.post(f"{LIST}roll-back/")
    assert (status(old), status(new)) == (Status.ACTIVATING, Status.ACTIVE)


def test_with_nothing_before_there_is_nothing_to_go_back_to(operator: Client) -> None:
    make_active(make_version("only"))
    assert "Roll back" not in operator.get(LIST).content.decode()
    reply = operator.post(f"{LIST}roll-back/", follow=True)
    assert "No other version has served before." in reply.content.decode()


def test_why_a_version_was_refused_is_there_to_read(operator: Client) -> None:
    version = make_version("bad")
    request_activation(model_version=version)
    refuse_activation(model_version=version, reason="a score is 3.000 off")
    assert "a score is 3.000 off" in operator.get(LIST).content.decode()


def test_the_list_says_which_worker_runs_what(operator: Client) -> None:
    old, new = make_version("old"), make_version("new")
    says = {
        "digest": old.digest,
        "backend": "openvino on cpu",
        "refused": new.digest,
        "reason": "<too far off>",
    }
    with announced(DOCUMENTS, lambda: says):
        while not live_workers(DOCUMENTS):
            time.sleep(0.01)
        page = operator.get(LIST).content.decode()
    assert "(openvino on cpu)" in page
    assert "refuses it: &lt;too far off&gt;" in page


def test_who_may_only_look_changes_nothing(cast: Cast) -> None:
    version = make_version("new")
    cast.bob.is_staff = True
    cast.bob.save()
    client = cast.client_of(cast.bob)
    for address in (f"{LIST}{version.pk}/activate/", f"{LIST}roll-back/"):
        assert client.post(address).status_code == 403
    assert status(version) == Status.STAGED


def test_the_command_asks_and_goes_back(cast: Cast) -> None:
    old, new = make_active(make_version("old")), make_version("new")
    call_command("activate_model", "new", "--no-wait")
    assert status(new) == Status.ACTIVATING
    confirm_activation(model_version=new)
    call_command("activate_model", "--rollback", "--no-wait")
    assert status(old) == Status.ACTIVATING


def test_the_command_waits_for_every_worker(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version("new")
    slow = [LiveWorker("host:2", REALTIME, {"digest": "the one before"})]
    monkeypatch.setattr("detection.selectors.model_versions.live_workers", lambda queue: slow)
    seen: list[str] = []

    def time_passes(_seconds: float) -> None:
        seen.append(status(version))
        if seen[-1] == Status.ACTIVATING:
            confirm_activation(model_version=version)
        elif len(seen) > 3:
            slow[:] = [LiveWorker("host:2", REALTIME, {"digest": version.digest})]

    monkeypatch.setattr("detection.management.commands.activate_model.time.sleep", time_passes)
    call_command("activate_model", "new")
    assert seen == [Status.ACTIVATING, Status.ACTIVE, Status.ACTIVE, Status.ACTIVE]


def test_the_command_says_why_a_version_was_refused(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_version("bad")

    def refuse(_seconds: float) -> None:
        refuse_activation(model_version=version, reason="a score is 3.000 off")

    monkeypatch.setattr("detection.management.commands.activate_model.time.sleep", refuse)
    with pytest.raises(CommandError, match=r"3\.000 off"):
        call_command("activate_model", "bad")


@pytest.mark.parametrize("arguments", [[], ["abc", "--rollback"], ["zzz"]])
def test_a_command_that_means_nothing_says_so(cast: Cast, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("activate_model", *arguments)
