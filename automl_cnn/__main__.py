"""`python -m automl_cnn` is `automl-cnn`."""

from automl_cnn.processes import leave_folder

if __name__ == "__main__":
    leave_folder()  # before anything else is imported: `python -m` searches the current folder first

    from automl_cnn.cli import main

    main()
