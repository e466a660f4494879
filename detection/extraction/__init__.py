"""Files and pasted texts -> one text with blocks. Pure: no framework, no model."""

from detection.extraction.extract import check_file, extract_file, extract_text

__all__ = ["check_file", "extract_file", "extract_text"]
