"""Failures with the texts that Renode's Remote library gives: the name of its exception, then its message."""

from __future__ import annotations


def keyword_exception(text: str) -> AssertionError:
    """Return the failure for a keyword that cannot do what it was asked for."""
    return AssertionError(f"KeywordException: {text}")


def tester_failed(text: str) -> AssertionError:
    """Return the failure of a terminal tester."""
    return AssertionError(f"InvalidOperationException: Terminal tester failed!\n\n{text}")


def recoverable_exception(text: str) -> AssertionError:
    """Return the failure for what Renode's emulation refuses."""
    return AssertionError(f"RecoverableException: {text}")
