"""`live` for a running site, `test` for the tests, what both share in `base`."""
