"""The engine under measurement."""
from dataclasses import dataclass
@dataclass(frozen=True)
class Ours:
    name: str = "promo"
    expected_rate: int = 80_000
