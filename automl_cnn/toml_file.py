"""A study file as it is written: TOML, whose settings nobody has checked yet."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from automl_cnn import paths, quantities
from automl_cnn.errors import ConfigError

MAX_TOML = 1_000_000  # bytes of a study file


def read_toml(file: Path) -> dict[str, Any]:
    """The settings of a study file, unchecked.

    Raises:
        ConfigError: there is no such file, or it is not TOML in UTF-8; the message says where.
    """
    if why := paths.address(file):
        raise ConfigError(f"The study file cannot be read: {why}.")
    try:
        if file.exists() and not file.is_file():
            raise ConfigError(f"The study file {file} is not a regular file. Pass a TOML file, such as the study.toml that a search writes.")
        with file.open("rb") as opened:
            content = opened.read(MAX_TOML + 1)
        if len(content) > MAX_TOML:
            raise ConfigError(
                f"The study file {file} is larger than {quantities.bytes_(MAX_TOML)}. Pass a TOML file, such as the study.toml that a search writes."
            )
        return tomllib.loads(content.decode("utf-8-sig"))  # editors on Windows put a mark at the beginning
    except OSError as error:
        raise ConfigError(f"The study file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"The study file {file} is not valid TOML: byte {error.start + 1} is not UTF-8. Save the file as UTF-8.") from None
    except RecursionError:
        raise ConfigError(
            f'The study file {file} is not valid here: its lists or tables are nested too deeply. Expected lines such as budget = "10m".'
        ) from None
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        raise ConfigError(f"The study file {file} is not valid TOML: {error}.") from None
