"""Hostile inputs against the installed tool, as a user would meet them.

A case is a function that gets a `Lab`, puts something hostile into it, and runs the tool with an expectation:

    @case()
    def a_data_folder_that_is_a_file(lab):
        lab.cli("search", "--data", lab.file("photos"), code=2, err="not a folder")

Whatever a case expects of its own, each command must end in time and within its memory, without a traceback or control characters in what it prints,
and leave no process behind and nothing changed outside of the case's folder.
"""
