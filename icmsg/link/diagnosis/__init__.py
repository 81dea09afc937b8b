"""Diagnosis of a link: facts that were observed, rules over them, and findings in words."""

from __future__ import annotations
