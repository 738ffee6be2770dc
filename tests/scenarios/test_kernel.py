from __future__ import annotations

from typing import Any, cast

import pytest
from scenarios.loading import Scenario, load

from promo_server.kernel import decision


def bundle(scenario: Scenario, code: str) -> dict[str, Any] | None:
    definition = scenario.definitions.get(code)
    if definition is None:
        return None
    number = list(scenario.definitions).index(code) + 1
    return {
        "id": f"camp_{number}",
        "number": number,
        "project": "p",
        "version": 1,
        "name": code.lower(),
        "enabled": code not in scenario.disabled,
        "codes": "stored",
        "definition": decision.check_definition(definition),
    }


def decide(scenario: Scenario) -> decision.DecisionDocument:
    candidates = [
        decision.CandidateDocument(
            code=code,
            campaign=bundle(scenario, code),
            published_ms=scenario.published_ms.get(code),
        )
        for code in scenario.codes
    ]
    facts = {
        "now_ms": scenario.now_ms,
        "time_zone": scenario.time_zone,
        "mode": scenario.mode,
        "customer": scenario.customer,
    }
    order = cast("decision.OrderDocument", scenario.order)
    return decision.decide(order, candidates, cast("decision.FactsDocument", facts))


def seen(scenario: Scenario, answer: decision.DecisionDocument) -> dict[str, Any]:
    """Return an answer in the words of `expect`."""
    takes = []
    for take in answer["takes"]:
        period = [take["period"]] if take["period"] else []
        takes.append([scenario.codes[take["candidate"]], take["kind"], take["amount"], *period])
    return {
        "outcomes": [one.get("amount", one.get("reason", one["status"])) for one in answer["outcomes"]],
        "valid": answer["valid"],
        "total": answer["order"]["total_amount"],
        "lines": [
            [line["quantity"], line["discount_amount"], line["order_discount_share"]]
            for line in answer["order"]["items"]
        ],
        "takes": takes,
    }


@pytest.mark.parametrize("scenario", load(), ids=str)
def test_the_kernel_decides_as_the_scenario_says(scenario: Scenario) -> None:
    answer = seen(scenario, decide(scenario))
    assert {name: answer[name] for name in scenario.expect} == scenario.expect
