"""How sphinx makes the site: ``python -m sphinx -W --keep-going -n docs build/site``.

The pages are Markdown that reads as well where it lies; the library's reference is made from the
docstrings. Nothing is fetched from the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydbg

if TYPE_CHECKING:
    from docutils.nodes import TextElement, reference
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "pydbg"
author = "the pydbg authors"
project_copyright = author
release = version = pydbg.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["share"]
nitpicky = True

myst_heading_anchors = 3  # The anchors a forge gives to headings, so that links to them hold here.

nitpick_ignore_regex = [
    ("py:class", pattern)
    for pattern in (
        # Python's own: its reference is not at hand without the network.
        r"collections\.abc\..*|PathLike|Fraction|re\.Pattern",
        # Variables of types, and what is private.
        r".*\b([A-Z]|Function|_\w+)",
        # What is inside: parameters that only pydbg itself gives, attributes for other rooms.
        # What is public of these modules is in api.md, and a test says whether all of it is.
        r"pydbg\.(?!(aio|commands|errors|events|expr|library|pytest_plugin|settings)\.)\w+\..*",
        r"Callback|Expression|InlineCall|Inspection|Language|Macros|Module|Node|ProgramContext|ProgramState|RawFrame|RawStop|Spec|Formatter|Family|Child|Match|Result|Symbol|Tracee|Variables|Writer",
        r"pydbg\.expr\.types\.(Field|ArrayType)",
    )
]

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "pydbg"
html_copy_source = False
html_show_sphinx = False


def by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: TextElement
) -> reference | None:
    """Resolve a type that an annotation names without its module, as imported for typing only."""
    target = node["reftarget"]
    if node.get("refdomain") != "py" or "." in target:
        return None
    node["refspecific"] = True  # Any module's, if only one has the name.
    python = env.domains.python_domain
    return python.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], target, node, text
    )


def setup(app: Sphinx) -> None:
    """Hook into sphinx."""
    app.connect("missing-reference", by_last_name)
