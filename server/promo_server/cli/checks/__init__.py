"""What `promo doctor` looks at, one check per function."""

from promo_server.cli.checks.access import check_access
from promo_server.cli.checks.finding import Finding, Severity
from promo_server.cli.checks.run import run_checks

__all__ = ["Finding", "Severity", "check_access", "run_checks"]
