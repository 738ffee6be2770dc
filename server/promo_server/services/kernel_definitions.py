"""The decision kernel as the use cases see it: what is wrong with a definition is a refusal of the call."""

from __future__ import annotations

from collections.abc import Mapping

from promo_server.domain.errors import FieldsInvalidError, Violation
from promo_server.kernel import decision


class KernelDefinitions:
    """The port `DefinitionKernel`."""

    def check_definition(self, document: Mapping[str, object], owner: str) -> Mapping[str, object]:
        """Return the canonical definition; refuse with FIELD_INVALID and every violation, as of fields of `owner`."""
        try:
            return decision.check_definition(document)
        except decision.InvalidDocumentError as error:
            violations = tuple(Violation(f"{owner}.{one.field}", one.description) for one in error.violations)
            raise FieldsInvalidError(violations) from None
