"""docs/configuration.md names every finding with its severity, and every option of the command and of Kconfig."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from icmsg.cli import check_command
from icmsg.config import kconfig

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
CHECKS = (
    "checks.py",
    "backends.py",
    "mailboxes.py",
    "memory_checks.py",
    "pair_checks.py",
)


def found_in_source() -> dict[str, str]:
    source = "".join((ROOT / "icmsg" / "config" / name).read_text(encoding="utf-8") for name in CHECKS)
    findings = {
        code: severity for severity, code in re.findall(r'"(error|warning|note)",\s+"([a-z-]+)"', source)
    }
    severe = re.findall(r'(?:finding|Finding)\(\s*"([a-z]+-[a-z-]+)"', source)
    return dict.fromkeys(severe, "error") | {"generations-open": "warning"} | findings


def found_on_page() -> dict[str, str]:
    rows = re.findall(r"^\| (`[a-z`, -]+`) \| (error|warning|note) \|", PAGE, re.MULTILINE)
    return {code: severity for codes, severity in rows for code in re.findall(r"`([a-z-]+)`", codes)}


def test_every_finding_is_on_the_page_with_its_severity() -> None:
    found = found_in_source() | {"generations-open": "warning", "instance": "error"}
    assert len(found) > 25
    assert found_on_page() == found


def test_every_option_of_the_command_is_on_the_page() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    check_command.add_parser(commands)
    options = [option for action in commands.choices["check"]._actions for option in action.option_strings]
    assert [option for option in options if option not in PAGE and option not in ("-h", "--help")] == []


def test_every_kconfig_option_that_decides_something_is_on_the_page() -> None:
    names = [
        kconfig.BACKEND,
        kconfig.REPEAT,
        kconfig.ACCESS,
        kconfig.RX_SIZE,
        kconfig.CB_SIZES[0],
        *kconfig.SPSC_LINES,
        kconfig.ICBMSG,
        kconfig.ICBMSG_NUM_EP,
        kconfig.ICBMSG_DEINIT,
        kconfig.SLOTS,
        kconfig.WORK_Q_STACK,
        *kconfig.ME_ROLES,
        kconfig.ME_NUM_EP,
        kconfig.ME_SEND_BUF,
        kconfig.ME_NAME_LEN,
    ]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    assert all(name.rpartition("_UNBOUND")[2] in PAGE for name in kconfig.MODE_SWITCHES.values())
