"""A model is what its configuration says, and its files do not lie in another model's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.training.__main__ import parsed
from detection.training.configuration import SHIPPED, read_configuration
from detection.training.errors import PipelineError

CONFIGURATIONS = sorted(SHIPPED.parent.glob("*.toml"))
LARGER = SHIPPED.parent / "zhenwen-base.toml"


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_configuration_is_named_after_its_model_and_whole(path: Path) -> None:
    pytest.importorskip("torch")
    from detection.training.encoders import ENCODERS

    model = read_configuration(path).model
    assert model.name == path.stem
    assert model.encoder in ENCODERS
    assert model.is_shipped == (path == SHIPPED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("warmup_share = 0.02", ""), r"\[training\] lacks warmup_share"),
        (("warmup_share = 0.02", "colour = 1\nwarmup_share = 0.02"), r"\[training\] has colour"),
        (("encoder =", "coder ="), r"\[model\] lacks encoder"),
        (("[mining]", "[digging]"), "lacks mining"),
        (("[mining]", "[digging]\n[mining]"), "has digging"),
        (("areas =", "area ="), r"\[leave_out\.runs\.first\] lacks areas"),
        (("[mining]", "[mining"), "Expected"),
        (('areas = ["medicine"]', 'areas = ["medecine"]'), r"leaves out medecine; there are medicine, law"),
        (('families = ["GPT-3.5"]', 'families = ["GPT-3"]'), r"leaves out GPT-3; there are DeepSeek"),
        (('languages = ["zh"]', 'languages = "zh"'), r"languages of \[model\] is no list"),
    ],
)
def test_a_setting_that_is_missing_or_unknown_is_an_error(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(SHIPPED.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(PipelineError, match=rf"broken\.toml.* {message}"):
        read_configuration(path)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no such configuration"):
        read_configuration(tmp_path)


def test_the_shipped_model_lies_in_the_repository_and_any_other_in_its_work_folder() -> None:
    shipped = parsed(["evaluate"])
    assert (shipped.model, shipped.docs) == (Path("weights/zhenwen-small"), Path("docs"))
    assert shipped.card == Path("MODEL_CARD.md")
    larger = parsed(["--config", str(LARGER), "evaluate"])
    work = Path("build/training/zhenwen-base")
    assert (larger.work, larger.model, larger.docs) == (work, work / "model", work / "docs")
    assert larger.card is None


def test_folders_that_are_given_are_taken() -> None:
    given = parsed(["--work", "w", "--config", str(LARGER), "evaluate", "--model", "m", "--card", "c.md"])
    assert (given.work, given.model, given.card) == (Path("w"), Path("m"), Path("c.md"))
    assert given.docs == Path("w/docs")


def test_folders_given_one_by_one_or_together_all_count() -> None:
    together = parsed(["train", "--teacher", "a", "b"]).teacher
    assert parsed(["train", "--teacher", "a", "--teacher", "b"]).teacher == together == [Path("a"), Path("b")]
    assert parsed(["train"]).teacher == []
    apart = parsed(["export", "--mean-with", "a", "--mean-with", "b"])
    assert apart.mean_with == [Path("a"), Path("b")]
