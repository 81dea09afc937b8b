"""A reader of Renode's Monitor scripts, strict enough to refuse what the Monitor would.

The tokens are those of Renode's Monitor (1.16.1, ``Tokenizer``), tried in its order; a macro is a command whose text
stands between two lines of three quotes; ``$ORIGIN`` is the folder of the script that is being read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_TOKENS = {
    "comment": r"^\#.*|^:.*",
    "execution": r"^`.*?`",
    "variable": r"^\$[\w.]+",
    "multiline": r'^""".+?"""',
    "string": r"^'[^'\\]*(?:\\.[^'\\]*)*'|^\"[^\"\\]*(?:\\.[^\"\\]*)*\"",
    "path": r"^@(?:(?!;)(?:\\ |\S))+",
    "hex": r"^0x[0-9a-fA-F]+",
    "float": r"^[+-]?\d+\.\d*",
    "integer": r"^[+-]?\d+",
    "boolean": r"^(?i:true|false)",
    "equal": r"^=",
    "default": r"^\?=",
    "split": r"^;",
    "literal": r"^[\w.\-?]+",
    "space": r"^\s+",
}


class Token(NamedTuple):
    """One token; ``text`` as it is written."""

    kind: str
    text: str


class Command(NamedTuple):
    """One command with its variables as written, and where it stands."""

    tokens: tuple[Token, ...]
    line: int
    in_macro: str | None

    @property
    def text(self) -> str:
        return " ".join(token.text for token in self.tokens)


def tokenize(text: str, variables: dict[str, str]) -> tuple[Token, ...]:
    """Return the tokens; ValueError where nothing fits.

    Where nothing fits behind a variable, the Monitor puts the variable's value in and begins again.
    """
    tokens: list[Token] = []
    rest = text
    while rest:
        found = ((kind, re.match(pattern, rest, re.DOTALL)) for kind, pattern in _TOKENS.items())
        kind, match = next(((kind, match) for kind, match in found if match), ("", None))
        if match is None:
            if tokens and tokens[-1].kind == "variable" and tokens[-1].text in variables:
                before = " ".join(token.text for token in tokens[:-1])
                return tokenize(f"{before} {variables[tokens[-1].text]}{rest}".strip(), variables)
            raise ValueError(f"no token at {rest!r} in {text!r}")
        rest = rest[match.end() :]
        if kind not in ("space", "comment"):
            tokens.append(Token(kind, match[0]))
    return tuple(tokens)


def read_script(path: Path) -> list[Command]:
    """Return the commands of a script, those of its macros included."""
    variables = {"$ORIGIN": "@" + path.parent.as_posix().replace(" ", "\\ ")}
    commands: list[Command] = []
    macro: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() == '"""':
            last = commands[-1]
            macro = last.tokens[1].text if macro is None else None
            if macro is not None and last.tokens[0].text != "macro":
                raise ValueError(f"{path.name}:{number}: text without a macro")
            continue
        tokens = tokenize(line, variables)
        if tokens:
            commands.append(Command(tokens, number, macro))
    if macro is not None:
        raise ValueError(f"{path.name}: macro {macro} has no end")
    return commands


def included(path: Path) -> list[Path]:
    """Return a script and all scripts that it includes, the innermost first."""
    found: list[Path] = []
    for command in read_script(path):
        if command.tokens[0].text == "include":
            for token in command.tokens[1:]:
                file = file_of(token)
                if file.suffix == ".resc":
                    found += included(file)
    return [*found, path]


def file_of(token: Token) -> Path:
    """Return the file that a path token names."""
    assert token.kind == "path", token
    return Path(token.text[1:].replace("\\ ", " "))
