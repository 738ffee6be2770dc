//! Which holds a list asks for.

use std::sync::Arc;

use promo_decision::{Reason, Refusal};
use sha2::{Digest as _, Sha256};

use crate::{
    call::Call,
    convert,
    definitions::Project,
    hold_schedule::{Direction, Scheduled, Span},
    holds::Record,
    protocol::promo::v1 as pb,
    request::{Violations, present},
    resolve,
};

const DEFAULT_SIZE: usize = 100;
const LARGEST_SIZE: i32 = 1_000;

const DIGEST_BYTES: usize = 6;

/// What a list asks for, in a form of its own.
pub struct Wanted<'a> {
    /// How many holds a page has at most.
    pub size: usize,
    direction: Direction,
    first_ms: i64,
    last_ms: i64,
    customer: &'a str,
    campaign: &'a str,
    code: &'a str,
}

impl<'a> Wanted<'a> {
    /// Reads a request; refuses with `FieldInvalid`.
    pub fn of(request: &'a pb::ListSessionsRequest) -> Result<Self, Refusal> {
        let code = request.code.trim();
        let mut violations = Violations::default();
        if !(0..=LARGEST_SIZE).contains(&request.page_size) {
            let size = request.page_size;
            violations.add(
                "page_size",
                format!("must be 1 to {LARGEST_SIZE}, is {size}"),
            );
        }
        violations.text("customer", &request.customer, 256);
        violations.text("campaign", &request.campaign, 128);
        violations.text("code", code, 128);
        let (from, before) = (&request.expire_time_from, &request.expire_time_before);
        violations.time("expire_time_from", from.as_ref());
        violations.time("expire_time_before", before.as_ref());
        let first_ms = from.as_ref().map_or(i64::MIN, rounded_up);
        let last_ms = before
            .as_ref()
            .map_or(i64::MAX, |time| rounded_up(time).saturating_sub(1));
        if let (Some(from), Some(before)) = (from, before)
            && (before.seconds, before.nanos) <= (from.seconds, from.nanos)
        {
            violations.add("expire_time_before", "must be after expire_time_from");
        }
        let direction = direction(&request.order_by);
        if direction.is_none() {
            violations.add(
                "order_by",
                "must be one of expire_time, followed by asc or desc or nothing",
            );
        }
        violations.check()?;
        Ok(Self {
            size: match usize::try_from(request.page_size) {
                Ok(size @ 1..) => size,
                _ => DEFAULT_SIZE,
            },
            direction: direction.unwrap_or(Direction::Ascending),
            first_ms,
            last_ms,
            customer: &request.customer,
            campaign: &request.campaign,
            code,
        })
    }

    /// The live holds among which the wanted ones are.
    pub fn span(&self, now_ms: i64) -> Span {
        Span {
            direction: self.direction,
            first_ms: self.first_ms.max(now_ms + 1),
            last_ms: self.last_ms,
        }
    }

    /// What a hold must be, with ids in the place of what people say.
    pub async fn filter(
        &self,
        call: &Call<'_>,
        project: &mut Arc<Project>,
    ) -> Result<Filter<'a>, Refusal> {
        let mut filter = Filter {
            customer: present(self.customer),
            campaign: None,
            code: None,
        };
        if let Some(campaign) = present(self.campaign) {
            filter.campaign = Some(campaign_id(call, project, campaign).await?);
        }
        if let Some(code) = present(self.code) {
            filter.code = Some(resolve::spelling(call, project, code).await?);
        }
        Ok(filter)
    }

    /// What the tokens of this list begin with. They are not signed: they grant
    /// nothing.
    fn digest(&self, project: &str) -> [u8; DIGEST_BYTES] {
        let parts = [
            "sessions".to_owned(),
            project.to_owned(),
            format!("{:?}", self.direction),
            self.first_ms.to_string(),
            self.last_ms.to_string(),
            self.customer.to_owned(),
            self.campaign.to_owned(),
            self.code.to_owned(),
        ];
        let whole = Sha256::digest(parts.join("\0"));
        let mut digest = [0; DIGEST_BYTES];
        digest.copy_from_slice(&whole[..DIGEST_BYTES]);
        digest
    }

    /// The token of the page after a hold.
    pub fn token(&self, project: &str, last: &Scheduled) -> String {
        let mut raw = self.digest(project).to_vec();
        raw.extend_from_slice(&last.expire_ms.to_be_bytes());
        raw.extend_from_slice(last.member.as_bytes());
        hex::encode(raw)
    }

    /// The hold that a page comes after, none for the first one; refuses a token of
    /// another list with `PageTokenInvalid`.
    pub fn place(&self, project: &str, token: &str) -> Result<Option<Scheduled>, Refusal> {
        let Some(token) = present(token) else {
            return Ok(None);
        };
        let place = parse(self.digest(project), token);
        place
            .map(Some)
            .ok_or_else(|| Refusal::new(Reason::PageTokenInvalid))
    }
}

/// What a hold must be.
pub struct Filter<'a> {
    customer: Option<&'a str>,
    campaign: Option<String>,
    code: Option<String>,
}

impl Filter<'_> {
    /// Whether a hold is wanted. Campaign and code are compared with its codes one
    /// by one.
    pub fn lets_through(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, value: &String| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let any = self.code.is_none() && self.campaign.is_none();
        let mut codes = record.codes.iter().zip(&record.campaigns);
        self.customer.is_none_or(|wanted| wanted == record.customer)
            && (any
                || codes
                    .any(|(code, campaign)| is(&self.code, code) && is(&self.campaign, campaign)))
    }
}

fn parse(digest: [u8; DIGEST_BYTES], token: &str) -> Option<Scheduled> {
    let raw = hex::decode(token).ok()?;
    let rest = raw.strip_prefix(digest.as_slice())?;
    let (expire_ms, member) = rest.split_first_chunk::<8>()?;
    Some(Scheduled {
        expire_ms: i64::from_be_bytes(*expire_ms),
        member: String::from_utf8(member.to_vec()).ok()?,
    })
}

fn direction(order_by: &str) -> Option<Direction> {
    let words: Vec<&str> = order_by.split_whitespace().collect();
    match words[..] {
        [] | ["expire_time"] | ["expire_time", "asc"] => Some(Direction::Ascending),
        ["expire_time", "desc"] => Some(Direction::Descending),
        _ => None,
    }
}

/// The first whole millisecond that is not before a time: holds end at whole ones.
fn rounded_up(time: &prost_types::Timestamp) -> i64 {
    let whole = time.nanos % 1_000_000 == 0;
    convert::milliseconds(time).saturating_add(i64::from(!whole))
}

/// The id of the campaign with this id or name. What is no name is taken for an id:
/// a deleted campaign has no name any more, but its holds last.
async fn campaign_id(
    call: &Call<'_>,
    project: &mut Arc<Project>,
    id_or_name: &str,
) -> Result<String, Refusal> {
    match resolve::campaign(call, project, id_or_name).await {
        Ok(campaign) => Ok(campaign.campaign.id.clone()),
        Err(refusal) if refusal.reason == Reason::CampaignNotFound => Ok(id_or_name.to_owned()),
        Err(refusal) => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> pb::ListSessionsRequest {
        pb::ListSessionsRequest {
            customer: "ada".into(),
            expire_time_from: Some(convert::timestamp(1_795_000_000_000)),
            ..pb::ListSessionsRequest::default()
        }
    }

    fn problems(request: &pb::ListSessionsRequest) -> Vec<String> {
        let refusal = Wanted::of(request).err();
        let violations = refusal.map_or_else(Vec::new, |refusal| refusal.violations);
        violations.into_iter().map(|one| one.field).collect()
    }

    #[test]
    fn a_token_leads_back_to_its_place_and_belongs_to_one_list() {
        let place = Scheduled {
            expire_ms: 1_795_000_000_001,
            member: "3fbasket-é".into(),
        };
        let request = request();
        let own = Wanted::of(&request).unwrap();
        let token = own.token("p1", &place);
        assert_eq!(own.place("p1", &token).unwrap(), Some(place));
        assert_eq!(own.place("p1", "").unwrap(), None);
        assert!(own.place("p2", &token).is_err());
        let changes: [fn(&mut pb::ListSessionsRequest); 6] = [
            |other| other.customer = "eve".into(),
            |other| other.campaign = "SPRING".into(),
            |other| other.code = "K7XQ2MNP4R".into(),
            |other| other.expire_time_from = None,
            |other| other.expire_time_before = Some(convert::timestamp(1_796_000_000_000)),
            |other| other.order_by = "expire_time desc".into(),
        ];
        for change in changes {
            let mut other = request.clone();
            change(&mut other);
            let other = Wanted::of(&other).unwrap();
            assert!(other.place("p1", &token).is_err());
        }
        for broken in ["x", "00", &token[..20], "é"] {
            assert!(own.place("p1", broken).is_err());
        }
    }

    #[test]
    fn the_size_of_a_page_and_the_spelling_of_an_order_bind_no_token() {
        let (mut first, mut second) = (request(), request());
        first.order_by = String::new();
        second.order_by = "expire_time  asc".into();
        second.page_size = 7;
        let place = Scheduled {
            expire_ms: 1,
            member: "00a".into(),
        };
        let token = Wanted::of(&first).unwrap().token("p", &place);
        let found = Wanted::of(&second).unwrap().place("p", &token).unwrap();
        assert_eq!(found, Some(place));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut wrong = request();
        wrong.page_size = 1_001;
        wrong.campaign = "x".repeat(129);
        wrong.code = "a\u{0}b".into();
        wrong.expire_time_before = wrong.expire_time_from;
        wrong.order_by = "customer".into();
        let fields = [
            "page_size",
            "campaign",
            "code",
            "expire_time_before",
            "order_by",
        ];
        assert_eq!(problems(&wrong), fields);
        for order in [
            "expire_time up",
            "expire_time desc desc",
            "desc",
            "EXPIRE_TIME",
        ] {
            wrong = request();
            wrong.order_by = order.into();
            assert_eq!(problems(&wrong), ["order_by"]);
        }
    }

    #[test]
    fn times_between_milliseconds_are_bounds_of_whole_ones() {
        let time = |nanos| Some(prost_types::Timestamp { seconds: 10, nanos });
        let mut asked = request();
        asked.expire_time_from = time(1);
        asked.expire_time_before = time(5_000_001);
        let wanted = Wanted::of(&asked).unwrap();
        assert_eq!((wanted.first_ms, wanted.last_ms), (10_001, 10_005));
        asked.expire_time_before = time(5_000_000);
        assert_eq!(Wanted::of(&asked).unwrap().last_ms, 10_004);
    }

    #[test]
    fn only_holds_that_are_live_are_in_a_span() {
        let request = request();
        let wanted = Wanted::of(&request).unwrap();
        assert_eq!(wanted.span(1_000).first_ms, 1_795_000_000_000);
        let now_ms = 1_795_000_000_007;
        assert_eq!(wanted.span(now_ms).first_ms, now_ms + 1);
    }

    #[test]
    fn a_code_and_a_campaign_are_those_of_one_code() {
        let record = Record {
            codes: vec!["A".into(), "B".into()],
            campaigns: vec!["c_1".into(), "c_2".into()],
            customer: "ada".into(),
            ..Record::default()
        };
        let passes = |customer, campaign: Option<&str>, code: Option<&str>| {
            let filter = Filter {
                customer,
                campaign: campaign.map(str::to_owned),
                code: code.map(str::to_owned),
            };
            filter.lets_through(&record)
        };
        assert!(passes(None, None, None));
        assert!(passes(Some("ada"), Some("c_1"), Some("A")));
        assert!(passes(None, Some("c_2"), None));
        assert!(!passes(None, Some("c_2"), Some("A")));
        assert!(!passes(Some("eve"), Some("c_1"), Some("A")));
        assert!(!passes(None, None, Some("C")));
    }
}
