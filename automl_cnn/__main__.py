"""`python -m automl_cnn` is `automl-cnn`."""

from automl_cnn.cli import main

if __name__ == "__main__":
    main()
