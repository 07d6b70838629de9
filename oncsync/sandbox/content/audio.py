"""Underwater sound: noise of the sea and the pulses of a fin whale, as WAV and FLAC of 16 bits."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterator
from functools import cache
from random import Random

from ..replies import Content

OWN_RATE = 4000
_SECONDS = 10
_MOST_SAMPLES = 60_000
_FLAC_BLOCK = 4096
_PULSE_HZ = 20.0
_FRAME_EXTRAS = 8 + 1 + 2
"""Bytes of a FLAC frame besides its samples: header, type of the one channel, checksum."""


def sample_count(rate: int) -> int:
    """Gives how many samples a file holds: ten seconds, fewer at high rates."""
    return min(_SECONDS * rate, _MOST_SAMPLES)


def wav_content(seed: str, rate: int) -> Content:
    """Gives a WAV file of one channel."""
    size = sample_count(rate) * 2
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16) + b"data" + struct.pack("<I", size)

    def blocks() -> Iterator[bytes]:
        yield head
        yield _bytes(_sound(seed, rate), little=True)

    return Content(len(head) + size, blocks)


def flac_content(seed: str, rate: int) -> Content:
    """Gives a FLAC file of one channel whose blocks are stored as they are, without prediction."""
    total = sample_count(rate)
    sizes = [min(_FLAC_BLOCK, total - start) for start in range(0, total, _FLAC_BLOCK)]
    # A stream whose last block is shorter still counts as one of a fixed block size.
    info = struct.pack(">HH", _FLAC_BLOCK, _FLAC_BLOCK) + bytes(6)
    info += ((rate << 44) | (0 << 41) | (15 << 36) | total).to_bytes(8, "big") + bytes(16)
    head = b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info
    length = len(head) + sum(_FRAME_EXTRAS + 2 * size for size in sizes)

    def blocks() -> Iterator[bytes]:
        yield head
        sound = _sound(seed, rate)
        for number, size in enumerate(sizes):
            start = number * _FLAC_BLOCK
            frame = _frame_head(number, size) + b"\x02" + _bytes(sound[start : start + size], little=False)
            yield frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")

    return Content(length, blocks)


def _frame_head(number: int, size: int) -> bytes:
    """Gives the header of a FLAC frame: fixed block size, 16-bit size at its end, one channel, 16 bits."""
    assert number < 128
    head = b"\xff\xf8" + bytes([0x70, 0x08, number]) + struct.pack(">H", size - 1)
    return head + bytes([_crc(head, 8, 0x07)])


@cache
def _crc_table(width: int, polynomial: int) -> tuple[int, ...]:
    top, mask = 1 << (width - 1), (1 << width) - 1
    table = []
    for value in range(256):
        remainder = value << (width - 8)
        for _ in range(8):
            remainder = (remainder << 1) ^ (polynomial if remainder & top else 0)
        table.append(remainder & mask)
    return tuple(table)


def _crc(message: bytes, width: int, polynomial: int) -> int:
    table, shift, mask = _crc_table(width, polynomial), width - 8, (1 << width) - 1
    remainder = 0
    for byte in message:
        remainder = ((remainder << 8) & mask) ^ table[((remainder >> shift) ^ byte) & 0xFF]
    return remainder


def _sound(seed: str, rate: int) -> array[int]:
    random = Random(seed)
    noise = [int(random.gauss(0, 220)) for _ in range(4093)]
    sound = array("h", (noise * (sample_count(rate) // len(noise) + 1))[: sample_count(rate)])
    length = min(rate, len(sound))
    pulse = [
        int(
            9000
            * math.sin(math.pi * n / length) ** 2
            * math.sin(2 * math.pi * (_PULSE_HZ + 3 * (1 - n / length)) * n / rate)
        )
        for n in range(length)
    ]
    for start in range(random.randrange(rate // 2 + 1), len(sound) - length + 1, 3 * rate):
        for n in range(length):
            sound[start + n] += pulse[n]
    return sound


def _bytes(sound: array[int], *, little: bool) -> bytes:
    if little != (sys.byteorder == "little"):
        sound = array("h", sound)
        sound.byteswap()
    return sound.tobytes()
