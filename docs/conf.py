"""How the documentation is built: `make docs`. Nothing is downloaded, and the pages ask nothing of other hosts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import clvmodels

project = "clvmodels"
author = "the clvmodels developers"
project_copyright = author
version = release = clvmodels.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "pages.mathml",
    "pages.generated",
]
root_doc = "index"
exclude_patterns = ["pages", "drawings/*.py"]
nitpicky = False
default_role = "code"
suppress_warnings = ["ref.python"]  # "name" under Attributes is a field, not one of a dozen cross-references

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are stored with their outputs, and run by the tests
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False
napoleon_custom_sections = [("Attributes", "returns_style")]  # "low, high" are two names of one line
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "clvmodels"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {"index": []}
