"""Settings of Sphinx for `make docs`; `build_site.py` collects the pages and runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "icmsg"
html_title = "icmsg"
language = "en"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"  # fonts of the system: nothing is fetched from elsewhere
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
add_module_names = False
napoleon_numpy_docstring = False
copybutton_prompt_text = "$ "
# Headings of troubleshooting.md are errors as they are printed, one size for all; methods of two classes share names.
suppress_warnings = ["myst.header", "ref.python"]


def setup(app: Sphinx) -> None:
    """Let examples of the Monitor's language be shown as they are."""
    app.add_lexer("monitor", TextLexer)
