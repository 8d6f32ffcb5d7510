"""Hostile files among the images. Most are predicted by an exported ONNX model, which starts without Keras; those of the scan are refused by a search."""

from __future__ import annotations

import os
import socket
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from hostile.cases import case
from hostile.lab import Lab, rows
from hostile.watch import Finding

FEW = r"too few|at least|images"  # what a search says of two images a class


def predicted(lab: Lab, *paths: object, **expected: Any) -> list[dict[str, str]]:
    """What the ONNX model says of these paths."""
    return rows(lab.cli("predict", lab.exported() / "model.onnx", *paths, **expected))


def beside_a_photo(lab: Lab, name: str, make: Callable[[Path], object], err: str = "", **expected: Any) -> None:
    """A folder with one good photo and one hostile file: the photo is predicted, the file is named."""
    photo = lab.photo("mixed/good.png")
    make(photo.parent / name)
    predictions = predicted(lab, photo.parent, err=err or name.partition(".")[0], **expected)
    if [Path(row["path"]).name for row in predictions] != ["good.png"]:
        raise Finding(f"predicted {[row['path'] for row in predictions]}, expected good.png alone")


def in_a_search(lab: Lab, make: Callable[[Path], object], **expected: Any) -> None:
    """Something hostile in a class folder of a search that ends after its scan, since the images are too few."""
    make(lab.photos() / "cat")
    lab.cli("search", "--data", lab.folder / "photos", "--store", lab.store, code=2, err=FEW, **expected)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, body: bytes = b"", depth: int = 8, color: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def linked(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def sparse(path: Path, start: bytes = b"\x89PNG\r\n\x1a\n", size: int = 8 * 10**9) -> None:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


@case(quick=True)
def a_fifo_in_a_class_folder(lab: Lab) -> None:
    in_a_search(lab, lambda folder: os.mkfifo(folder / "pipe.jpg"))


@case(quick=True)
def a_link_to_a_fifo_in_a_class_folder(lab: Lab) -> None:
    os.mkfifo(lab.folder / "pipe")
    in_a_search(lab, lambda folder: (folder / "pipe.jpg").symlink_to(lab.folder / "pipe"))


@case()
def a_link_to_a_fifo_for_predict(lab: Lab) -> None:
    os.mkfifo(lab.folder / "pipe")
    beside_a_photo(lab, "pipe.jpg", linked(str(lab.folder / "pipe")))


@case()
def a_fifo_named_to_predict(lab: Lab) -> None:
    os.mkfifo(lab.folder / "pipe.jpg")
    lab.cli("predict", lab.exported() / "model.onnx", lab.folder / "pipe.jpg", code=2, err="pipe", wordy=True)


@case()
def a_link_to_an_endless_device(lab: Lab) -> None:
    beside_a_photo(lab, "zero.png", linked("/dev/zero"))


@case(quick=True)
def a_link_to_an_endless_device_in_a_search(lab: Lab) -> None:
    in_a_search(lab, lambda folder: (folder / "zero.png").symlink_to("/dev/zero"))


@case()
def an_endless_device_as_the_data_folder(lab: Lab) -> None:
    lab.cli("search", "--data", "/dev/zero", code=2, err="folder")


@case()
def a_socket_in_a_class_folder(lab: Lab) -> None:
    def make(folder: Path) -> None:
        here = Path.cwd()
        os.chdir(folder)  # the address may have a hundred letters only
        try:
            socket.socket(socket.AF_UNIX).bind("socket.jpg")
        finally:
            os.chdir(here)

    in_a_search(lab, make)


@case()
def a_sparse_file_of_8_gb(lab: Lab) -> None:
    beside_a_photo(lab, "sparse.png", sparse)


@case()
def a_sparse_file_of_8_gb_in_a_search(lab: Lab) -> None:
    in_a_search(lab, lambda folder: sparse(folder / "sparse.jpg", b"\xff\xd8\xff\xe0"))


@case()
def a_folder_named_like_an_image(lab: Lab) -> None:
    in_a_search(lab, lambda folder: (folder / "album.jpg").mkdir())


@case(quick=True)
def a_link_to_itself(lab: Lab) -> None:
    in_a_search(lab, lambda folder: (folder / "loop.jpg").symlink_to("loop.jpg"))


@case()
def the_data_folder_is_a_link_to_itself(lab: Lab) -> None:
    (lab.folder / "loop").symlink_to("loop")
    lab.cli("search", "--data", lab.folder / "loop", code=2, err="loop")


@case()
def a_link_to_its_own_parent(lab: Lab) -> None:
    in_a_search(lab, lambda folder: (folder / "again").symlink_to(".."))


@case()
def twenty_five_levels_of_doubled_links(lab: Lab) -> None:
    photos = lab.photos()
    level = lab.folder / "level0"
    level.mkdir()
    lab.photo("level0/photo.png")
    for index in range(1, 26):
        above = lab.folder / f"level{index}"
        above.mkdir()
        (above / "left").symlink_to(level)
        (above / "right").symlink_to(level)
        level = above
    (photos / "cat" / "more").symlink_to(level)
    lab.cli("search", "--data", photos, "--store", lab.store, code=2, err=FEW)
    predictions = predicted(lab, photos / "cat")
    if len(predictions) != 4:
        raise Finding(f"{len(predictions)} images predicted, expected 4: each file once")


@case()
def a_dangling_link(lab: Lab) -> None:
    in_a_search(lab, lambda folder: (folder / "gone.jpg").symlink_to("nowhere.jpg"))


@case()
def fifteen_hundred_nested_folders(lab: Lab) -> None:
    here = os.open(lab.photos() / "cat", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    lab.cli("search", "--data", lab.folder / "photos", "--store", lab.store, code=2)


@case()
def a_path_of_5000_letters(lab: Lab) -> None:
    lab.cli("search", "--data", "x" * 5000, code=2)
    lab.cli("predict", lab.exported() / "model.onnx", "y/" * 2500, code=2)


@case()
def paths_on_standard_input_that_are_none(lab: Lab) -> None:
    good = os.fsencode(lab.photo())
    stdin = b"\n".join([b"a\0b.png", b"\xff\xfe.png", b"x" * 6000, b"   ", b"\x1b[31m.png", b"https://example.org/cat.jpg", b"/dev/zero", good])
    predictions = predicted(lab, "-", stdin=stdin)
    if len(predictions) != 1:
        raise Finding(f"{len(predictions)} rows, expected that of the one image")


@case()
def names_with_everything(lab: Lab) -> None:
    strange = [b"a\nb", b"a,b", b'a"b', b"\x1b[31mred", b"\xff\xfe", b"=1+1", b"-rf", b"\xe2\x80\xae", b" ", b"%s%n", b"$(touch x)", "ü🎉".encode(), b"a" * 250]
    photo = lab.photo()
    folder = lab.folder / "strange"
    folder.mkdir()
    for name in strange:
        with open(os.fsencode(folder) + b"/" + name + b".png", "wb") as file:
            file.write(photo.read_bytes())
    predictions = predicted(lab, folder, raw=True)
    if len(predictions) != len(strange):
        raise Finding(f"{len(predictions)} rows, expected {len(strange)}")
    dangerous = [row["path"] for row in predictions if row["path"][:1] in "=+-@\t\r"]
    if dangerous:
        raise Finding(f"a spreadsheet would calculate {dangerous}")


@case()
def escapes_in_names_on_a_terminal(lab: Lab) -> None:
    lab.photo("strange/\x1b[31mred.png")
    code = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    command = [sys.executable, "-c", code, sys.executable, "-P", "-m", "automl_cnn", "predict", str(lab.exported() / "model.onnx"), str(lab.folder / "strange")]
    ended = lab.run(command, raw=True, env={"TERM": "xterm"})
    if "\x1b[31mred" in ended.out or "red.png" not in ended.out:
        raise Finding(f"the terminal gets a file's escapes: {ended.out[-300:]!r}")


@case()
def class_folders_with_strange_names(lab: Lab) -> None:
    root = os.fsencode(lab.photos())
    for name in (b"\xff\xfe", b"a\nb", b"\x1b[2J", b"=cmd|'x'!A0", b"..."):
        os.mkdir(root + b"/" + name)
        with open(root + b"/" + name + b"/0.png", "wb") as file:
            file.write(lab.photo().read_bytes())
    lab.cli("search", "--data", lab.folder / "photos", "--store", lab.store, code=2)


@case()
def headers_that_promise_billions_of_pixels(lab: Lab) -> None:
    def make(path: Path) -> None:
        path.write_bytes(png(100_000, 100_000))
        path.with_suffix(".bmp").write_bytes(b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0))
        path.with_suffix(".gif").write_bytes(b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + b",")
        tags = [(256, 100_000), (257, 100_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 100_000), (279, 10)]
        body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        path.with_suffix(".tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + body + bytes(4))

    beside_a_photo(lab, "huge.png", make)


@case()
def a_png_that_unpacks_to_a_gigabyte(lab: Lab) -> None:
    side = 19_000
    line = zlib.compressobj(9)
    body = b"".join(line.compress(bytes(1 + 3 * side)) for _ in range(side)) + line.flush()
    content = png(side, side).replace(chunk(b"IDAT", zlib.compress(b"", 9)), chunk(b"IDAT", body))
    beside_a_photo(lab, "bomb.png", lambda path: path.write_bytes(content))


@case()
def a_png_with_16_bits_that_unpacks_to_a_gigabyte(lab: Lab) -> None:
    side = 13_000
    line = zlib.compressobj(9)
    body = b"".join(line.compress(bytes(1 + 6 * side)) for _ in range(side)) + line.flush()
    content = png(side, side, depth=16).replace(chunk(b"IDAT", zlib.compress(b"", 9)), chunk(b"IDAT", body))
    beside_a_photo(lab, "deep.png", lambda path: path.write_bytes(content))


@case()
def text_chunks_that_unpack_to_a_gigabyte(lab: Lab) -> None:
    packed = zlib.compress(bytes(10**9), 9)
    photo = lab.photo().read_bytes()
    spoiled = photo[:33] + chunk(b"zTXt", b"Comment\0\0" + packed) + photo[33:]
    lab.file("texts/texts.png", spoiled)
    lab.cli("predict", lab.exported() / "model.onnx", lab.folder / "texts", code=(0, 2), wordy=True)


@case()
def a_gif_of_5000_frames(lab: Lab) -> None:
    frames = [Image.new("P", (64, 64), index % 256) for index in range(5000)]
    frames[0].save(lab.folder / "long.gif", save_all=True, append_images=frames[1:])
    if len(predicted(lab, lab.folder / "long.gif", err="")) != 1:
        raise Finding("an animation is not one image")


@case()
def content_that_is_not_what_the_name_says(lab: Lab) -> None:
    photo = lab.photo("other/photo.jpg").rename(lab.folder / "other" / "photo.png")  # a JPEG that calls itself PNG is an image
    for name, content in (("page.jpg", b"<html>not found</html>"), ("archive.png", b"PK\x03\x04" + bytes(60)), ("empty.webp", b""), ("zeros.tif", bytes(4096))):
        lab.file(f"other/{name}", content)
    lab.file("other/random.jpg", lab.rng.randbytes(20_000))
    predictions = predicted(lab, photo.parent, err="page.*archive|archive.*page")
    if [Path(row["path"]).name for row in predictions] != ["photo.png"]:
        raise Finding(f"predicted {[row['path'] for row in predictions]}, expected photo.png alone")


@case()
def images_cut_off_anywhere(lab: Lab) -> None:
    lab.photo("cut/good.png")
    for suffix in ("jpg", "png", "gif", "bmp", "webp", "tif"):
        whole = lab.photo(f"whole.{suffix}").read_bytes()
        for part in (0.02, 0.1, 0.5, 0.9):
            lab.file(f"cut/{suffix}-{part}.{suffix}", whole[: int(part * len(whole))])
    predictions = predicted(lab, lab.folder / "cut")
    if not any(Path(row["path"]).name == "good.png" for row in predictions):
        raise Finding("the whole image is not predicted")


@case()
def an_empty_data_folder(lab: Lab) -> None:
    (lab.folder / "empty").mkdir()
    lab.cli("search", "--data", lab.folder / "empty", code=2, err="class|image")
    lab.cli("predict", lab.exported() / "model.onnx", lab.folder / "empty", code=2, err="no images")


@case(quick=True)
def a_data_folder_that_is_a_file(lab: Lab) -> None:
    lab.cli("search", "--data", lab.file("photos"), "--store", lab.store, code=2, err="folder")
    if lab.store.exists():
        raise Finding("a refused search leaves a store")


@case()
def the_data_folder_disappears_behind_permissions(lab: Lab) -> None:
    photos = lab.photos()
    (photos / "cat").chmod(0)
    lab.cli("search", "--data", photos, "--store", lab.store, code=2)
    (photos / "cat").chmod(0o700)
