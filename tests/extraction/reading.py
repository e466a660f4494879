"""How tests look at an extracted document."""

from __future__ import annotations

from detection.scoring.types import BlockKind, ExtractedDocument


def texts(document: ExtractedDocument, *kinds: BlockKind) -> list[str]:
    """The blocks' texts in order; only of these kinds, if any are named."""
    return [
        document.text[block.start : block.end]
        for block in document.blocks
        if not kinds or block.kind in kinds
    ]


def kinds(document: ExtractedDocument) -> dict[str, BlockKind]:
    return {document.text[block.start : block.end]: block.kind for block in document.blocks}


def assert_covered(document: ExtractedDocument) -> None:
    """Blocks are in order, do not overlap, and leave out nothing but white space."""
    position = 0
    for block in document.blocks:
        assert position <= block.start < block.end <= len(document.text)
        assert not document.text[position : block.start].strip()
        position = block.end
    assert not document.text[position:].strip()
