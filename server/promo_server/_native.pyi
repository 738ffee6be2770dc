"""The compiled half of promo_server: codes, decision, engine and edge.

Python calls it through its faces only, `promo_server.kernel` and `promo_server.runtime`; scripts/check compares this stub
with the module.
"""

def build_info() -> list[tuple[str, str]]:
    """Name and value of each fact about this build, and about the machine's help with AES."""

def check_definition(document: str) -> str:
    """Checks a campaign definition: `{"definition": ...}` or `{"violations": [{"field", "description"}]}`."""

def currencies() -> list[tuple[str, int, int]]:
    """Every currency that a campaign can have: code, number and digits of the minor unit, in order of code."""

def decide_json(order: str, candidates: str, facts: str) -> str:
    """Decides about an order: `{"decision": {...}}` or `{"violations": [...]}`."""

def has_time_zone(name: str) -> bool:
    """Whether a project can have this time zone."""
