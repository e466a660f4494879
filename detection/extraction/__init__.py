"""Files and pasted texts -> one text with blocks. Pure: no framework, no model."""

from detection.extraction.extract import check_file, clean_text, extract_file, extract_text

__all__ = ["check_file", "clean_text", "extract_file", "extract_text"]
