"""Images in a bucket, on a server of this machine that speaks S3."""

import io
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import prepare, scan_input
from automl_cnn.data.remote import Remote
from automl_cnn.errors import DataError
from automl_cnn.urls import parse

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
SERVER = (
    "import logging; logging.getLogger('werkzeug').setLevel(logging.ERROR)\n"
    "from moto.moto_server.threaded_moto_server import ThreadedMotoServer\n"
    "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)\n"
    "server.start()\n"
    "print(server.get_host_and_port()[1], flush=True)\n"
    "import sys; sys.stdin.read()\n"
)


def served(**environment: str):
    """A server on loopback and a free port, as a process of its own that ends with its standard input."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    try:
        port = next(line for line in process.stdout if line.strip().isdigit()).strip()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def server():
    yield from served()


@pytest.fixture(autouse=True)
def own(monkeypatch, tmp_path):
    """No settings of this machine's user, and no look for a role of a virtual machine."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.startswith("FSSPEC_")]:
        monkeypatch.delenv(name)
    settings = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value == "none" else value)


@pytest.fixture
def bucket(server, monkeypatch):
    """The files of an S3 server, with an empty bucket called photos."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    for key in KEYS:
        monkeypatch.setenv(key, "testing")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    if files.exists("photos"):
        files.rm("photos", recursive=True)
    files.mkdir("photos")
    return files


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


PETS = {
    f"{split}/{name}/{number}.png": picture(100 * len(split) + 10 * (name == "dog") + number)
    for split in ("train", "val")
    for name in ("cat", "dog")
    for number in range(6)
}


def test_a_bucket_is_read_split_and_read_again_without_fetching(bucket, tmp_path, monkeypatch):
    for path, content in PETS.items():
        bucket.pipe_file(f"photos/pets/{path}", content)
        (tmp_path / "pets" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / path).write_bytes(content)
    there, here = (prepare(place, tmp_path / "cache") for place in ("s3://photos/pets", tmp_path / "pets"))
    assert (there.name, there.folder) == ("pets", "s3://photos/pets")
    assert (there.fingerprint, there.splits.tolist(), there.given) == (here.fingerprint, here.splits.tolist(), ("train", "val"))
    fetched = []
    original = Remote.fetch
    monkeypatch.setattr(Remote, "fetch", lambda self, entry, *rest: fetched.append(entry.path) or original(self, entry, *rest))
    bucket.pipe_file("photos/pets/train/cat/0.png", picture(77))
    bucket.pipe_file("photos/pets/train/cat/1.png", PETS["train/cat/1.png"])  # the same content, written again
    assert prepare("s3://photos/pets/", tmp_path / "cache").fingerprint != there.fingerprint
    assert fetched == ["train/cat/0.png"]


def test_keys_that_no_folder_could_hold(bucket, tmp_path):
    for path, content in PETS.items():
        bucket.pipe_file(f"photos/{path}", content)
    for key in ("train", "train/cat", "train/bird/", "train//odd.png", "train/../../out.png", "train/dog/a::b.png", "notes.txt"):
        bucket.pipe_file(f"photos/{key}", b"" if key in ("train", "train/bird/") else picture(1))
    scanned = scan_input("s3://photos", cache=tmp_path)
    assert dict(scanned.refused) == {
        "train/cat": "a folder has the same name",
        "train//odd.png": "a part of its path is empty or not a name",
        "train/../../out.png": "its name leads out of the folder",
    }
    assert len(scanned.files) == 25
    assert "1 class folder without any image left out: bird." in scanned.notes
    assert not list(tmp_path.rglob("out.png"))


def test_a_table_of_whole_urls(bucket, tmp_path):
    lines = ["path,label"]
    for path, content in PETS.items():
        bucket.pipe_file(f"photos/deep/{path}", content)
        lines.append(f"s3://photos/deep/{path},{path.split('/')[1]}")
    bucket.pipe_file("photos/deep/all.csv", "\n".join(lines).encode())
    assert len(scan_input("s3://photos/deep/all.csv", cache=tmp_path).files) == 24
    bucket.pipe_file("photos/deep/all.csv", "\n".join([*lines, "s3://photos/elsewhere/1.png,cat"]).encode())
    with pytest.raises(
        DataError, match=r"Line 26 of s3://photos/deep/all\.csv: s3://photos/elsewhere/1\.png lies outside of s3://photos/deep, the folder of the table"
    ):
        scan_input("s3://photos/deep/all.csv", cache=tmp_path)


def test_a_large_file_comes_in_parts(bucket, tmp_path):
    content = np.random.default_rng(0).bytes(60 << 20)  # s3fs fetches parts of 50 MiB at once
    bucket.pipe_file("photos/large/cat/1.png", content)
    for path in ("cat/2.png", "dog/1.png"):
        bucket.pipe_file(f"photos/large/{path}", picture(1))
    steps = []
    scanned = scan_input("s3://photos/large", cache=tmp_path, fetched=lambda done, of: steps.append(done))
    assert (scanned.folder / "cat" / "1.png").read_bytes() == content
    assert max(steps) > 60 << 20


def test_a_bucket_that_is_not_there(bucket, tmp_path):
    for url in ("s3://nothing/photos", "s3://photos/nothing", "s3://photos"):
        with pytest.raises(DataError, match=f"There is no folder or file {url}, or nothing is in it"):
            scan_input(url, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_public_bucket_needs_no_credentials(bucket, tmp_path, monkeypatch):
    for path, content in PETS.items():
        bucket.pipe_file(f"photos/{path}", content, ACL="public-read")
    for key in KEYS:
        monkeypatch.delenv(key)
    assert len(scan_input("s3://photos", cache=tmp_path).files) == 24


def test_a_private_bucket_does(bucket, tmp_path, monkeypatch):
    for key in KEYS:
        monkeypatch.delenv(key)
    original = Remote._listing

    def refused(self):
        if self._options.get("anon"):
            raise PermissionError("Access Denied")
        return original(self)

    monkeypatch.setattr(Remote, "_listing", refused)
    with pytest.raises(DataError, match=r"s3://photos/x cannot be read: no credentials are set\. Set AWS_ACCESS_KEY_ID"):
        scan_input("s3://photos/x", cache=tmp_path / "cache")


def test_wrong_credentials_and_a_server_that_is_down(tmp_path, monkeypatch):
    for key in KEYS:
        monkeypatch.setenv(key, "wrong")
    for address in served(INITIAL_NO_AUTH_ACTION_COUNT="0"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(DataError, match=r"s3://photos/x cannot be read: access was refused \(.*\)\. Check the permissions"):
            scan_input("s3://photos/x", cache=tmp_path / "cache")
    with pytest.raises(DataError, match=r"The server of s3://photos/x cannot be reached"):  # it is gone by now
        scan_input("s3://photos/x", cache=tmp_path / "cache")


def test_the_command_line_checks_a_bucket(bucket, tmp_path):
    for path, content in {**PETS, "train/dog/twin.png": PETS["val/dog/0.png"]}.items():
        bucket.pipe_file(f"photos/pets/{path}", content)
    command = [sys.executable, "-m", "automl_cnn", "check", "--data", "s3://photos/pets", "--quick", "--store", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s3://photos/pets\n25 images in 2 classes")
    assert "train/dog/twin.png" in done.stdout
    assert str(tmp_path / "runs" / "cache") not in done.stdout
    assert (tmp_path / "runs" / "checks" / "pets.html").is_file()
    assert not Path(tmp_path / "s3:").exists()


def test_files_travel_to_and_from_a_bucket(bucket, tmp_path):
    remote, file = Remote(parse("s3://photos/exchange")), tmp_path / "model.keras"
    file.write_bytes(os.urandom(6_000_000))
    assert remote.size("s/model.keras") is None
    remote.put(file, "s/model.keras")
    assert remote.size("s/model.keras") == 6_000_000
    moved = []
    remote.take("s/model.keras", tmp_path / "copy", 6_000_000, moved.append)
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    assert sum(moved) == 6_000_000
    file.write_bytes(b"newer")
    remote.put(file, "s/model.keras")
    assert remote.size("s/model.keras") == 5  # nobody goes by what was listed before
    remote.erase("s")
    assert remote.size("s/model.keras") is None
    remote.erase("s")


def test_a_bucket_that_is_not_there_takes_no_files(bucket, tmp_path):
    (tmp_path / "f").write_bytes(b"1")
    with pytest.raises(DataError, match=r"s3://nowhere/exchange"):
        Remote(parse("s3://nowhere/exchange")).put(tmp_path / "f", "s/f")
