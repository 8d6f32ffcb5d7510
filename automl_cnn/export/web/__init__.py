"""A web page that classifies dropped photos in the browser. It opens offline with a double click, and photos never leave the machine.

    write(Path("exported"), find("npm"))        # exported/web/index.html beside the exported model.onnx

A browser lets a page on the disk load scripts but no other files; the network and the runtime are therefore written as scripts.
The runtime is onnxruntime-web, which is not part of this package: `find` reads the user's copy, or downloads the pinned version with npm.
"""

from automl_cnn.export.web.runtime import INTEGRITY, VERSION, Runtime, find
from automl_cnn.export.web.write import write

__all__ = ["INTEGRITY", "VERSION", "Runtime", "find", "write"]
