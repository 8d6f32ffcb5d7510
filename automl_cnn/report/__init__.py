"""A study as one page that needs nothing else: what was found, why, and what to do next.

    text = page(facts)          # facts: everything known, as plain data

`view` decides what is shown (pure: facts in, frozen data out); `page.html`, `style.css` and `script.js` decide how it looks.
The charts are our own SVG (`charts`): Plotly's only bundle is 4.8 MB of JavaScript, too heavy for a page that people mail around.
"""

from automl_cnn.report.parts import Page
from automl_cnn.report.render import page
from automl_cnn.report.view import view

__all__ = ["Page", "page", "view"]
