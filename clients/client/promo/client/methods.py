"""Every method of the contract: its path, its messages and when it may be repeated."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from google.longrunning import operations_proto_pb2 as operations
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from promo.v1 import (
    access_service_pb2,
    campaign_pb2,
    campaign_service_pb2,
    code_service_pb2,
    customer_pb2,
    customer_service_pb2,
    order_service_pb2,
    placed_order_pb2,
    project_pb2,
    publication_pb2,
    publication_service_pb2,
    redemption_pb2,
    redemption_service_pb2,
    session_pb2,
    session_service_pb2,
    validation_service_pb2,
    voucher_pb2,
    voucher_service_pb2,
)

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


class Pace(enum.Enum):
    """Which of the client's default deadlines a method has."""

    HOT = "hot"
    """What a shopper waits for."""
    BATCH = "batch"
    """Up to 1,000 of those in one call."""
    MANAGED = "managed"
    """What people and programs do beside the checkout."""


Identify = Callable[[Request], str | None]
"""Gives a request the request ids that it lacks and returns its own, if it has one."""


class _HasRequestId(Protocol):
    request_id: str


def _own(request: _HasRequestId) -> str:
    if not request.request_id:
        request.request_id = uuid.uuid4().hex
    return request.request_id


def _validation(request: validation_service_pb2.ValidateRequest) -> str | None:
    # Without a session nothing changes, so there is nothing to make repeatable.
    return _own(request) if request.HasField("session") else None


def _validations(request: validation_service_pb2.BatchValidateRequest) -> None:
    for item in request.requests:
        _validation(item)


def _redemptions(request: redemption_service_pb2.BatchRedeemRequest) -> None:
    for item in request.requests:
        _own(item)


def _publications(request: publication_service_pb2.BatchPublishRequest) -> None:
    for item in request.requests:
        _own(item)


def _nothing(request: Message) -> None:
    del request


@dataclasses.dataclass(frozen=True, slots=True)
class Method(Generic[Request, Answer]):
    """One RPC."""

    path: str
    """As HTTP/2 has it, "/promo.v1.RedemptionService/Redeem"."""
    request: type[Request]
    answer: type[Answer]
    pace: Pace = Pace.MANAGED
    identify: Identify[Request] = _nothing
    """Makes the request repeatable before its first attempt."""
    repeatable: bool = True
    """Whether the same request twice does the same as once."""


VALIDATE: Final = Method(
    "/promo.v1.ValidationService/Validate",
    validation_service_pb2.ValidateRequest,
    validation_service_pb2.Validation,
    Pace.HOT,
    _validation,
)
BATCH_VALIDATE: Final = Method(
    "/promo.v1.ValidationService/BatchValidate",
    validation_service_pb2.BatchValidateRequest,
    validation_service_pb2.BatchValidateResponse,
    Pace.BATCH,
    _validations,
)

REDEEM: Final = Method(
    "/promo.v1.RedemptionService/Redeem",
    redemption_service_pb2.RedeemRequest,
    redemption_pb2.Redemption,
    Pace.HOT,
    _own,
)
BATCH_REDEEM: Final = Method(
    "/promo.v1.RedemptionService/BatchRedeem",
    redemption_service_pb2.BatchRedeemRequest,
    redemption_service_pb2.BatchRedeemResponse,
    Pace.BATCH,
    _redemptions,
)
ROLLBACK: Final = Method(
    "/promo.v1.RedemptionService/Rollback",
    redemption_service_pb2.RollbackRequest,
    redemption_pb2.Rollback,
    Pace.HOT,
    _own,
)
GET_REDEMPTION: Final = Method(
    "/promo.v1.RedemptionService/GetRedemption",
    redemption_service_pb2.GetRedemptionRequest,
    redemption_pb2.Redemption,
    Pace.HOT,
)
LIST_REDEMPTIONS: Final = Method(
    "/promo.v1.RedemptionService/ListRedemptions",
    redemption_service_pb2.ListRedemptionsRequest,
    redemption_service_pb2.ListRedemptionsResponse,
)
GET_ROLLBACK: Final = Method(
    "/promo.v1.RedemptionService/GetRollback",
    redemption_service_pb2.GetRollbackRequest,
    redemption_pb2.Rollback,
)
LIST_ROLLBACKS: Final = Method(
    "/promo.v1.RedemptionService/ListRollbacks",
    redemption_service_pb2.ListRollbacksRequest,
    redemption_service_pb2.ListRollbacksResponse,
)

PUBLISH: Final = Method(
    "/promo.v1.PublicationService/Publish",
    publication_service_pb2.PublishRequest,
    publication_pb2.Publication,
    Pace.HOT,
    _own,
)
BATCH_PUBLISH: Final = Method(
    "/promo.v1.PublicationService/BatchPublish",
    publication_service_pb2.BatchPublishRequest,
    publication_service_pb2.BatchPublishResponse,
    Pace.BATCH,
    _publications,
)
GET_PUBLICATION: Final = Method(
    "/promo.v1.PublicationService/GetPublication",
    publication_service_pb2.GetPublicationRequest,
    publication_pb2.Publication,
    Pace.HOT,
)
COUNT_CODES: Final = Method(
    "/promo.v1.PublicationService/CountCodes",
    publication_service_pb2.CountCodesRequest,
    publication_service_pb2.CountCodesResponse,
    Pace.HOT,
)
LIST_HELD_CODES: Final = Method(
    "/promo.v1.PublicationService/ListHeldCodes",
    publication_service_pb2.ListHeldCodesRequest,
    publication_service_pb2.ListHeldCodesResponse,
    Pace.HOT,
)
LIST_PUBLICATIONS: Final = Method(
    "/promo.v1.PublicationService/ListPublications",
    publication_service_pb2.ListPublicationsRequest,
    publication_service_pb2.ListPublicationsResponse,
)

GET_SESSION: Final = Method(
    "/promo.v1.SessionService/GetSession",
    session_service_pb2.GetSessionRequest,
    session_pb2.Session,
    Pace.HOT,
)
LIST_SESSIONS: Final = Method(
    "/promo.v1.SessionService/ListSessions",
    session_service_pb2.ListSessionsRequest,
    session_service_pb2.ListSessionsResponse,
    Pace.HOT,
)
RELEASE_SESSION: Final = Method(
    "/promo.v1.SessionService/ReleaseSession",
    session_service_pb2.ReleaseSessionRequest,
    Empty,
    Pace.HOT,
    _own,
)

GET_VOUCHER: Final = Method(
    "/promo.v1.VoucherService/GetVoucher",
    voucher_service_pb2.GetVoucherRequest,
    voucher_pb2.Voucher,
    Pace.HOT,
)
CREATE_VOUCHER: Final = Method(
    "/promo.v1.VoucherService/CreateVoucher",
    voucher_service_pb2.CreateVoucherRequest,
    voucher_pb2.Voucher,
    identify=_own,
)
LIST_VOUCHERS: Final = Method(
    "/promo.v1.VoucherService/ListVouchers",
    voucher_service_pb2.ListVouchersRequest,
    voucher_service_pb2.ListVouchersResponse,
)
UPDATE_VOUCHER: Final = Method(
    "/promo.v1.VoucherService/UpdateVoucher",
    voucher_service_pb2.UpdateVoucherRequest,
    voucher_pb2.Voucher,
    identify=_own,
)
ENABLE_VOUCHER: Final = Method(
    "/promo.v1.VoucherService/EnableVoucher",
    voucher_service_pb2.EnableVoucherRequest,
    voucher_pb2.Voucher,
    identify=_own,
)
DISABLE_VOUCHER: Final = Method(
    "/promo.v1.VoucherService/DisableVoucher",
    voucher_service_pb2.DisableVoucherRequest,
    voucher_pb2.Voucher,
    identify=_own,
)
DELETE_VOUCHER: Final = Method(
    "/promo.v1.VoucherService/DeleteVoucher",
    voucher_service_pb2.DeleteVoucherRequest,
    Empty,
    identify=_own,
)

START_IMPORT: Final = Method(
    "/promo.v1.CodeService/StartImport",
    code_service_pb2.StartImportRequest,
    code_service_pb2.CodeImport,
    identify=_own,
)
GET_IMPORT: Final = Method(
    "/promo.v1.CodeService/GetImport",
    code_service_pb2.GetImportRequest,
    code_service_pb2.CodeImport,
)
APPEND_IMPORT: Final = Method(
    "/promo.v1.CodeService/AppendImport",
    code_service_pb2.AppendImportRequest,
    code_service_pb2.AppendImportResponse,
    identify=_own,
)
FINISH_IMPORT: Final = Method(
    "/promo.v1.CodeService/FinishImport",
    code_service_pb2.FinishImportRequest,
    code_service_pb2.CodeImport,
    identify=_own,
)
ABORT_IMPORT: Final = Method(
    "/promo.v1.CodeService/AbortImport",
    code_service_pb2.AbortImportRequest,
    code_service_pb2.CodeImport,
    identify=_own,
)
LIST_REFUSED_ROWS: Final = Method(
    "/promo.v1.CodeService/ListRefusedRows",
    code_service_pb2.ListRefusedRowsRequest,
    code_service_pb2.ListRefusedRowsResponse,
)
GET_VERIFICATION_KEY: Final = Method(
    "/promo.v1.CodeService/GetVerificationKey",
    code_service_pb2.GetVerificationKeyRequest,
    code_service_pb2.VerificationKey,
)

GET_CUSTOMER: Final = Method(
    "/promo.v1.CustomerService/GetCustomer",
    customer_service_pb2.GetCustomerRequest,
    customer_pb2.Customer,
)
LIST_CUSTOMERS: Final = Method(
    "/promo.v1.CustomerService/ListCustomers",
    customer_service_pb2.ListCustomersRequest,
    customer_service_pb2.ListCustomersResponse,
)
UPSERT_CUSTOMER: Final = Method(
    "/promo.v1.CustomerService/UpsertCustomer",
    customer_service_pb2.UpsertCustomerRequest,
    customer_pb2.Customer,
    Pace.HOT,
    _own,
)
ERASE_CUSTOMER: Final = Method(
    "/promo.v1.CustomerService/EraseCustomer",
    customer_service_pb2.EraseCustomerRequest,
    Empty,
    Pace.HOT,
    _own,
)

GET_ORDER: Final = Method(
    "/promo.v1.OrderService/GetOrder",
    order_service_pb2.GetOrderRequest,
    placed_order_pb2.PlacedOrder,
)
LIST_ORDERS: Final = Method(
    "/promo.v1.OrderService/ListOrders",
    order_service_pb2.ListOrdersRequest,
    order_service_pb2.ListOrdersResponse,
)

CREATE_CAMPAIGN: Final = Method(
    "/promo.v1.CampaignService/CreateCampaign",
    campaign_service_pb2.CreateCampaignRequest,
    campaign_pb2.Campaign,
    identify=_own,
)
GET_CAMPAIGN: Final = Method(
    "/promo.v1.CampaignService/GetCampaign",
    campaign_service_pb2.GetCampaignRequest,
    campaign_pb2.Campaign,
)
LIST_CAMPAIGNS: Final = Method(
    "/promo.v1.CampaignService/ListCampaigns",
    campaign_service_pb2.ListCampaignsRequest,
    campaign_service_pb2.ListCampaignsResponse,
)
UPDATE_CAMPAIGN: Final = Method(
    "/promo.v1.CampaignService/UpdateCampaign",
    campaign_service_pb2.UpdateCampaignRequest,
    campaign_pb2.Campaign,
    identify=_own,
)
ENABLE_CAMPAIGN: Final = Method(
    "/promo.v1.CampaignService/EnableCampaign",
    campaign_service_pb2.EnableCampaignRequest,
    campaign_pb2.Campaign,
    identify=_own,
)
DISABLE_CAMPAIGN: Final = Method(
    "/promo.v1.CampaignService/DisableCampaign",
    campaign_service_pb2.DisableCampaignRequest,
    campaign_pb2.Campaign,
    identify=_own,
)
DELETE_CAMPAIGN: Final = Method(
    "/promo.v1.CampaignService/DeleteCampaign",
    campaign_service_pb2.DeleteCampaignRequest,
    Empty,
    identify=_own,
)

CREATE_CODE_BATCH: Final = Method(
    "/promo.v1.CodeService/CreateCodeBatch",
    code_service_pb2.CreateCodeBatchRequest,
    operations.Operation,
    identify=_own,
)
LIST_CODE_BATCHES: Final = Method(
    "/promo.v1.CodeService/ListCodeBatches",
    code_service_pb2.ListCodeBatchesRequest,
    code_service_pb2.ListCodeBatchesResponse,
)
EXPORT_CODES: Final = Method(
    "/promo.v1.CodeService/ExportCodes",
    code_service_pb2.ExportCodesRequest,
    code_service_pb2.ExportCodesResponse,
)
GET_OPERATION: Final = Method(
    "/google.longrunning.Operations/GetOperation",
    operations.GetOperationRequest,
    operations.Operation,
)

CREATE_PROJECT: Final = Method(
    "/promo.v1.AccessService/CreateProject",
    access_service_pb2.CreateProjectRequest,
    project_pb2.Project,
    identify=_own,
)
LIST_PROJECTS: Final = Method(
    "/promo.v1.AccessService/ListProjects",
    access_service_pb2.ListProjectsRequest,
    access_service_pb2.ListProjectsResponse,
)
CREATE_API_KEY: Final = Method(
    "/promo.v1.AccessService/CreateApiKey",
    access_service_pb2.CreateApiKeyRequest,
    project_pb2.ApiKey,
    identify=_own,
    repeatable=False,
)
LIST_API_KEYS: Final = Method(
    "/promo.v1.AccessService/ListApiKeys",
    access_service_pb2.ListApiKeysRequest,
    access_service_pb2.ListApiKeysResponse,
)
REVOKE_API_KEY: Final = Method(
    "/promo.v1.AccessService/RevokeApiKey",
    access_service_pb2.RevokeApiKeyRequest,
    project_pb2.ApiKey,
    identify=_own,
)
