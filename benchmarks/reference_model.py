"""A classifier of the shape of the reference: BERT 12 x 768, vocabulary 21,128, 512 tokens, 102 M parameters.

Its weights are random and the same every time: it knows nothing and costs what a trained one costs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

VOCABULARY_SIZE = 21_128
LAYERS = 12
HIDDEN_SIZE = 768
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_PUNCTUATION = "，。！？；：、“”‘’（）《》【】—…·"
_IDEOGRAPHS = range(0x4E00, 0x4E00 + 20_902)


def reference_model(folder: Path, *, layers: int = LAYERS, hidden_size: int = HIDDEN_SIZE) -> Path:
    """The Hugging Face folder, made if it is not there yet; needs torch and transformers.

    Fewer layers and a smaller size make a stand-in for tests.
    """
    if folder.exists():
        return folder
    unfinished = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _write_weights(unfinished, layers=layers, hidden_size=hidden_size)
    _write_tokenizer(unfinished)
    for path in unfinished.iterdir():
        path.chmod(0o644)  # workers may run as another user
    unfinished.rename(folder)
    return folder


def _write_weights(folder: Path, *, layers: int, hidden_size: int) -> None:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(102)
    config = BertConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden_size // 64),
        intermediate_size=4 * hidden_size,
        max_position_embeddings=512,
        id2label={0: "human", 1: "ai"},
        label2id={"human": 0, "ai": 1},
    )
    BertForSequenceClassification(config).save_pretrained(folder)


def _write_tokenizer(folder: Path) -> None:
    """One token per ideograph, as in the vocabularies of Chinese BERTs."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    words = [*_SPECIAL, *(chr(code) for code in range(33, 127)), *_PUNCTUATION]
    words += [chr(code) for code in _IDEOGRAPHS]
    words += [f"[unused{number}]" for number in range(VOCABULARY_SIZE - len(words))]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    about = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": 512,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    reference_model(parser.parse_args().folder)
