"""Codecs of layouts, made once: to unwrap a key and lay out its tables takes longer than to read a code."""

from __future__ import annotations

from promo_server.domain.layout import RegisteredLayout
from promo_server.services.ports import Codec, CodeKernel


class Codecs:
    """Returns the codec of a layout."""

    def __init__(self, kernel: CodeKernel) -> None:
        """Keep the kernel that makes them."""
        self._kernel = kernel
        self._made: dict[tuple[str, bytes], Codec] = {}

    def __call__(self, layout: RegisteredLayout) -> Codec:
        """Return a layout's codec."""
        key = (layout.specification, layout.wrapped_key)
        if key not in self._made:
            self._made[key] = self._kernel.codec(*key)
        return self._made[key]
