//! A commit as typed operations: what the use cases build and the store decides.

use std::collections::HashMap;

use redis::{Cmd, Value};

use crate::{
    functions::{self, Status},
    store::{Store, StoreError},
};

/// A key of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(usize);

#[derive(Debug)]
enum Argument {
    Letter(char),
    Key(Key),
    Number(i64),
    Bytes(Vec<u8>),
}

/// Length of what tells two bodies of one request id apart.
pub const FINGERPRINT_BYTES: usize = 16;

/// What one limit answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The slot of the use, 0 for money.
    pub slot: i64,
    /// Movements of the limit so far.
    pub sequence: i64,
    /// Uses or minor units taken in all.
    pub total: i64,
}

/// What became of a plan.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done: what is kept as the answer, and what the limits answered.
    Done {
        /// Ledger id, or the text given to `answer`.
        answer: Vec<u8>,
        /// Results joined by commas, as they are kept with the ledger entry.
        results: String,
    },
    /// Done before by this request id; what was kept.
    Replayed(Vec<u8>),
    /// An earlier publication answers.
    Found(String),
    /// A definition has changed.
    Stale,
    /// Not granted.
    Refused {
        /// This operation, from 1, or for publications how many codes are left.
        operation: usize,
        /// Whether a watched hold was overdue at that moment.
        overdue: bool,
    },
    /// A record has changed.
    Changed,
    /// The request id belongs to another request.
    Reused,
    /// Where the cursor of a publication is.
    Moved(u64),
}

/// A list of operations. Methods that a guard can refuse return the number that
/// `Outcome::Refused` names.
#[derive(Debug, Default)]
pub struct Plan {
    strings: Vec<String>,
    others: Vec<String>,
    index: HashMap<String, Key>,
    arguments: Vec<Argument>,
    operations: usize,
}

/// Keys of strings are read in one go and come first; this sets the others off.
const OTHERS: usize = 1 << 20;

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    fn string(&mut self, name: String) -> Key {
        let (strings, index) = (&mut self.strings, &mut self.index);
        *index.entry(name).or_insert_with_key(|name| {
            strings.push(name.clone());
            Key(strings.len())
        })
    }

    fn other(&mut self, name: String) -> Key {
        let (others, index) = (&mut self.others, &mut self.index);
        *index.entry(name).or_insert_with_key(|name| {
            others.push(name.clone());
            Key(OTHERS + others.len())
        })
    }

    fn push<const N: usize>(&mut self, letter: char, arguments: [Argument; N]) -> usize {
        self.arguments.push(Argument::Letter(letter));
        self.arguments.extend(arguments);
        self.operations += 1;
        self.operations
    }

    /// The value at `key` is `version`.
    pub fn expect_version(&mut self, key: String, version: u64) {
        let key = self.string(key);
        let version = version.to_string().into_bytes();
        self.push('V', [Argument::Key(key), Argument::Bytes(version)]);
    }

    /// The call with this request id is done once; `fingerprint` tells its body.
    pub fn once(&mut self, key: String, fingerprint: [u8; FINGERPRINT_BYTES], ttl_ms: i64) {
        let key = self.string(key);
        let fingerprint = Argument::Bytes(fingerprint.to_vec());
        self.push(
            'I',
            [Argument::Key(key), fingerprint, Argument::Number(ttl_ms)],
        );
    }

    /// A publication noted at `key` answers the call.
    pub fn reuse(&mut self, key: String) {
        let key = self.string(key);
        self.push('R', [Argument::Key(key)]);
    }

    /// Nothing is at `key`.
    pub fn absent(&mut self, key: String) {
        let key = self.string(key);
        self.push('A', [Argument::Key(key)]);
    }

    /// The record at `key` is `expected`.
    pub fn unchanged(&mut self, key: String, expected: Vec<u8>) {
        let key = self.string(key);
        self.push('E', [Argument::Key(key), Argument::Bytes(expected)]);
    }

    /// Has a refusal say whether holds in this set are overdue.
    pub fn watch_holds(&mut self, key: String, now_ms: i64) {
        let key = self.other(key);
        self.push('X', [Argument::Key(key), Argument::Number(now_ms)]);
    }

    /// Takes a use.
    pub fn take_use(&mut self, key: String, free_key: String, limit: i64) -> usize {
        let (key, free_key) = (self.string(key), self.other(free_key));
        self.push(
            'C',
            [
                Argument::Key(key),
                Argument::Key(free_key),
                Argument::Number(limit),
            ],
        )
    }

    /// Takes a use of a period; its counter is collected at a time.
    pub fn take_use_until(
        &mut self,
        key: String,
        free_key: String,
        limit: i64,
        expire_at_ms: i64,
    ) -> usize {
        let (key, free_key) = (self.string(key), self.other(free_key));
        self.push(
            'P',
            [
                Argument::Key(key),
                Argument::Key(free_key),
                Argument::Number(limit),
                Argument::Number(expire_at_ms),
            ],
        )
    }

    /// Keeps a use that the caller's own hold has taken.
    pub fn keep_use(&mut self, key: String, slot: i64) -> usize {
        let key = self.string(key);
        self.push('K', [Argument::Key(key), Argument::Number(slot)])
    }

    /// Gives a use back.
    pub fn return_use(&mut self, key: String, free_key: String, slot: i64) {
        let (key, free_key) = (self.string(key), self.other(free_key));
        self.push(
            'U',
            [
                Argument::Key(key),
                Argument::Key(free_key),
                Argument::Number(slot),
            ],
        );
    }

    /// Adds an amount; `held` is what the caller's own hold has added already.
    pub fn take_amount(&mut self, key: String, amount: i64, cap: i64, held: i64) -> usize {
        let key = self.string(key);
        self.push(
            'M',
            [
                Argument::Key(key),
                Argument::Number(amount),
                Argument::Number(cap),
                Argument::Number(held),
            ],
        )
    }

    /// Takes an amount back out.
    pub fn return_amount(&mut self, key: String, amount: i64) {
        let key = self.string(key);
        self.push('W', [Argument::Key(key), Argument::Number(amount)]);
    }

    /// Sets the bit of a single-use code; `last_offset` sizes a new page.
    pub fn take_bit(&mut self, key: String, offset: u64, last_offset: u64, held: bool) -> usize {
        let key = self.other(key);
        self.push(
            'B',
            [
                Argument::Key(key),
                number(offset),
                number(last_offset),
                Argument::Number(held.into()),
            ],
        )
    }

    /// Sets the bit of a code, or where that is set takes a use from the counter
    /// of further ones; `limit` is of both together.
    pub fn take_further_use(
        &mut self,
        bit: (String, u64, u64),
        counter: (String, String),
        limit: i64,
    ) -> usize {
        let (page, offset, last_offset) = bit;
        let page = self.other(page);
        let (key, free_key) = (self.string(counter.0), self.other(counter.1));
        self.push(
            'F',
            [
                Argument::Key(page),
                number(offset),
                number(last_offset),
                Argument::Key(key),
                Argument::Key(free_key),
                Argument::Number(limit),
            ],
        )
    }

    /// Clears the bit of a single-use code.
    pub fn return_bit(&mut self, key: String, offset: u64) {
        let key = self.other(key);
        self.push('Z', [Argument::Key(key), number(offset)]);
    }

    /// Marks something as done, once.
    pub fn mark_once(&mut self, key: String, offset: u64) -> usize {
        let key = self.other(key);
        self.push('O', [Argument::Key(key), number(offset)])
    }

    /// Collects a key after a time.
    pub fn collect_after(&mut self, key: String, ttl_ms: i64) {
        let key = self.other(key);
        self.push('T', [Argument::Key(key), Argument::Number(ttl_ms)]);
    }

    /// Keeps a record followed by what the limits answered; a ttl of 0 keeps it
    /// for good.
    pub fn keep(&mut self, key: String, record: Vec<u8>, ttl_ms: i64) {
        let key = self.string(key);
        self.push(
            'H',
            [
                Argument::Key(key),
                Argument::Bytes(record),
                Argument::Number(ttl_ms),
            ],
        );
    }

    /// Removes a record.
    pub fn remove(&mut self, key: String) {
        let key = self.string(key);
        self.push('D', [Argument::Key(key)]);
    }

    /// Puts a member into an ordered set.
    pub fn schedule(&mut self, key: String, at_ms: i64, member: &str) {
        let key = self.other(key);
        let member = Argument::Bytes(member.as_bytes().to_vec());
        self.push('S', [Argument::Key(key), Argument::Number(at_ms), member]);
    }

    /// Takes a member out of an ordered set.
    pub fn unschedule(&mut self, key: String, member: &str) {
        let key = self.other(key);
        let member = Argument::Bytes(member.as_bytes().to_vec());
        self.push('Q', [Argument::Key(key), member]);
    }

    /// Hands out the next positions of a campaign.
    pub fn issue(&mut self, issue: Issue) -> usize {
        let cursor = self.string(issue.cursor_key);
        let first_bucket_key = Key(OTHERS + self.others.len() + 1);
        let buckets = issue.bucket_keys.len() as u64;
        for key in issue.bucket_keys {
            self.other(key);
        }
        let first_page_key = Key(OTHERS + self.others.len() + 1);
        let pages = issue.page_keys.len() as u64;
        for key in issue.page_keys {
            self.other(key);
        }
        let skips: Vec<String> = issue.skips.iter().map(u64::to_string).collect();
        self.push(
            'N',
            [
                Argument::Key(cursor),
                number(issue.count),
                number(issue.bound),
                number(crate::keys::HOLDERS_PER_BUCKET),
                number(issue.first_bucket),
                number(buckets),
                Argument::Key(first_bucket_key),
                number(crate::keys::PAGE_SIZE),
                number(issue.first_page),
                number(pages),
                Argument::Key(first_page_key),
                Argument::Bytes(skips.join(",").into_bytes()),
                Argument::Bytes(issue.record),
            ],
        )
    }

    /// Has a position never be handed out, unless it was.
    pub fn withhold(&mut self, bucket_key: String, field: u64) {
        let key = self.other(bucket_key);
        self.push('J', [Argument::Key(key), number(field)]);
    }

    /// Notes the first position handed out; a ttl of 0 keeps the note.
    pub fn note_publication(&mut self, key: String, ttl_ms: i64) {
        let key = self.string(key);
        self.push('G', [Argument::Key(key), Argument::Number(ttl_ms)]);
    }

    /// Appends to the ledger and the outbox.
    pub fn record(&mut self, ledger: String, outbox: String, kind: char, blob: Vec<u8>) {
        let (ledger, outbox) = (self.other(ledger), self.other(outbox));
        self.push(
            'L',
            [
                Argument::Key(ledger),
                Argument::Key(outbox),
                Argument::Letter(kind),
                Argument::Bytes(blob),
            ],
        );
    }

    /// Keeps this as the answer where nothing goes to the ledger.
    pub fn answer(&mut self, text: Vec<u8>) {
        self.push('Y', [Argument::Bytes(text)]);
    }

    fn command(&self) -> Cmd {
        let strings = self.strings.len();
        let mut command = Cmd::new();
        command
            .arg("FCALL")
            .arg(functions::COMMIT)
            .arg(strings + self.others.len());
        for key in self.strings.iter().chain(&self.others) {
            command.arg(key);
        }
        command.arg(strings);
        let mut letter = [0; 4];
        for argument in &self.arguments {
            match argument {
                Argument::Letter(value) => command.arg(value.encode_utf8(&mut letter).as_bytes()),
                Argument::Key(Key(at)) if *at > OTHERS => command.arg(at - OTHERS + strings),
                Argument::Key(Key(at)) => command.arg(*at),
                Argument::Number(value) => command.arg(*value),
                Argument::Bytes(value) => command.arg(value),
            };
        }
        command
    }

    /// Lets the store decide.
    pub async fn commit(&self, store: &Store) -> Result<Outcome, StoreError> {
        let answer: Vec<Value> = store.query(&self.command()).await?;
        parse(answer)
    }
}

/// What a publication asks for, see issue.lua.
#[derive(Debug)]
pub struct Issue {
    /// Key of the campaign's cursor.
    pub cursor_key: String,
    /// How many codes.
    pub count: u64,
    /// How many codes the campaign has.
    pub bound: u64,
    /// Number of the first bucket of holders.
    pub first_bucket: u64,
    /// Keys of neighbouring buckets.
    pub bucket_keys: Vec<String>,
    /// Number of the first page of single-use bits.
    pub first_page: u64,
    /// Keys of neighbouring pages; none where codes are not single-use.
    pub page_keys: Vec<String>,
    /// Positions in those buckets that are no codes.
    pub skips: Vec<u64>,
    /// The publication as it is kept with the first position.
    pub record: Vec<u8>,
}

fn number(value: u64) -> Argument {
    Argument::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

fn parse(answer: Vec<Value>) -> Result<Outcome, StoreError> {
    let unexpected = || StoreError::Unexpected("malformed answer of commit".into());
    let mut values = answer.into_iter();
    let Some(Value::Int(status)) = values.next() else {
        return Err(unexpected());
    };
    let status = Status::from_number(status).ok_or_else(unexpected)?;
    let mut bytes = || match values.next() {
        Some(Value::BulkString(bytes)) => Ok(bytes),
        Some(Value::Int(number)) => Ok(number.to_string().into_bytes()),
        _ => Err(unexpected()),
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| unexpected());
    Ok(match status {
        Status::Fresh => Outcome::Done {
            answer: bytes()?,
            results: text(bytes()?)?,
        },
        Status::Replayed => Outcome::Replayed(bytes()?),
        Status::Found => Outcome::Found(text(bytes()?)?),
        Status::Stale => Outcome::Stale,
        Status::Refused => Outcome::Refused {
            operation: text(bytes()?)?.parse().map_err(|_| unexpected())?,
            overdue: bytes().is_ok(),
        },
        Status::Changed => Outcome::Changed,
        Status::Reused => Outcome::Reused,
        Status::Moved => Outcome::Moved(text(bytes()?)?.parse().map_err(|_| unexpected())?),
    })
}

/// Reads results as they are kept with a ledger entry or a hold.
pub fn parse_results(text: &str) -> Vec<Taken> {
    text.split(',')
        .filter_map(|result| {
            let mut parts = result.splitn(3, ':').map(str::parse);
            Some(Taken {
                slot: parts.next()?.ok()?,
                sequence: parts.next()?.ok()?,
                total: parts.next()?.ok()?,
            })
        })
        .collect()
}
