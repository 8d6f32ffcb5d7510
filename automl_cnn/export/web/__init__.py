"""A web page that classifies a dropped photo in the browser: offline, by a double click, the photo never leaving the machine.

    write(Path("exported"), find("npm"))        # exported/web/index.html beside the exported model.onnx

Browsers let a page opened from a disk load scripts and nothing else, so the network and the runtime are written as scripts.
The runtime is onnxruntime-web; none of it is in this package: `find` takes a copy of the user's, or asks npm for the pinned one.
"""

from automl_cnn.export.web.runtime import INTEGRITY, VERSION, Runtime, find
from automl_cnn.export.web.write import write

__all__ = ["INTEGRITY", "VERSION", "Runtime", "find", "write"]
