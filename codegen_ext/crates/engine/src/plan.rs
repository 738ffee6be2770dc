//! A plan: typed operations that the use cases list and the store does, all or
//! none. See `commits` for how plans get there.

use crate::keys::Partition;

/// A key that a plan touches.
#[derive(Debug)]
pub(crate) enum Key {
    /// One that holds a string, which the store reads with the others in one go.
    Text(String),
    /// One of any other kind.
    Other(String),
    /// Several of any other kind, which stay together in this order.
    Run(Vec<String>),
}

impl Key {
    /// The names that it stands for.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Text(name) | Self::Other(name) => std::slice::from_ref(name),
            Self::Run(names) => names,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Argument {
    Letter(char),
    /// The place of a key, or of the first of a run, in the plan's keys.
    Key(usize),
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

/// What is kept for a request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where the call's records are.
    pub home: Partition,
    /// Ledger id, or the text given to `answer`.
    pub answer: Vec<u8>,
}

impl Kept {
    /// Reads what follows the fingerprint.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (home, answer) = bytes.split_first()?;
        Some(Self {
            home: Partition(*home),
            answer: answer.to_vec(),
        })
    }
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
    Replayed(Kept),
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
    /// A publication needs another call.
    Moved {
        /// Where its cursor is.
        position: u64,
        /// What was looked at from there on, for [`Issue::looked`].
        looked: Vec<u64>,
    },
}

/// A list of operations. Methods that a guard can refuse return the number that
/// `Outcome::Refused` names.
#[derive(Debug, Default)]
pub struct Plan {
    keys: Vec<Key>,
    arguments: Vec<Argument>,
    operations: usize,
}

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys that it touches; one may stand there more than once.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Its operations, each a letter and its arguments.
    pub(crate) fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    /// How many keys and bytes it has.
    pub(crate) fn size(&self) -> (usize, usize) {
        let names = self.keys.iter().map(Key::names);
        let (keys, names) = names.fold((0, 0), |(keys, bytes), names| {
            let more: usize = names.iter().map(String::len).sum();
            (keys + names.len(), bytes + more)
        });
        let arguments = self.arguments.iter().map(|argument| match argument {
            Argument::Bytes(bytes) => bytes.len(),
            Argument::Letter(_) | Argument::Key(_) | Argument::Number(_) => 0,
        });
        (keys, names + arguments.sum::<usize>())
    }

    /// The hash tag that all of its keys share, which makes them one partition's;
    /// none when they do not.
    pub(crate) fn tag(&self) -> Option<&str> {
        let first = self.keys.iter().flat_map(Key::names).next()?;
        let tag = first.get(..=first.find('}')?)?;
        let all = self.keys.iter().flat_map(Key::names);
        all.skip(1).all(|name| name.starts_with(tag)).then_some(tag)
    }

    fn string(&mut self, name: String) -> Argument {
        self.key(Key::Text(name))
    }

    fn other(&mut self, name: String) -> Argument {
        self.key(Key::Other(name))
    }

    fn key(&mut self, key: Key) -> Argument {
        self.keys.push(key);
        Argument::Key(self.keys.len() - 1)
    }

    fn push<const N: usize>(&mut self, letter: char, arguments: [Argument; N]) -> usize {
        self.arguments.push(Argument::Letter(letter));
        self.arguments.extend(arguments);
        self.operations += 1;
        self.operations
    }

    /// There is a version at `key`, and none above `version`.
    pub fn expect_version(&mut self, key: String, version: u64) {
        let key = self.string(key);
        self.push('V', [key, number(version)]);
    }

    /// The call with this request id is done once; `fingerprint` tells its body,
    /// and `home` is where its records are. Where the id is kept in several places,
    /// these calls follow each other.
    pub fn once(
        &mut self,
        key: String,
        fingerprint: [u8; FINGERPRINT_BYTES],
        home: Partition,
        ttl_ms: i64,
    ) {
        let key = self.string(key);
        let mark = Argument::Bytes([&fingerprint[..], &[home.0]].concat());
        self.push('I', [key, mark, Argument::Number(ttl_ms)]);
    }

    /// A publication noted at `key` answers the call.
    pub fn reuse(&mut self, key: String) {
        let key = self.string(key);
        self.push('R', [key]);
    }

    /// Nothing is at `key`.
    pub fn absent(&mut self, key: String) {
        let key = self.string(key);
        self.push('A', [key]);
    }

    /// The record at `key` is `expected`.
    pub fn unchanged(&mut self, key: String, expected: Vec<u8>) {
        let key = self.string(key);
        self.push('E', [key, Argument::Bytes(expected)]);
    }

    /// Has a refusal say whether holds in this set are overdue.
    pub fn watch_holds(&mut self, key: String, now_ms: i64) {
        let key = self.other(key);
        self.push('X', [key, Argument::Number(now_ms)]);
    }

    /// Takes a use.
    pub fn take_use(&mut self, key: String, free_key: String, limit: i64) -> usize {
        let (key, free_key) = (self.string(key), self.other(free_key));
        self.push('C', [key, free_key, Argument::Number(limit)])
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
                key,
                free_key,
                Argument::Number(limit),
                Argument::Number(expire_at_ms),
            ],
        )
    }

    /// Keeps a use that the caller's own hold has taken.
    pub fn keep_use(&mut self, key: String, slot: i64) -> usize {
        let key = self.string(key);
        self.push('K', [key, Argument::Number(slot)])
    }

    /// Gives a use back.
    pub fn return_use(&mut self, key: String, free_key: String, slot: i64) {
        let (key, free_key) = (self.string(key), self.other(free_key));
        self.push('U', [key, free_key, Argument::Number(slot)]);
    }

    /// Adds an amount; `held` is what the caller's own hold has added already.
    pub fn take_amount(&mut self, key: String, amount: i64, cap: i64, held: i64) -> usize {
        let key = self.string(key);
        self.push(
            'M',
            [
                key,
                Argument::Number(amount),
                Argument::Number(cap),
                Argument::Number(held),
            ],
        )
    }

    /// Takes an amount back out.
    pub fn return_amount(&mut self, key: String, amount: i64) {
        let key = self.string(key);
        self.push('W', [key, Argument::Number(amount)]);
    }

    /// Sets the bit of a single-use code; `last_offset` sizes a new page.
    pub fn take_bit(&mut self, key: String, offset: u64, last_offset: u64, held: bool) -> usize {
        let key = self.other(key);
        self.push(
            'B',
            [
                key,
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
                page,
                number(offset),
                number(last_offset),
                key,
                free_key,
                Argument::Number(limit),
            ],
        )
    }

    /// Clears the bit of a single-use code.
    pub fn return_bit(&mut self, key: String, offset: u64) {
        let key = self.other(key);
        self.push('Z', [key, number(offset)]);
    }

    /// Marks something as done, once.
    pub fn mark_once(&mut self, key: String, offset: u64) -> usize {
        let key = self.other(key);
        self.push('O', [key, number(offset)])
    }

    /// Collects a key after a time.
    pub fn collect_after(&mut self, key: String, ttl_ms: i64) {
        let key = self.other(key);
        self.push('T', [key, Argument::Number(ttl_ms)]);
    }

    /// Keeps a record followed by what the limits answered; a ttl of 0 keeps it
    /// for good.
    pub fn keep(&mut self, key: String, record: Vec<u8>, ttl_ms: i64) {
        let key = self.string(key);
        self.push(
            'H',
            [key, Argument::Bytes(record), Argument::Number(ttl_ms)],
        );
    }

    /// Removes a record.
    pub fn remove(&mut self, key: String) {
        let key = self.string(key);
        self.push('D', [key]);
    }

    /// Puts a member into an ordered set.
    pub fn schedule(&mut self, key: String, at_ms: i64, member: &str) {
        let key = self.other(key);
        let member = Argument::Bytes(member.as_bytes().to_vec());
        self.push('S', [key, Argument::Number(at_ms), member]);
    }

    /// Takes a member out of an ordered set.
    pub fn unschedule(&mut self, key: String, member: &str) {
        let key = self.other(key);
        let member = Argument::Bytes(member.as_bytes().to_vec());
        self.push('Q', [key, member]);
    }

    /// Hands out the next positions of a campaign.
    pub fn issue(&mut self, issue: Issue) -> usize {
        let cursor = self.string(issue.cursor_key);
        let (buckets, pages) = (issue.bucket_keys.len() as u64, issue.page_keys.len() as u64);
        let first_bucket_key = self.key(Key::Run(issue.bucket_keys));
        let first_page_key = self.key(Key::Run(issue.page_keys));
        let looked_bucket_key = self.key(Key::Run(issue.looked_bucket_keys));
        let looked_page_key = self.key(Key::Run(issue.looked_page_keys));
        self.push(
            'N',
            [
                cursor,
                number(issue.count),
                number(issue.bound),
                number(crate::keys::HOLDERS_PER_BUCKET),
                number(issue.first_bucket),
                number(buckets),
                first_bucket_key,
                number(crate::keys::PAGE_SIZE),
                number(issue.first_page),
                number(pages),
                first_page_key,
                list(&issue.skips),
                list(&issue.looked),
                looked_bucket_key,
                looked_page_key,
                Argument::Bytes(issue.record),
            ],
        )
    }

    /// Has a position never be handed out, unless it was.
    pub fn withhold(&mut self, bucket_key: String, field: u64) {
        let key = self.other(bucket_key);
        self.push('J', [key, number(field)]);
    }

    /// Notes the first position handed out: at `key`, or where that has one at
    /// the end of the list at `further_key`.
    pub fn note_publication(&mut self, key: String, further_key: String) {
        let (key, further_key) = (self.string(key), self.other(further_key));
        self.push('G', [key, further_key]);
    }

    /// Appends to the ledger and the outbox.
    pub fn record(&mut self, ledger: String, outbox: String, blob: Vec<u8>) {
        let (ledger, outbox) = (self.other(ledger), self.other(outbox));
        self.push('L', [ledger, outbox, Argument::Bytes(blob)]);
    }

    /// Keeps this as the answer where nothing goes to the ledger.
    pub fn answer(&mut self, text: Vec<u8>) {
        self.push('Y', [Argument::Bytes(text)]);
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
    /// What the call before looked at: positions that it found free, and last the
    /// one that it did not come to; nothing for the first.
    pub looked: Vec<u64>,
    /// Keys of the buckets of those it found free.
    pub looked_bucket_keys: Vec<String>,
    /// Keys of their pages; none where codes are not single-use.
    pub looked_page_keys: Vec<String>,
    /// The publication as it is kept with the first position.
    pub record: Vec<u8>,
}

fn list(numbers: &[u64]) -> Argument {
    let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
    Argument::Bytes(texts.join(",").into_bytes())
}

fn number(value: u64) -> Argument {
    Argument::Number(i64::try_from(value).unwrap_or(i64::MAX))
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
