"""Texts out of packages: what is taken, what is not, and what is known of it."""

from __future__ import annotations

import io
import json
import lzma
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from detection.training.corpora import prepare_corpora, read_corpora
from detection.training.encoders.conversion import build_tokenizer
from detection.training.packages import archives
from detection.training.packages.archives import Package, PackageError, fetch, lay_files
from detection.training.packages.collect import collect
from detection.training.packages.passages import passages
from detection.training.packages.readers import READERS
from detection.training.packages.sources import Source, read_sources
from detection.training.texts import DEVELOPMENT, MEASURED_PACKAGES_FILE, PACKAGES_FILE, read_texts
from tests.training.made_corpora import WORDS, made_text, row, write_corpus
from tests.training.made_packages import debian_package, npm_archive, wheel

MANUAL = Source(
    name="p_manual",
    package=Package("debian", "manual-zh", "1.0-1"),
    written=date(2020, 1, 1),
    evidence="Debian 11",
    licence="GPL-2+",
    domain="software manual, translation",
    reader="html",
    files=("*/zh/*.html",),
)
TALES = replace(
    MANUAL, name="p_tales", package=Package("npm", "@a/tales", "2.0.0"), reader="text", files=("*.txt",)
)
REVIEWS = replace(
    MANUAL, name="p_reviews", package=Package("pypi", "reviews", "3"), reader="lines", files=("*.csv",)
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Development files without texts."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in DEVELOPMENT:
        write_corpus(folder, [], name)
    return folder


@pytest.fixture
def lay(tmp_path: Path) -> Callable[[Source, Mapping[str, str]], None]:
    """Lays an archive of these files where the source's is looked for."""
    kinds = {"debian": (debian_package, "deb"), "pypi": (wheel, "whl"), "npm": (npm_archive, "tgz")}

    def laid(source: Source, files: Mapping[str, str]) -> None:
        make, suffix = kinds[source.package.registry]
        folder = tmp_path / "work" / "packages"
        folder.mkdir(parents=True, exist_ok=True)
        make(
            folder / f"{source.package.name.lstrip('@').replace('/', '-')}_{source.package.version}.{suffix}",
            files,
        )

    return laid


def collected(tmp_path: Path, data: Path, *sources: Source) -> list[dict[str, str]]:
    collect(sources=sources, data=data, target=tmp_path / "work")
    with lzma.open(tmp_path / "work" / PACKAGES_FILE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_packages_of_every_registry_become_rows_of_a_corpus(tmp_path: Path, data: Path, lay: Any) -> None:
    lay(MANUAL, {"doc/zh/a.html": f"<p>{made_text('a')}</p>", "doc/en/b.html": f"<p>{made_text('b')}</p>"})
    lay(TALES, {"one.txt": made_text("one"), "two.txt": made_text("two")})
    lay(REVIEWS, {"r.csv": f"{made_text('x')}\n{made_text('y')}\n短。"})
    rows = collected(tmp_path, data, MANUAL, TALES, REVIEWS)
    assert {r["source"]: sorted(q["pair"] for q in rows if q["source"] == r["source"]) for r in rows} == {
        "p_manual": ["manual-zh/doc/zh/a.html"],
        "p_tales": ["@a/tales/package/one.txt", "@a/tales/package/two.txt"],
        "p_reviews": ["reviews/r.csv#0", "reviews/r.csv#1"],
    }
    first = next(r for r in rows if r["source"] == "p_manual")
    assert first == {
        "text": made_text("a"),
        "label": "human",
        "generator": "",
        "domain": "software manual, translation",
        "source": "p_manual",
        "pair": "manual-zh/doc/zh/a.html",
    }


def test_no_text_of_a_development_file_comes_in_whatever_its_script_and_surroundings(
    tmp_path: Path, data: Path, lay: Any
) -> None:
    known = (
        "每一個在這裡的句子都已經在開發用的語料中出現過了，所以它絕對不能夠再一次進入訓練的語料裡面去，"
        "無論前後還有什麼別的話。"
    )
    write_corpus(data, [row("human", "h", 1, text=made_text("before") + known)], "dev_fpr")
    simplified = (
        "每一个在这里的句子都已经在开发用的语料中出现过了，所以它绝对不能够再一次进入训练的语料里面去，"
        "无论前后还有什么别的话。"
    )
    lay(TALES, {"known.txt": simplified + made_text("after"), "new.txt": made_text("new")})
    assert [r["text"] for r in collected(tmp_path, data, TALES)] == [made_text("new")]


def test_what_two_packages_share_comes_once_and_no_source_has_more_than_its_share(
    tmp_path: Path, data: Path, lay: Any
) -> None:
    texts = [made_text(str(number)) for number in range(6)]
    lay(REVIEWS, {"r.csv": "\n".join(texts[:4])})
    lay(TALES, {f"{number}.txt": text for number, text in enumerate(texts)})
    rows = collected(tmp_path, data, replace(REVIEWS, most_passages=3), TALES)
    assert [r["source"] for r in rows].count("p_reviews") == 3
    assert sorted(r["text"] for r in rows) == sorted(texts)


def test_what_is_kept_for_measuring_is_in_no_file_that_trains(tmp_path: Path, data: Path, lay: Any) -> None:
    shared, kept = made_text("shared"), made_text("kept")
    lay(TALES, {"shared.txt": shared, "kept.txt": kept})
    lay(REVIEWS, {"r.csv": f"{shared}\n{made_text('mine')}"})
    rows = collected(tmp_path, data, replace(TALES, is_measured=True), REVIEWS)
    assert [r["text"] for r in rows] == [made_text("mine")]
    measured = read_texts(tmp_path / "work" / MEASURED_PACKAGES_FILE)
    assert sorted(text.text for text in measured) == sorted([shared, kept])


def test_a_package_without_running_text_is_an_error(tmp_path: Path, data: Path, lay: Any) -> None:
    lay(TALES, {"list.txt": "一\n\n二\n\nsome English words"})
    with pytest.raises(PackageError, match="p_tales"):
        collected(tmp_path, data, TALES)


def test_a_package_that_cannot_be_had_leaves_the_earlier_files_as_they_were(
    tmp_path: Path, data: Path, lay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    measured = replace(TALES, is_measured=True)
    lay(measured, {"one.txt": made_text("one")})
    lay(REVIEWS, {"r.csv": made_text("x")})
    collected(tmp_path, data, measured, REVIEWS)
    before = {path: path.read_bytes() for path in work.glob("*.*")}
    assert {path.name for path in before} == {PACKAGES_FILE, MEASURED_PACKAGES_FILE}
    monkeypatch.setitem(archives._COMMANDS, "debian", lambda *_: ["no-such-client"])
    with pytest.raises(PackageError, match="no-such-client, which is missing"):
        collected(tmp_path, data, measured, MANUAL)
    assert {path: path.read_bytes() for path in work.glob("*.*")} == before


def test_an_archive_that_is_not_the_expected_one_is_refused(tmp_path: Path, lay: Any) -> None:
    lay(REVIEWS, {"r.csv": made_text("x")})
    with pytest.raises(PackageError, match="not the archive"):
        fetch(replace(REVIEWS.package, sha256="0" * 64), tmp_path / "work" / "packages")


def test_an_archive_is_fetched_into_a_folder_that_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients run in a folder of their own, and the usual `--work` is a relative path."""
    client = "import pathlib, sys; pathlib.Path(sys.argv[1], 'a.tgz').write_bytes(b'content')"
    monkeypatch.setitem(archives._COMMANDS, "npm", lambda _, folder: [sys.executable, "-c", client, folder])
    monkeypatch.chdir(tmp_path)
    assert fetch(Package("npm", "a", "1"), Path("work/packages")).read_bytes() == b"content"


def test_files_of_a_package_that_are_laid_out_already_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("kept", "utf-8")
    lay_files(Package("npm", "no-such", "0"), ["models/vocab.txt"], tmp_path)
    assert (tmp_path / "vocab.txt").read_text("utf-8") == "kept"


SENTENCE = "这里有一句完整的话，说的是天气很好，大家都出去走走。"
CATALOGUE = f"""msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Long"
msgstr "<b>{SENTENCE}</b>\\n{SENTENCE}"

#, fuzzy
msgid "Guessed"
msgstr "不可靠的话。"
"""


def task(query: str) -> str:
    return json.dumps({"query": query, "answer": "不知道"}) + "\n"


def prediction(task: str, answer: str) -> str:
    return json.dumps({"raw_input": {"system": task}, "choices": [{"message": {"content": answer}}]}) + "\n"


@pytest.mark.parametrize(
    ("reader", "content", "texts"),
    [
        (
            "instructions",
            json.dumps(
                [
                    {"instruction": "问", "output": f"当然可以！以下是回答：\n\n{SENTENCE}\n{SENTENCE}"},
                    {"output": f"作为一个AI，我没有感情。\n{SENTENCE}"},
                    {"chosen": {"value": SENTENCE}, "rejected": {"value": "较差的那一个回答。"}},
                ]
            ),
            [[SENTENCE, SENTENCE], [SENTENCE]],
        ),
        (
            "consultations",
            prediction("请回答下列问题，首先给出回答", f"回答: {SENTENCE}\n\n法律依据:《民法典》第一条。")
            + prediction("纠正下面句子中的错字", "这句话是别人写的，模型只改了一个字。"),
            [[SENTENCE]],
        ),
        (
            "cases",
            task(f"段落:原告秦x0称：{SENTENCE} 问题：该判决何时生效？")
            + task(f"事实: {SENTENCE} 罪名:盗窃")
            + task(f"被告人陈××到案。{SENTENCE}")
            + task(f"被告人江XX到案。{SENTENCE}"),
            [["原告秦某称：" + SENTENCE], [SENTENCE]],
        ),
        (
            "html",
            f"<html><head><title>题</title></head><body><h1>题目</h1><div><p>{SENTENCE}</p></div><pre>x</pre>"
            f"<ul><li><p>{SENTENCE[:13]}\n  {SENTENCE[13:]}</p></li></ul>"
            "<table><tr><td>表</td></tr></table></body></html>",
            [[SENTENCE, SENTENCE]],
        ),
        ("xml", f"<page xmlns='m'><title>题</title><p>{SENTENCE}</p><screen>x</screen></page>", [[SENTENCE]]),
        (
            "feed",
            "<?xml version='1.0' encoding='gb2312'?><rss><channel><title>站</title><item><title>题</title>"
            f"<description>摘要</description><content><![CDATA[<p>{SENTENCE[:13]}{SENTENCE[13:]}</p>]]>"
            f"</content></item></channel></rss>",
            [[SENTENCE]],
        ),
        (
            "feed",
            "<feed xmlns='a'><entry><content type='html'>&lt;b&gt;"
            f"{SENTENCE}&lt;/b&gt;&lt;br /&gt;{SENTENCE}</content></entry>"
            f"<entry/><entry><content><div>{SENTENCE}<br/>{SENTENCE}</div></content></entry></feed>",
            [[SENTENCE, SENTENCE], [SENTENCE, SENTENCE]],
        ),
        ("markdown", f"# 题\n\n::: tip\n{SENTENCE}\n:::\n\n```\n{SENTENCE}\n```\n", [[SENTENCE]]),
        ("text", f"{SENTENCE[:13]}\n{SENTENCE[13:]}\n\n{SENTENCE}", [[SENTENCE, SENTENCE]]),
        ("text", f"{SENTENCE}\n=====\n{SENTENCE}", [[SENTENCE, SENTENCE]]),
        ("paragraphs", f"　　{SENTENCE}\r\n{SENTENCE}", [[SENTENCE, SENTENCE]]),
        ("lines", f"{SENTENCE}\n{SENTENCE}", [[SENTENCE], [SENTENCE]]),
        ("fortunes", f"\x1b[32m{SENTENCE}\x1b[m\n%\n{SENTENCE}\n", [[SENTENCE], [SENTENCE]]),
        ("catalogue", CATALOGUE, [[SENTENCE, SENTENCE]]),
        ("json", json.dumps({"a": [{"text": SENTENCE}], "b": SENTENCE}), [[SENTENCE, SENTENCE]]),
        ("strings", json.dumps({"a": [{"text": SENTENCE}], "b": SENTENCE}), [[SENTENCE], [SENTENCE]]),
        (
            "man",
            f".SH 名称\n{SENTENCE[:13]}\n\\fB{SENTENCE[13:]}\\fR\n.PP\n.B {SENTENCE}\n",
            [[SENTENCE, SENTENCE]],
        ),
    ],
)
def test_a_reader_finds_the_paragraphs(reader: str, content: str, texts: list[list[str]]) -> None:
    read = [[part for part in text if len(part) > 5] for text in READERS[reader](content.encode())]
    assert [text for text in read if text] == texts


def test_of_a_dictionary_only_sound_accounts_of_one_sense_are_read() -> None:
    lines = [f"天文学\t{SENTENCE}”", f"法\t1.{SENTENCE}2.{SENTENCE}", f"甲\t又称，、{SENTENCE}"]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("words.txt", "\n".join(lines))
    assert [text for text in READERS["dictionary"](file.getvalue()) if text != [""]] == [[SENTENCE]]


def test_only_whole_sentences_in_chinese_make_passages() -> None:
    scraps = [
        "目录",
        "选项 --force 与 --quiet",
        "https://example.org/ 说明在这里，请先打开看看再继续往下读完。",
        "版权所有" + SENTENCE,
    ]
    assert list(passages([*scraps, SENTENCE * 5])) == [SENTENCE * 5]


def test_short_paragraphs_join_and_long_ones_part_at_sentences() -> None:
    texts = list(passages([SENTENCE * 2] * 5 + [SENTENCE * 100]))
    assert "".join(texts).replace("\n", "") == SENTENCE * 110
    assert all(100 <= len(text) <= 2000 and text.endswith("。") for text in texts)


@pytest.mark.parametrize(
    "change",
    [
        {"written": date(2023, 1, 1)},
        {"label": "ai"},
        {"generator": "qwen"},
        {"reader": "pictures"},
        {"label": "refined", "generator": "qwen"},
    ],
)
def test_a_source_of_doubtful_origin_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PackageError, match="p_manual"):
        replace(MANUAL, **change)


def test_texts_of_a_named_model_may_be_young() -> None:
    assert replace(MANUAL, label="ai", generator="qwen", written=date(2025, 1, 1)).label == "ai"


def test_every_listed_source_is_known_by_archive_day_and_licence() -> None:
    sources = read_sources()
    assert len(sources) > 50
    for source in sources:
        assert source.name.startswith("p_")
        assert len(source.package.sha256) == 64
        assert source.licence
        assert source.evidence


def test_training_reads_texts_of_packages_where_there_are_some(tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    build_tokenizer(WORDS).save(str(tokenizer))
    write_corpus(tmp_path, [row("ai", "a", 1), row("ai", "a", 2)])
    packages = tmp_path / PACKAGES_FILE
    prepared = {"data": tmp_path, "tokenizer": tokenizer, "target": tmp_path / "out", "packages": packages}
    assert prepare_corpora(**prepared) == 2
    write_corpus(tmp_path, [row("ai", "p_b", 3), row("ai", "p_b", 4, text=made_text("aia1"))], "packages")
    assert len(list(read_texts(packages))) == 2
    assert prepare_corpora(**prepared) == 3
    assert [text.source for text in read_corpora(tmp_path / "out")] == ["a", "a", "p_b"]
