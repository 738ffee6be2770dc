//! Which scope each method needs, and which methods the engine answers itself.

/// A method of the public surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Path on the wire.
    pub path: &'static str,
    /// Scope that the caller's key needs.
    pub scope: &'static str,
    /// Whether the engine answers it; the control plane answers the others.
    pub hot: bool,
}

const fn hot(path: &'static str, scope: &'static str) -> Method {
    Method {
        path,
        scope,
        hot: true,
    }
}

const fn managed(path: &'static str, scope: &'static str) -> Method {
    Method {
        path,
        scope,
        hot: false,
    }
}

/// Every method that needs a key; health and reflection need none. Sorted by
/// path.
pub const METHODS: &[Method] = &[
    managed(
        "/google.longrunning.Operations/CancelOperation",
        "campaigns.write",
    ),
    managed(
        "/google.longrunning.Operations/DeleteOperation",
        "campaigns.write",
    ),
    managed(
        "/google.longrunning.Operations/GetOperation",
        "campaigns.read",
    ),
    managed(
        "/google.longrunning.Operations/ListOperations",
        "campaigns.read",
    ),
    managed(
        "/google.longrunning.Operations/WaitOperation",
        "campaigns.read",
    ),
    managed("/promo.v1.AccessService/CreateApiKey", "keys.write"),
    managed("/promo.v1.AccessService/CreateProject", "projects.write"),
    managed("/promo.v1.AccessService/ListApiKeys", "keys.read"),
    managed("/promo.v1.AccessService/ListProjects", "projects.read"),
    managed("/promo.v1.AccessService/RevokeApiKey", "keys.write"),
    managed(
        "/promo.v1.CampaignService/CreateCampaign",
        "campaigns.write",
    ),
    managed(
        "/promo.v1.CampaignService/DeleteCampaign",
        "campaigns.write",
    ),
    managed(
        "/promo.v1.CampaignService/DisableCampaign",
        "campaigns.write",
    ),
    managed(
        "/promo.v1.CampaignService/EnableCampaign",
        "campaigns.write",
    ),
    managed("/promo.v1.CampaignService/GetCampaign", "campaigns.read"),
    managed("/promo.v1.CampaignService/ListCampaigns", "campaigns.read"),
    managed(
        "/promo.v1.CampaignService/UpdateCampaign",
        "campaigns.write",
    ),
    managed("/promo.v1.CodeService/AbortImport", "campaigns.write"),
    managed("/promo.v1.CodeService/AppendImport", "campaigns.write"),
    managed("/promo.v1.CodeService/CreateCodeBatch", "campaigns.write"),
    managed("/promo.v1.CodeService/ExportCodes", "codes.export"),
    managed("/promo.v1.CodeService/FinishImport", "campaigns.write"),
    managed("/promo.v1.CodeService/GetImport", "campaigns.read"),
    managed("/promo.v1.CodeService/GetVerificationKey", "codes.export"),
    managed("/promo.v1.CodeService/ListCodeBatches", "campaigns.read"),
    managed("/promo.v1.CodeService/ListRefusedRows", "campaigns.read"),
    managed("/promo.v1.CodeService/StartImport", "campaigns.write"),
    hot("/promo.v1.CustomerService/EraseCustomer", "customers.erase"),
    managed("/promo.v1.CustomerService/GetCustomer", "customers.read"),
    managed("/promo.v1.CustomerService/ListCustomers", "customers.read"),
    hot(
        "/promo.v1.CustomerService/UpsertCustomer",
        "customers.write",
    ),
    managed("/promo.v1.OrderService/GetOrder", "redemptions.read"),
    managed("/promo.v1.OrderService/ListOrders", "redemptions.read"),
    hot(
        "/promo.v1.PublicationService/BatchPublish",
        "publications.write",
    ),
    hot(
        "/promo.v1.PublicationService/CountCodes",
        "publications.read",
    ),
    hot(
        "/promo.v1.PublicationService/GetPublication",
        "publications.read",
    ),
    hot(
        "/promo.v1.PublicationService/ListHeldCodes",
        "publications.read",
    ),
    managed(
        "/promo.v1.PublicationService/ListPublications",
        "publications.read",
    ),
    hot("/promo.v1.PublicationService/Publish", "publications.write"),
    hot(
        "/promo.v1.RedemptionService/BatchRedeem",
        "redemptions.write",
    ),
    hot(
        "/promo.v1.RedemptionService/GetRedemption",
        "redemptions.read",
    ),
    managed(
        "/promo.v1.RedemptionService/GetRollback",
        "redemptions.read",
    ),
    managed(
        "/promo.v1.RedemptionService/ListRedemptions",
        "redemptions.read",
    ),
    managed(
        "/promo.v1.RedemptionService/ListRollbacks",
        "redemptions.read",
    ),
    hot("/promo.v1.RedemptionService/Redeem", "redemptions.write"),
    hot("/promo.v1.RedemptionService/Rollback", "redemptions.write"),
    hot("/promo.v1.SessionService/GetSession", "redemptions.read"),
    hot("/promo.v1.SessionService/ListSessions", "redemptions.read"),
    hot(
        "/promo.v1.SessionService/ReleaseSession",
        "redemptions.write",
    ),
    hot(
        "/promo.v1.ValidationService/BatchValidate",
        "redemptions.read",
    ),
    hot("/promo.v1.ValidationService/Validate", "redemptions.read"),
    managed("/promo.v1.VoucherService/CreateVoucher", "vouchers.write"),
    hot("/promo.v1.VoucherService/DeleteVoucher", "vouchers.write"),
    hot("/promo.v1.VoucherService/DisableVoucher", "vouchers.write"),
    hot("/promo.v1.VoucherService/EnableVoucher", "vouchers.write"),
    hot("/promo.v1.VoucherService/GetVoucher", "vouchers.read"),
    managed("/promo.v1.VoucherService/ListVouchers", "vouchers.read"),
    hot("/promo.v1.VoucherService/UpdateVoucher", "vouchers.write"),
];

/// The method with this path.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS
        .binary_search_by(|method| method.path.cmp(path))
        .ok()
        .and_then(|at| METHODS.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_sorted_so_that_each_is_found() {
        for entry in METHODS {
            assert_eq!(method(entry.path), Some(entry));
        }
        assert_eq!(method("/promo.v1.RedemptionService/Steal"), None);
    }
}
