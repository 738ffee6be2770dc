"""Codes as the design says them, one at a time in plain Python: the oracle of the compiled module, never a fallback.

A code is the layout's text with the symbols of a keyed permutation of its index: a Feistel network over the two halves
of the symbols, each round adding a scaled AES-128 block of the other half. Written without a look at the engine's bulk
arithmetic: what both agree on is the definition.
"""

from __future__ import annotations

from dataclasses import dataclass

from oracles.aes import encrypt_block

# x^k reduced by the primitive polynomial of GF(2^k).
REDUCED = {2: 0b11, 3: 0b11, 4: 0b11, 5: 0b101, 6: 0b11}
SMALL_DOMAIN = 2**40


def check_value(values: list[int], size: int) -> int:
    """The value of the check symbol."""
    bits = size.bit_length() - 1
    if size == 2**bits and bits > 1:  # Damm-type over GF(2^k)
        state = 1
        for value in values:
            state = (state ^ value) << 1
            if state >= size:
                state ^= size ^ REDUCED[bits]
        return state
    if size % 2:  # the same over the integers modulo an odd number
        state = 1
        for value in values:
            state = 2 * (state + value) % size
        return -state % size
    product = size  # ISO/IEC 7064 hybrid, MOD size+1,size
    for value in values:
        product = 2 * ((product + value) % size or size) % (size + 1)
    return (1 - product) % size


@dataclass(frozen=True)
class Oracle:
    """A layout as its parts, and its key."""

    charset: str
    pattern: str
    key: bytes
    prefix: str = ""
    postfix: str = ""
    check_symbol: bool = False
    blocklist: tuple[str, ...] = ()

    @property
    def halves(self) -> tuple[int, int]:
        """How many values each half has."""
        symbols, size = self.pattern.count("#"), len(self.charset)
        return size ** ((symbols + 1) // 2), size ** (symbols // 2)

    def _scaled(self, number: int, half: int, modulus: int) -> int:
        block = (half | number << 120).to_bytes(16, "little")
        return int.from_bytes(encrypt_block(self.key, block), "little") * modulus >> 128

    def _permuted(self, value: int, sign: int) -> int:
        left_size, right_size = self.halves
        left, right = divmod(value, right_size)
        rounds = 16 if left_size * right_size < SMALL_DOMAIN else 10
        for number in range(rounds)[::sign]:
            if number % 2 == 0:
                left = (left + sign * self._scaled(number, right, left_size)) % left_size
            else:
                right = (right + sign * self._scaled(number, left, right_size)) % right_size
        return left * right_size + right

    def encode(self, index: int) -> str | None:
        """The code of an index; None when a blocked word is in it."""
        symbols, size = sorted(self.charset), len(self.charset)
        value, values = self._permuted(index, 1), list[int]()
        for _ in range(self.pattern.count("#")):
            value, digit = divmod(value, size)
            values.insert(0, digit)
        rest = iter(values)
        body = "".join(symbols[next(rest)] if character == "#" else character for character in self.pattern)
        check = symbols[check_value(values, size)] if self.check_symbol else ""
        code = self.prefix + body + check + self.postfix
        return None if any(word.lower() in code.lower() for word in self.blocklist) else code

    def decode(self, code: str) -> int | None:
        """The index of a code in the layout's own spelling."""
        symbols, size = sorted(self.charset), len(self.charset)
        body = code[len(self.prefix) :][: len(self.pattern)]
        drawn = [found for wanted, found in zip(self.pattern, body, strict=False) if wanted == "#"]
        if len(drawn) < self.pattern.count("#") or any(symbol not in symbols for symbol in drawn):
            return None
        value = 0
        for symbol in drawn:
            value = value * size + symbols.index(symbol)
        index = self._permuted(value, -1)
        return index if self.encode(index) == code else None
