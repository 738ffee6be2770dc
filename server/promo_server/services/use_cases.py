"""All use cases of the control plane, wired to their ports once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from promo_server.services.access import Access
from promo_server.services.archive import ReadArchive
from promo_server.services.auto_grow import AutoGrow
from promo_server.services.bootstrap import Bootstrap
from promo_server.services.bundles import BundlePublisher
from promo_server.services.change_campaign import ChangeCampaign
from promo_server.services.changes import Changes
from promo_server.services.code_batches import CodeBatches
from promo_server.services.code_issue import CodeIssue
from promo_server.services.codecs import Codecs
from promo_server.services.create_campaign import CreateCampaign
from promo_server.services.create_voucher import CreateVoucher
from promo_server.services.export_codes import ExportCodes
from promo_server.services.find_code import FindCode
from promo_server.services.freshness import Freshness, Outboxes
from promo_server.services.given_codes import GivenCodes
from promo_server.services.grow_campaign import GrowCampaign
from promo_server.services.import_codes import ImportCodes
from promo_server.services.late_codes import TakeLateCodesBack
from promo_server.services.list_standalone import ListStandalone
from promo_server.services.list_vouchers import ListVouchers
from promo_server.services.operations import FailureLog, OperationRunner, Operations
from promo_server.services.ports import (
    Clock,
    CodeKernel,
    Database,
    DefinitionKernel,
    DefinitionStore,
    Entropy,
)
from promo_server.services.position_codes import PositionCodes
from promo_server.services.read_campaigns import ReadCampaigns
from promo_server.services.read_history import LedgerEntries, ReadHistory
from promo_server.services.spoken_conditions import SpokenConditions, VoucherIds
from promo_server.services.store_history import StoreHistory
from promo_server.services.verification_keys import VerificationKeys


class Ledger(Outboxes, LedgerEntries, Protocol):
    """What the use cases read of the store's ledger."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use cases stand on. `partitions` is fixed at the store's first use."""

    database: Database
    store: DefinitionStore
    code_kernel: CodeKernel
    definition_kernel: DefinitionKernel
    clock: Clock
    entropy: Entropy
    partitions: int
    operation_failed: FailureLog
    ledger: Ledger
    voucher_ids: VoucherIds
    named_from: int
    """Position of the first code that is named in a campaign with computed codes."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything that the control plane can do."""

    publisher: BundlePublisher
    store_history: StoreHistory
    bootstrap: Bootstrap
    access: Access
    create_campaign: CreateCampaign
    change_campaign: ChangeCampaign
    read_campaigns: ReadCampaigns
    code_batches: CodeBatches
    export_codes: ExportCodes
    runner: OperationRunner
    operations: Operations
    archive: ReadArchive
    history: ReadHistory
    auto_grow: AutoGrow
    list_vouchers: ListVouchers
    list_standalone: ListStandalone
    create_voucher: CreateVoucher
    import_codes: ImportCodes
    take_late_codes_back: TakeLateCodesBack
    verification_keys: VerificationKeys


def wire(ports: Ports) -> UseCases:
    """Return the use cases over these ports."""
    publisher = BundlePublisher(ports.database, ports.store, ports.partitions)
    changes = Changes(ports.database, publisher, ports.clock)
    codes = CodeIssue(ports.code_kernel, ports.entropy)
    grow = GrowCampaign(codes)
    codecs = Codecs(ports.code_kernel)
    given = GivenCodes(codecs)
    freshness = Freshness(ports.database, ports.ledger)
    runner = OperationRunner(ports.database, publisher, grow, ports.clock, ports.operation_failed)
    return UseCases(
        publisher=publisher,
        store_history=StoreHistory(ports.database, ports.store, ports.named_from),
        bootstrap=Bootstrap(ports.database, publisher, ports.clock, ports.entropy),
        access=Access(ports.database, changes, publisher, ports.entropy),
        create_campaign=CreateCampaign(changes, codes, ports.definition_kernel, ports.entropy),
        change_campaign=ChangeCampaign(changes, ports.definition_kernel),
        read_campaigns=ReadCampaigns(ports.database),
        code_batches=CodeBatches(ports.database, changes, grow, codes, runner, ports.entropy),
        export_codes=ExportCodes(ports.database, ports.code_kernel),
        runner=runner,
        operations=Operations(ports.database, runner, ports.clock),
        archive=ReadArchive(ports.database),
        history=ReadHistory(
            ports.database,
            freshness,
            ports.ledger,
            PositionCodes(codecs),
            SpokenConditions(FindCode(codecs), ports.voucher_ids),
        ),
        auto_grow=AutoGrow(changes, grow),
        list_vouchers=ListVouchers(ports.database, codecs, freshness, ports.named_from),
        list_standalone=ListStandalone(ports.database, freshness),
        create_voucher=CreateVoucher(changes, given, ports.definition_kernel, ports.entropy, ports.named_from),
        import_codes=ImportCodes(ports.database, ports.store, changes, publisher, given, ports.clock, ports.entropy),
        take_late_codes_back=TakeLateCodesBack(ports.database, ports.store, ports.clock),
        verification_keys=VerificationKeys(ports.database, ports.code_kernel, ports.clock),
    )
