"""Most tokens come from a table; they must be those of the tokenizer itself, whatever the text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

from detection.engine import default_model_folder
from detection.engine.manifest import TOKENIZER_FILE
from detection.engine.tokens import LibraryEncoder, TableEncoder, Tokens, characters_alone, load_encoder
from tests.engine.conftest import write_tokenizer

LIMIT = 40
Change = Callable[[Tokenizer], Any]


def specials(tokenizer: Tokenizer) -> None:
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])


def cased(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)


def unclean(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.BertNormalizer(clean_text=False)


def whole_words(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.BertNormalizer(handle_chinese_chars=False)


def three_own_tokens(tokenizer: Tokenizer) -> None:
    own = [("[CLS]", 101), ("[SEP]", 102)]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] [CLS] $A [SEP]", special_tokens=own)


def unchanged(tokenizer: Tokenizer) -> None:
    """As shipped."""


def shipped(change: Change = unchanged) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(default_model_folder() / TOKENIZER_FILE))
    change(tokenizer)
    tokenizer.enable_truncation(LIMIT)
    return tokenizer


PAIRS = [
    (LibraryEncoder(tokenizer), TableEncoder(tokenizer, characters_alone(tokenizer), LIMIT))
    for tokenizer in map(shipped, (unchanged, specials, cased, unclean, whole_words, three_own_tokens))
]

# Among them accents alone and combined, marks that change places, zero width, controls, Hangul, emoji.
CHARACTERS = st.one_of(
    st.sampled_from("中文的人，。“”…—()[]#'-"),
    st.sampled_from("abcXYZéÉİßſ0123 \t\n\u3000\u0301\u0323\u20dd\u302e\U0001d165\U0001d16d"),
    st.sampled_from(
        "漢語龘豈\uf900\U00020000\U0002f800각ᄀאعा😀\u200b\u200d\ufe0f\ufeff\0\x07\ufffd\u2028\u00ad"
    ),
    st.characters(exclude_categories=["Cs"]),
)
PIECES = st.one_of(
    CHARACTERS, st.sampled_from(["Transformer", "don't", "3.14", "[MASK]", "[CLS]", "a" * 101])
)
TEXTS = st.lists(PIECES, max_size=2 * LIMIT).map("".join)


def is_same(one: Tokens, other: Tokens) -> bool:
    return all(
        np.array_equal(getattr(one, part), getattr(other, part)) for part in ("ids", "is_word", "starts")
    )


@given(TEXTS)
@example("")
@example(" ")
@example("深度学习（Deep Learning）的GPU")
@example("a中\u0301b")
@example("中" * 3 * LIMIT)
@example("a中 " * LIMIT)
@example("中a" * 3 * LIMIT)
@example("漢" + "é" * 101 + "字[MASK]字 [MASK] [mask]")
def test_the_table_gives_the_tokens_of_the_library(text: str) -> None:
    for library, table in PAIRS:
        assert is_same(table.encode([text])[0], library.encode([text])[0])


def test_texts_keep_their_order() -> None:
    library, table = PAIRS[0]
    texts = ["一个。", "two 2", "", "三"]
    pairs = zip(table.encode(texts), library.encode(texts), strict=True)
    assert all(is_same(one, other) for one, other in pairs)


def test_chinese_and_its_punctuation_come_from_the_table_and_letters_do_not() -> None:
    alone = characters_alone(shipped())
    assert {*"中文，。"} <= alone.keys()
    assert not {*"a1 "} & alone.keys()


def test_a_text_that_is_none_is_refused_as_by_the_library() -> None:
    for encoder in PAIRS[0]:
        with pytest.raises(TypeError):
            encoder.encode(["中\ud800文"])


def test_bert_folders_have_the_table(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    assert isinstance(load_encoder(tmp_path, LIMIT), TableEncoder)


def no_normalizer(settings: dict[str, Any]) -> None:
    settings["normalizer"] = None


def bytes_for_characters(settings: dict[str, Any]) -> None:
    settings["pre_tokenizer"] = json.loads(pre_tokenizers.ByteLevel().__getstate__())


def no_own_tokens(settings: dict[str, Any]) -> None:
    settings["post_processor"] = None


def greedy_added_token(settings: dict[str, Any]) -> None:
    flags = {"single_word": False, "lstrip": True, "rstrip": False, "normalized": False, "special": True}
    settings["added_tokens"] = [{"id": 1, "content": "[UNK]", **flags}]


@pytest.mark.parametrize(
    "change",
    [no_normalizer, bytes_for_characters, no_own_tokens, greedy_added_token],
    ids=lambda f: f.__name__,
)
def test_what_follows_other_rules_is_left_to_the_library(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    write_tokenizer(tmp_path)
    path = tmp_path / TOKENIZER_FILE
    settings = json.loads(path.read_text("utf-8"))
    change(settings)
    path.write_text(json.dumps(settings), "utf-8")
    assert isinstance(load_encoder(tmp_path, LIMIT), LibraryEncoder)
