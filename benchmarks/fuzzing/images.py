"""Small images of every format and kind that Pillow can write, and some that it cannot."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from automl_cnn.data import kinds

SIDES = (23, 40)
TIFF_RGB, TIFF_GRAY = 2, 1


def images(rng: np.random.Generator) -> dict[str, bytes]:
    """Each image file under a name that says what it is; of AVIF and HEIC where there are encoders for them."""
    return {**dict(_png(rng)), **dict(_jpeg(rng)), **dict(_animated(rng)), **dict(_tiff(rng)), **dict(_plain(rng)), **dict(_boxed(rng))}


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """The image as a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def picture(rng: np.random.Generator, mode: str) -> Image.Image:
    """A smooth picture with some noise, in any of Pillow's modes."""
    height, width = SIDES
    ramp = np.linspace(0, 200, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
    values = np.clip(ramp + rng.normal(0, 15, (height, width, 4)), 0, 255).astype(np.uint8)
    if mode in ("I;16", "I", "F"):
        wide = values[..., 0].astype(np.uint16) * 257
        return Image.fromarray(wide if mode == "I;16" else wide.astype(np.int32) if mode == "I" else (wide / 65535).astype(np.float32))
    color = Image.fromarray(values[..., :3])
    if mode in ("RGBA", "LA"):
        color.putalpha(Image.fromarray((values[..., 3] > 100).astype(np.uint8) * 255))
    return color.quantize(32) if mode == "P" else color.convert(mode)


def exif(orientation: int) -> Image.Exif:
    """EXIF data with an orientation."""
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010F], data[0x0110] = "a maker", "a camera"
    data.get_ifd(0x8769)[0x9003] = "2024:05:31 10:22:07"
    return data


def _png(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield f"png {mode}", saved(picture(rng, mode), "PNG")
    yield "png exif icc", saved(picture(rng, "RGB"), "PNG", exif=exif(6), icc_profile=bytes(range(256)) * 3, dpi=(72, 72))
    yield "png transparency", saved(picture(rng, "P"), "PNG", transparency=3)
    yield "png transparency of a color", saved(picture(rng, "RGB"), "PNG", transparency=(10, 20, 30))
    yield "apng", saved(picture(rng, "RGBA"), "PNG", save_all=True, append_images=[picture(rng, "RGBA")], duration=50)
    for interlaced in (0, 1):
        for depth, color, samples in ((8, 2, 3), (16, 2, 3), (16, 6, 4), (16, 4, 2), (16, 0, 1), (2, 0, 1)):
            yield f"png {depth} bits, color {color}, interlaced {interlaced}", _raw_png(rng, depth, color, samples, interlaced)


def _raw_png(rng: np.random.Generator, depth: int, color: int, samples: int, interlaced: int) -> bytes:
    width, height = 17, 13
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    rows = b""
    for left, top, across, down in passes:
        columns, lines = -(-(width - left) // across), -(-(height - top) // down)
        rows += b"".join(b"\0" + rng.bytes(-(-columns * samples * depth // 8)) for _ in range(lines if columns > 0 else 0))
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    text = b"zTXt", b"Comment\0\0" + zlib.compress(b"words " * 50)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in ((b"IHDR", head), text, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _jpeg(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        for progressive in (False, True):
            yield f"jpeg {mode} {'progressive' if progressive else 'baseline'}", saved(picture(rng, mode), "JPEG", progressive=progressive, quality=70)
    for sampling in (0, 1, 2):
        yield f"jpeg sampling {sampling}", saved(picture(rng, "RGB").resize((150, 90)), "JPEG", subsampling=sampling, restart_marker_rows=1)
    for orientation in (3, 6):
        extras = {"exif": exif(orientation), "icc_profile": rng.bytes(2000), "comment": b"words"}
        yield f"jpeg exif {orientation}", saved(picture(rng, "RGB"), "JPEG", progressive=orientation == 6, **extras)
    yield "mpo", saved(picture(rng, "RGB"), "MPO", save_all=True, append_images=[picture(rng, "RGB")])


def _animated(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "P", "1"):
        yield f"gif {mode}", saved(picture(rng, mode), "GIF", interlace=mode == "P")
    yield "gif animated", saved(picture(rng, "P"), "GIF", save_all=True, append_images=[picture(rng, "P")] * 2, disposal=2, transparency=1, comment=b"words")
    for mode in ("RGB", "RGBA"):
        for lossless in (False, True):
            yield f"webp {mode} {'lossless' if lossless else 'lossy'}", saved(picture(rng, mode), "WEBP", lossless=lossless, exif=exif(8))
        yield f"webp {mode} animated", saved(picture(rng, mode), "WEBP", save_all=True, append_images=[picture(rng, mode)], icc_profile=rng.bytes(300))


def _boxed(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    if kinds.AVIF:
        for mode, sampling in (("L", "4:0:0"), ("RGB", "4:2:0"), ("RGB", "4:4:4"), ("RGBA", "4:2:0")):
            extras = {"exif": exif(6), "icc_profile": rng.bytes(300), "xmp": b"<x/>"}
            yield f"avif {mode} {sampling}", saved(picture(rng, mode), "AVIF", quality=60, speed=10, subsampling=sampling, **extras)
        yield "avif animated", saved(picture(rng, "RGB"), "AVIF", save_all=True, append_images=[picture(rng, "RGB")] * 2, quality=60, speed=10)
    if kinds.HEIF:
        import pillow_heif

        for mode in ("L", "RGB", "RGBA"):
            out = io.BytesIO()
            file = pillow_heif.from_pillow(picture(rng, mode))
            file.add_from_pillow(picture(rng, mode))
            file.save(out, quality=60, exif=exif(6).tobytes())
            yield f"heic {mode}", out.getvalue()


def _tiff(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"):
        yield f"tiff {mode}", saved(picture(rng, mode), "TIFF")
        if mode not in ("LA", "YCbCr", "LAB"):
            yield f"tiff {mode} deflate", saved(picture(rng, mode), "TIFF", compression="tiff_adobe_deflate", exif=exif(6))
    for compression in ("tiff_lzw", "packbits", "jpeg", "zstd", "lzma"):
        yield f"tiff {compression}", saved(picture(rng, "RGB"), "TIFF", compression=compression)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"tiff {compression}", saved(picture(rng, "1"), "TIFF", compression=compression)
    yield "tiff pages", saved(picture(rng, "L"), "TIFF", save_all=True, append_images=[picture(rng, "RGB")], compression="tiff_lzw")
    yield "tiff not finite", saved(Image.fromarray(np.where(rng.random(SIDES) < 0.1, np.inf, 0.5).astype(np.float32)), "TIFF", compression="tiff_lzw")
    for big in (False, True):
        for order in "<>":
            for bands, dtype, extra in ((4, "u1", 2), (4, "u1", 1), (5, "u1", 0), (4, "u2", 0), (3, "u2", 0), (8, "u2", 0), (3, "f4", 0)):
                values = rng.integers(0, 255, (*SIDES, bands)).astype(order + dtype)
                yield f"tiff {order}{dtype}, {bands} bands, extra {extra}{', big' if big else ''}", _raw_tiff(values, order, big, extra)


def _raw_tiff(values: np.ndarray, order: str, big: bool, extra: int) -> bytes:
    height, width, bands = values.shape
    strips = [values[row : row + 8].tobytes() for row in range(0, height, 8)]
    tags: dict[int, list[int]] = {256: [width], 257: [height], 258: [values.dtype.itemsize * 8] * bands, 259: [1], 262: [TIFF_RGB], 273: [0] * len(strips)}
    tags |= {277: [bands], 278: [8], 279: [len(strip) for strip in strips], 339: [3 if values.dtype.kind == "f" else 1] * bands}
    tags |= {338: [extra] * (bands - 3)} if bands > 3 else {}
    word, form = ("Q", "HHQ8s") if big else ("I", "HHI4s")
    room = struct.calcsize(word)
    start = (16 if big else 8) + (8 if big else 2) + len(tags) * struct.calcsize(f"={form}") + room
    data = start + sum(4 * len(one) for one in tags.values())
    tags[273] = [data + sum(map(len, strips[:number])) for number in range(len(strips))]
    entries, tail = b"", b""
    for tag, numbers in sorted(tags.items()):
        raw = struct.pack(f"{order}{len(numbers)}I", *numbers)
        entries += struct.pack(order + form, tag, 4, len(numbers), raw if len(raw) <= room else struct.pack(order + word, start + len(tail)))
        tail += raw
    head = (b"II" if order == "<" else b"MM") + (struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if big else struct.pack(f"{order}HI", 42, 8))
    return head + struct.pack(f"{order}{'Q' if big else 'H'}", len(tags)) + entries + bytes(room) + tail + b"".join(strips)


def _plain(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"bmp {mode}", saved(picture(rng, mode), "BMP")
        yield f"dib {mode}", saved(picture(rng, mode), "DIB")
    yield "bmp run lengths", _rle_bmp(rng)
    for mode in ("1", "L", "RGB", "I", "F"):
        yield f"ppm {mode}", saved(picture(rng, mode), "PPM")
    values = rng.integers(0, 100, (8, 9))
    yield "ppm text", b"P2\n# words\n9 8\n100\n" + "\n".join(" ".join(map(str, row)) for row in values).encode()
    yield "ppm other white", b"P5\n9 8\n100\n" + values.astype(np.uint8).tobytes()


def _rle_bmp(rng: np.random.Generator) -> bytes:
    rows = b"".join(bytes([9, int(level), 0, 3, 1, 2, 3, 0, 0, 0]) for level in rng.integers(0, 255, 8)) + b"\0\1"
    palette = bytes(range(256)) * 4
    head = struct.pack("<IiiHHIIiiII", 40, 12, 8, 1, 8, 1, len(rows), 2835, 2835, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(palette) + len(rows), 0, 0, 54 + len(palette)) + head + palette + rows
