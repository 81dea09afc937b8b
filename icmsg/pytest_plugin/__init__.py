"""pytest plugin: fixtures for tests of ICMsg on an emulated SoC.

pytest loads it by itself where this package is installed; ``-p no:icmsg`` turns it off. A test::

    def test_my_image_bonds(icmsg_firmware, icmsg_peer):
        icmsg_firmware("net", "echo")   # or the path of your ELF
        peer = icmsg_peer("app")
        peer.wait_for_bound()
        peer.send(b"hello")
        assert peer.receive() == b"hello"

Nothing of an engine is imported before a test asks for it.
"""

from __future__ import annotations

from icmsg.pytest_plugin.fixtures import (
    _icmsg_last_words,
    _icmsg_stderr,
    icmsg_engine,
    icmsg_firmware,
    icmsg_machine,
    icmsg_make_machine,
    icmsg_peer,
)
from icmsg.pytest_plugin.hooks import (
    pytest_addoption,
    pytest_configure,
    pytest_report_header,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

__all__ = [
    "_icmsg_last_words",
    "_icmsg_stderr",
    "icmsg_engine",
    "icmsg_firmware",
    "icmsg_machine",
    "icmsg_make_machine",
    "icmsg_peer",
    "pytest_addoption",
    "pytest_configure",
    "pytest_report_header",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
]
