"""Explain in a sentence why a URL cannot be read: turn any exception of the storage libraries into one of ours, without credentials."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
from collections.abc import Iterator

from automl_cnn.errors import AutomlCnnError, DataError, StoreError
from automl_cnn.urls import BUCKETS, HTTP, Url

INSTALL = {
    **dict.fromkeys(("s3", "s3a"), ("s3fs", "'automl-cnn[s3]'")),
    **dict.fromkeys(("gs", "gcs"), ("gcsfs", "'automl-cnn[gcs]'")),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), ("adlfs", "adlfs")),
    **dict.fromkeys(("http", "https"), ("fsspec and aiohttp", "'fsspec[http]'")),
    **dict.fromkeys(("sftp", "ssh"), ("fsspec and paramiko", "'fsspec[sftp]'")),
    "smb": ("fsspec and smbprotocol", "'fsspec[smb]'"),
    "hf": ("huggingface_hub", "huggingface_hub"),
    **dict.fromkeys(("memory", "local", "ftp"), ("fsspec", "fsspec")),
}  # by scheme, the packages that read it, and what pip is to install
LOGIN = {
    **dict.fromkeys(
        ("s3", "s3a"),
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and for another server than Amazon's AWS_ENDPOINT_URL.",
    ),
    **dict.fromkeys(("gs", "gcs"), "Log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."),
    **dict.fromkeys(("az", "abfs", "abfss"), "Set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY."),
    "hf": "Set HF_TOKEN.",
}
_REFUSED, _GONE = (401, 403), (404, 410)  # codes of HTTP
_LONGEST = 200


@contextlib.contextmanager
def explained(url: Url) -> Iterator[None]:
    """Turn any exception within the block into a DataError, and a full disk into a StoreError. Errors of this package pass.

    Raises:
        DataError, StoreError: see above.
    """
    try:
        yield
    except AutomlCnnError:
        raise
    except Exception as error:
        raise explanation(url, error) from None


def explanation(url: Url, error: BaseException) -> AutomlCnnError:
    """The error to raise in place of a library's `error`."""
    names, numbers = _names(error), _numbers(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"{url} cannot be copied to the cache: {error.strerror}. Free some space there, or choose another --store.")
    if isinstance(error, ImportError) or "Protocol not known" in str(error):
        return DataError(_missing(url, error))
    if lacks_credentials(error):
        return DataError(f"{url} cannot be read: no credentials are set. {_login(url)}")
    if numbers & set(_REFUSED) or "PermissionError" in names or str(error).startswith("Forbidden"):  # the last as gcsfs says it
        again = " The credentials of a URL are not stored: pass --data with them again." if url.scheme not in BUCKETS else ""
        return DataError(f"{url} cannot be read: access was refused ({_reason(url, error)}). Check the permissions of these credentials. {_login(url)}{again}")
    if names & {"ClientConnectorError", "EndpointConnectionError", "ConnectTimeoutError", "ConnectionError", "gaierror", "ConnectionRefusedError"}:
        return DataError(f"The server of {url} cannot be reached ({_reason(url, error)}). Check the network and the address, and try again.")
    if any("Timeout" in name for name in names):
        return DataError(f"The server of {url} does not answer ({_reason(url, error)}). Check the network, and try again: what was read is kept.")
    if numbers & set(_GONE) or "FileNotFoundError" in names:
        return DataError(missing(url))
    return DataError(f"{url} cannot be read: {_reason(url, error)}. Check the address, and try again.")


def missing(url: Url) -> str:
    """The message if there is nothing at a URL."""
    if url.scheme in HTTP:
        return f"There is no file {url}. Expected an archive of images, or a table."
    return f"There is no folder or file {url}, or nothing is in it. Check its spelling (large and small letters differ)."


def lacks_credentials(error: BaseException) -> bool:
    """Whether the user has set no credentials at all."""
    return bool(_names(error) & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "CredentialRetrievalError"})


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _names(error: BaseException) -> set[str]:
    """The names of an error's classes, and of those that it was raised because of: the libraries need not be imported for that."""
    return {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}


def _numbers(error: BaseException) -> set[int]:
    """The codes of HTTP in an error, as the libraries have them."""
    return {code for one in _chain(error) for name in ("status", "code", "status_code") if isinstance(code := getattr(one, name, None), int)}


def _reason(url: Url, error: BaseException) -> str:
    text = " ".join(url.clean(str(error)).split()) or type(error).__name__
    return text[:_LONGEST].rstrip(".")


def _login(url: Url) -> str:
    return LOGIN.get(url.scheme, "")


def _missing(url: Url, error: BaseException) -> str:
    packages, pip = INSTALL.get(url.scheme, ("", ""))
    if packages:
        return f"Reading {url.scheme}:// needs {packages}: pip install {pip}."
    if importlib.util.find_spec("fsspec") is None:
        return f"Reading {url.scheme}:// needs fsspec and its package for that storage: pip install fsspec."
    reason = str(error).rstrip(".")
    if "Protocol not known" in reason:
        return f"{url} cannot be read: no installed package knows {url.scheme}://. Expected a path, or a URL such as s3://bucket/photos or gs://bucket/photos."
    return f"{url} cannot be read: {reason}."
