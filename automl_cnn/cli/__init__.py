"""The command line: one file per command; flags -> settings -> one call; no logic.

    automl-cnn demo                          see it work
    automl-cnn doctor                        check the installation
    automl-cnn search --data ./images        find and keep the best model
    automl-cnn study NAME                    compare networks side by side
    automl-cnn plugins list                  list the plugins that a search uses
    automl-cnn predict NAME photo.jpg        use the model
    automl-cnn dashboard                     browse every run
    automl-cnn studies                       list the studies so far
    automl-cnn export NAME --out DIR         write files to deploy

Exit codes: 0 done, 1 a plugin breaks a rule (`plugins check`) or the model of `demo` is below its target accuracy, 2 an error (the message says what
to change), 130 interrupted.
"""

from __future__ import annotations

from automl_cnn.cli.commands import app, main

__all__ = ["app", "main"]
