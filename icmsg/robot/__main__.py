"""``python -m icmsg.robot [OPTION…] SUITE…``: Robot, with what Renode's renode-test gives to every suite."""

from __future__ import annotations

import sys

from robot.run import run_cli

if __name__ == "__main__":
    run_cli(["--prerunmodifier", "icmsg.robot.RenodeSuites", *sys.argv[1:]])
