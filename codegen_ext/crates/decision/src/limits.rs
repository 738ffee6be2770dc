//! Limits become a plan: what the store must grant for a redemption to stand.

use crate::bundle::Limits;
use crate::calendar::Period;
use crate::campaign::Campaign;
use crate::reason::Reason;
use crate::refusal::Refusal;

/// The kinds of limits, with the numbers of `promo.v1.LimitKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum LimitKind {
    /// Uses of one code.
    PerCode = 1,
    /// Uses of one code by one customer.
    PerCustomerPerCode = 2,
    /// Uses of a campaign by one customer.
    PerCustomer = 3,
    /// Uses of a campaign.
    PerCampaign = 4,
    /// Uses of a campaign in a day.
    PerDay = 5,
    /// Uses of a campaign in a week.
    PerWeek = 6,
    /// Uses of a campaign in a month.
    PerMonth = 7,
    /// Discount given by a campaign.
    DiscountBudget = 8,
    /// Value of the orders of a campaign.
    OrderValueBudget = 9,
}

impl LimitKind {
    /// Every kind, by number: the order of a limit plan.
    pub const ALL: [Self; 9] = [
        Self::PerCode,
        Self::PerCustomerPerCode,
        Self::PerCustomer,
        Self::PerCampaign,
        Self::PerDay,
        Self::PerWeek,
        Self::PerMonth,
        Self::DiscountBudget,
        Self::OrderValueBudget,
    ];

    /// The kind's number in the protocol.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The kind with this number in the protocol.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The field of `promo.v1.Limits`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PerCode => "per_code",
            Self::PerCustomerPerCode => "per_customer_per_code",
            Self::PerCustomer => "per_customer",
            Self::PerCampaign => "per_campaign",
            Self::PerDay => "per_day",
            Self::PerWeek => "per_week",
            Self::PerMonth => "per_month",
            Self::DiscountBudget => "discount_budget",
            Self::OrderValueBudget => "order_value_budget",
        }
    }

    /// Whether it counts one customer's uses, and so needs to know who that is.
    pub const fn needs_customer(self) -> bool {
        matches!(self, Self::PerCustomerPerCode | Self::PerCustomer)
    }

    /// Whether it sums money instead of counting uses.
    pub const fn is_money(self) -> bool {
        matches!(self, Self::DiscountBudget | Self::OrderValueBudget)
    }

    pub(crate) const fn value_in(self, limits: &Limits) -> i64 {
        match self {
            Self::PerCode => limits.per_code,
            Self::PerCustomerPerCode => limits.per_customer_per_code,
            Self::PerCustomer => limits.per_customer,
            Self::PerCampaign => limits.per_campaign,
            Self::PerDay => limits.per_day,
            Self::PerWeek => limits.per_week,
            Self::PerMonth => limits.per_month,
            Self::DiscountBudget => limits.discount_budget,
            Self::OrderValueBudget => limits.order_value_budget,
        }
    }

    /// What one use takes of it, given the discount and the order's amount.
    pub(crate) const fn amount_of(self, discount: i64, order_amount: i64) -> i64 {
        match self {
            Self::DiscountBudget => discount,
            Self::OrderValueBudget => order_amount,
            Self::PerCode
            | Self::PerCustomerPerCode
            | Self::PerCustomer
            | Self::PerCampaign
            | Self::PerDay
            | Self::PerWeek
            | Self::PerMonth => 1,
        }
    }

    /// The word for the period, in messages.
    const fn period_word(self) -> &'static str {
        match self {
            Self::PerDay => "day",
            Self::PerWeek => "week",
            Self::PerMonth => "month",
            Self::PerCode
            | Self::PerCustomerPerCode
            | Self::PerCustomer
            | Self::PerCampaign
            | Self::DiscountBudget
            | Self::OrderValueBudget => "",
        }
    }
}

/// The limits that are set, in order of kind.
pub(crate) fn compile(limits: &Limits) -> Box<[(LimitKind, i64)]> {
    LimitKind::ALL
        .into_iter()
        .map(|kind| (kind, kind.value_in(limits)))
        .filter(|(_, limit)| *limit > 0)
        .collect()
}

/// One use of a limit that the store must grant: `used + amount <= limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// Index of the candidate that takes.
    pub candidate: usize,
    /// What is limited.
    pub kind: LimitKind,
    /// Most uses, or minor units in all.
    pub limit: i64,
    /// 1, or minor units; 0 for a budget of which nothing is needed.
    pub amount: i64,
    /// The calendar period counted, of limits per day, week and month.
    pub period: Option<Period>,
}

impl Take {
    /// What to answer when the store does not grant it. Built only then, since
    /// nearly every take is granted.
    pub fn refusal(&self, campaign: &Campaign, code: &str) -> Refusal {
        let name = campaign.called(code);
        let limit = || self.limit.to_string();
        match self.kind {
            LimitKind::PerCode => Refusal::new(Reason::CodeUsesExhausted)
                .with("code", code)
                .with("limit", limit()),
            LimitKind::PerCustomerPerCode | LimitKind::PerCustomer => {
                Refusal::new(Reason::CustomerLimitReached)
                    .with("campaign", name)
                    .with("limit", limit())
            }
            LimitKind::PerCampaign => Refusal::new(Reason::CampaignLimitReached)
                .with("campaign", name)
                .with("limit", limit()),
            LimitKind::PerDay | LimitKind::PerWeek | LimitKind::PerMonth => {
                Refusal::new(Reason::PeriodLimitReached)
                    .with("campaign", name)
                    .with("limit", limit())
                    .with("period", self.kind.period_word())
            }
            LimitKind::DiscountBudget | LimitKind::OrderValueBudget => {
                Refusal::new(Reason::BudgetExhausted)
                    .with("budget", self.kind.name())
                    .with("campaign", name)
                    .with("limit", limit())
            }
        }
    }
}
