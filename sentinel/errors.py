"""The root of every error that sentinel raises, and the two ways to meet one."""

from __future__ import annotations


class SentinelError(Exception):
    """Something is wrong and the message says what, where and how to mend it."""


class RecoverableError(SentinelError):
    """The same call may succeed later: log it, count it, try again."""


class FatalError(SentinelError):
    """Trying again changes nothing: a person has to act first."""


class LayoutMismatchError(FatalError):
    """Two summaries do not share one Layout, so their counts do not mean the same."""


class CorruptArtifactError(FatalError):
    """Stored bytes are not what was written: truncated, altered, or of an unknown version."""


class StoreError(FatalError):
    """The embedded store cannot keep what it is given (full, locked, or unreadable)."""


class BaselineError(FatalError):
    """A baseline cannot be built or read from what was given."""


class SourceError(RecoverableError):
    """The place that events come from does not answer."""
