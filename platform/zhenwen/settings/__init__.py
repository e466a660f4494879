"""The settings of a running site. Operators set environment variables; docs/settings.md lists them."""

from zhenwen.settings.base import *  # noqa: F403
