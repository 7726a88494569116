"""Report: one self-contained HTML file that a sceptical reader can check.

`blocks` says what a page is made of; `verdict`, `comparison`, `evidence`, `future` and `origins` turn
nouns into blocks; `drawing` turns plots into inline SVG; `writer` puts the page together and saves it.
"""

from clvmodels.report.writer import write_report

__all__ = ["write_report"]
