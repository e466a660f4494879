"""The settings of a running site. Everything an operator may set is an environment variable."""

from zhenwen.settings.base import *  # noqa: F403
