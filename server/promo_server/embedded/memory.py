"""How a store's memory is managed: what decision 0008 measured."""

from __future__ import annotations

from typing import Final

ALLOCATOR: Final = {
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=20000:glibc.malloc.hugetlb=1"
    ":glibc.malloc.top_pad=67108864:glibc.malloc.trim_threshold=268435456"
}
"""The environment variable that tunes the C library's allocator, which the bundled store is built with.

What is freed is used again soon: small pieces stay at hand, as many of a size as a call of the commit function makes.
The heap grows in large steps and asks for huge pages. Stores with an allocator of their own do not notice.
"""

HUGE_PAGES: Final = ("--disable-thp", "no")
"""Arguments that let a store have huge pages, where the system gives them to those who ask."""
