"""The command line: one file per command; flags -> settings -> one call; no logic.

    automl-cnn demo                          see it work
    automl-cnn doctor                        check the installation
    automl-cnn search --data ./images        find and keep the best model
    automl-cnn study NAME                    compare networks side by side
    automl-cnn plugins list                  what takes part in a search
    automl-cnn predict NAME photo.jpg        use the model
    automl-cnn dashboard                     browse every run
    automl-cnn studies                       what was searched so far
    automl-cnn export NAME --out DIR         ship it

Exit codes: 0 done, 1 a plugin breaks a rule (`plugins check`) or the model of `demo` reads too few digits, 2 something must be changed first
(the message says what), 130 interrupted.
"""

from __future__ import annotations

from automl_cnn.cli.commands import app, main

__all__ = ["app", "main"]
