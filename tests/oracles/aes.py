"""AES (FIPS 197) and AES key wrap (RFC 3394) as the standards' text says them, for keys of 16 and 32 bytes. Slow."""

from __future__ import annotations

from functools import cache


def _doubled(byte: int) -> int:
    return byte << 1 ^ (0x11B if byte & 0x80 else 0)


def _product(first: int, second: int) -> int:
    total = 0
    while second:
        if second & 1:
            total ^= first
        first, second = _doubled(first), second >> 1
    return total


@cache
def _sbox() -> bytes:
    table = bytearray(256)
    for byte in range(256):
        inverse = next((other for other in range(256) if _product(byte, other) == 1), 0)
        rotations = (inverse << turn | inverse >> 8 - turn for turn in range(5))
        total = 0x63
        for rotated in rotations:
            total ^= rotated & 0xFF
        table[byte] = total
    return bytes(table)


@cache
def _round_keys(key: bytes) -> list[bytes]:
    size, sbox = len(key) // 4, _sbox()
    words = [key[at : at + 4] for at in range(0, len(key), 4)]
    constant = 1
    for number in range(size, 4 * (size + 7)):
        word = words[-1]
        if number % size == 0:
            word = bytes(sbox[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _doubled(constant)
        elif size > 6 and number % size == 4:
            word = bytes(sbox[byte] for byte in word)
        words.append(_sum(words[number - size], word))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _sum(first: bytes, second: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(first, second, strict=True))


_DOUBLED = [_doubled(byte) for byte in range(256)]
_SHIFTED_ROWS = [(at + 4 * (at % 4)) % 16 for at in range(16)]
_COLUMNS = [
    (at, at - at % 4 + (at + 1) % 4, at - at % 4 + (at + 2) % 4, at - at % 4 + (at + 3) % 4) for at in range(16)
]


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """The 16 bytes that a key makes of 16 bytes."""
    sbox, (first, *middle, last) = _sbox(), _round_keys(key)
    state = _sum(block, first)
    for round_key in middle:
        moved = [sbox[state[at]] for at in _SHIFTED_ROWS]
        mixed = [_DOUBLED[moved[a] ^ moved[b]] ^ moved[b] ^ moved[c] ^ moved[d] for a, b, c, d in _COLUMNS]
        state = _sum(bytes(mixed), round_key)
    return _sum(bytes(sbox[state[at]] for at in _SHIFTED_ROWS), last)


def wrap_key(master: bytes, key: bytes) -> bytes:
    """A key as it may be stored under a master."""
    check, parts = b"\xa6" * 8, [key[at : at + 8] for at in range(0, len(key), 8)]
    for step in range(6 * len(parts)):
        at = step % len(parts)
        sealed = encrypt_block(master, check + parts[at])
        check, parts[at] = _sum(sealed[:8], (step + 1).to_bytes(8, "big")), sealed[8:]
    return check + b"".join(parts)
