"""Texts out of public packages: what they teach and where it comes from stands in sources.toml."""
