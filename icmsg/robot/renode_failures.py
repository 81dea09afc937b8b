"""Failures with the texts that Renode's Remote library gives: the name of its exception, then its message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icmsg.errors import IcmsgError

if TYPE_CHECKING:
    from icmsg.errors import MonitorError

_DOTNET_NAMES: Final = {
    AssertionError: "AssertionException",
    AttributeError: "MissingMemberException",
    Exception: "PythonException",
    FileNotFoundError: "FileNotFoundException",
    ImportError: "ImportException",
    ModuleNotFoundError: "ImportException",
    IndexError: "IndexOutOfRangeException",
    KeyError: "KeyNotFoundException",
    NameError: "UnboundNameException",
    RuntimeError: "RuntimeException",
    SyntaxError: "SyntaxErrorException",
    ZeroDivisionError: "DivideByZeroException",
}
"""Exceptions of .NET that IronPython has for those of Python; any other has its name with ``Exception`` behind it."""


def keyword_exception(text: str) -> AssertionError:
    """Return the failure for a keyword that cannot do what it was asked for."""
    return AssertionError(f"KeywordException: {text}")


def tester_failed(text: str) -> AssertionError:
    """Return the failure of a terminal tester."""
    return AssertionError(f"InvalidOperationException: Terminal tester failed!\n\n{text}")


def recoverable_exception(text: str) -> AssertionError:
    """Return the failure for what Renode's emulation refuses."""
    return AssertionError(f"RecoverableException: {text}")


def python_exception(error: MonitorError) -> AssertionError:
    """Return the failure for what went wrong in Python, which is the cause of ``error``."""
    cause = error.__cause__
    if cause is None or isinstance(cause, IcmsgError):
        return keyword_exception(str(error))
    word = _DOTNET_NAMES.get(type(cause)) or f"{type(cause).__name__}Exception"
    return AssertionError(f"{word}: {str(error).removeprefix(f'{type(cause).__name__}: ')}")
