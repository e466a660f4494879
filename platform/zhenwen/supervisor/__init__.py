"""Starts and keeps the whole site on one host: PostgreSQL, Valkey, web, workers. Standard library first.

`python -m zhenwen.supervisor` must run before anything is installed, so modules here import packages
of the virtual environment inside functions only.
"""
