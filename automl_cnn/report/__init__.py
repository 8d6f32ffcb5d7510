"""A study as one page that needs nothing else: what was found, why, and what to do next.

    text = page(facts)          # facts: everything known, as plain data

What is shown is decided in `view` (pure: facts in, frozen data out), how it looks in `page.html`, `style.css` and `script.js`.
The charts are SVG of ours (`charts`): Plotly's only bundle is 4.8 MB of JavaScript, which a page to be mailed around should not weigh.
"""

from automl_cnn.report.parts import Page
from automl_cnn.report.render import page
from automl_cnn.report.view import view

__all__ = ["Page", "page", "view"]
