//! The holds of a project by their end: the ordered sets of its partitions, merged.
//!
//! Each set is read piece by piece, all that need more in one go. What was read is
//! in order up to the horizon: the nearest place where a set has more that is not
//! read yet.

use std::{cmp::Ordering, collections::VecDeque};

use crate::{
    holds,
    keys::{Keys, Partition},
    store::{Store, StoreError},
};

/// How many new entries a set is asked for at a time: few at first, since most sets
/// have little of a page, and more each time that it comes to more.
const SMALLEST_PIECE: usize = 8;
const LARGEST_PIECE: usize = 256;
const GROWTH: usize = 4;

/// A hold in the order of its project: no two are equal, since what stands for one
/// begins with the partition where it is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scheduled {
    /// When it ends, milliseconds since 1970, UTC.
    pub expire_ms: i64,
    /// What stands for it.
    pub member: String,
}

/// Which holds come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those that end first.
    Ascending,
    /// Those that end last.
    Descending,
}

impl Direction {
    fn compare(self, one: &Scheduled, other: &Scheduled) -> Ordering {
        match self {
            Self::Ascending => one.cmp(other),
            Self::Descending => other.cmp(one),
        }
    }
}

/// Which holds are wanted, by their end, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Which come first.
    pub direction: Direction,
    /// The first millisecond in which they may end.
    pub first_ms: i64,
    /// The last one.
    pub last_ms: i64,
}

impl Span {
    /// The first and the last millisecond of what is left after a place. Others of
    /// the place's own millisecond can be.
    fn after(&self, place: Option<&Scheduled>) -> (i64, i64) {
        match (self.direction, place) {
            (_, None) => (self.first_ms, self.last_ms),
            (Direction::Ascending, Some(place)) => {
                (self.first_ms.max(place.expire_ms), self.last_ms)
            }
            (Direction::Descending, Some(place)) => {
                (self.first_ms, self.last_ms.min(place.expire_ms))
            }
        }
    }
}

/// How far the set of one partition is read.
struct Run {
    partition: Partition,
    /// The last entry that was read, or the one that a list goes on behind.
    place: Option<Scheduled>,
    /// About how many entries come again with the next piece: a set is asked by the
    /// millisecond, and this many of the place's are not behind it.
    known: usize,
    /// How many new entries the next piece has.
    piece: usize,
    /// Whether the set has nothing behind the place.
    ended: bool,
    /// What was read and is behind the horizon.
    ahead: VecDeque<Scheduled>,
}

impl Run {
    /// Takes a piece of the set, which was asked for from the place's millisecond on,
    /// `limit` entries at most. Returns how many were new.
    fn take(&mut self, direction: Direction, limit: usize, piece: Vec<(String, i64)>) -> usize {
        self.ended = piece.len() < limit;
        self.piece = (GROWTH * self.piece).min(LARGEST_PIECE);
        let read = piece.len();
        let last_ms = piece.last().map(|(_, expire_ms)| *expire_ms);
        let of_last = |(_, expire_ms): &&(String, i64)| Some(*expire_ms) == last_ms;
        let of_last = piece.iter().filter(of_last).count();
        let place = self.place.take();
        let new: Vec<Scheduled> = piece
            .into_iter()
            .map(|(member, expire_ms)| Scheduled { expire_ms, member })
            .filter(|one| {
                place
                    .as_ref()
                    .is_none_or(|place| direction.compare(one, place).is_gt())
            })
            .collect();
        let count = new.len();
        match new.last() {
            // The millisecond has more entries than were asked for, or is the last.
            None => {
                self.known = 2 * read;
                self.place = place;
            }
            Some(last) => {
                self.known = of_last;
                self.place = Some(last.clone());
            }
        }
        self.ahead.extend(new);
        count
    }
}

/// Reads the holds of a project in order.
pub struct Schedule<'a> {
    project: &'a str,
    span: Span,
    runs: Vec<Run>,
    looked_at: usize,
}

impl<'a> Schedule<'a> {
    /// A schedule of what comes after a place, read for pages of `size` holds.
    pub fn new(
        project: &'a str,
        partitions: u8,
        span: Span,
        after: Option<&Scheduled>,
        size: usize,
    ) -> Self {
        let piece = 2 * size / usize::from(partitions.max(1));
        let run = |partition| Run {
            partition: Partition(partition),
            place: after.cloned(),
            known: 0,
            piece: piece.clamp(SMALLEST_PIECE, LARGEST_PIECE),
            ended: false,
            ahead: VecDeque::new(),
        };
        Self {
            project,
            span,
            runs: (0..partitions).map(run).collect(),
            looked_at: 0,
        }
    }

    /// How many entries of sets were looked at.
    pub fn looked_at(&self) -> usize {
        self.looked_at
    }

    /// The place up to which all holds were taken; none when there are no more.
    pub fn horizon(&self) -> Option<&Scheduled> {
        let open = self.runs.iter().filter(|run| !run.ended);
        open.filter_map(|run| run.place.as_ref())
            .min_by(|one, other| self.span.direction.compare(one, other))
    }

    /// Reads on, and takes the next holds up to the horizon: none, or many.
    pub async fn read(&mut self, store: &Store) -> Result<Vec<Scheduled>, StoreError> {
        let questions = self.questions();
        let mut pipeline = redis::pipe();
        for (at, limit) in &questions {
            pipeline.add_command(self.command(&self.runs[*at], *limit));
        }
        if !pipeline.is_empty() {
            let pieces: Vec<Vec<(String, i64)>> = store.query_pipeline(&pipeline).await?;
            for ((at, limit), piece) in questions.into_iter().zip(pieces) {
                self.take(at, limit, piece);
            }
        }
        Ok(self.ready())
    }

    /// The sets to ask for more, by partition, with how many entries: those that are
    /// at the horizon, and those that will be soon.
    fn questions(&self) -> Vec<(usize, usize)> {
        let few = |run: &Run| 2 * GROWTH * run.ahead.len() < run.piece;
        let runs = self.runs.iter().enumerate();
        runs.filter(|(_, run)| !run.ended && few(run))
            .map(|(at, run)| (at, run.known + run.piece))
            .collect()
    }

    fn command(&self, run: &Run, limit: usize) -> redis::Cmd {
        let (first_ms, last_ms) = self.span.after(run.place.as_ref());
        let (name, from_ms, to_ms) = match self.span.direction {
            Direction::Ascending => ("ZRANGEBYSCORE", first_ms, last_ms),
            Direction::Descending => ("ZREVRANGEBYSCORE", last_ms, first_ms),
        };
        let mut command = redis::cmd(name);
        let holds = Keys::new(self.project, run.partition).holds();
        command.arg(holds).arg(from_ms).arg(to_ms).arg("WITHSCORES");
        // From the first entry on: an offset would be wrong once an entry goes.
        command.arg("LIMIT").arg(0).arg(limit);
        command
    }

    fn take(&mut self, at: usize, limit: usize, piece: Vec<(String, i64)>) {
        self.looked_at += self.runs[at].take(self.span.direction, limit, piece);
    }

    fn ready(&mut self) -> Vec<Scheduled> {
        let direction = self.span.direction;
        let horizon = self.horizon().cloned();
        let mut ready = Vec::new();
        for run in &mut self.runs {
            let count = match &horizon {
                None => run.ahead.len(),
                Some(horizon) => run
                    .ahead
                    .partition_point(|one| direction.compare(one, horizon).is_le()),
            };
            // A set has holds of other partitions as well, which their own sets list.
            let own = |one: &Scheduled| {
                holds::parse_member(&one.member).is_some_and(|(home, _)| home == run.partition)
            };
            ready.extend(run.ahead.drain(..count).filter(own));
        }
        ready.sort_by(|one, other| direction.compare(one, other));
        ready
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    type Sets = Vec<BTreeSet<Scheduled>>;

    const ALL: Span = Span {
        direction: Direction::Ascending,
        first_ms: 0,
        last_ms: i64::MAX,
    };

    fn scheduled(expire_ms: i64, home: u8, name: &str) -> Scheduled {
        let member = format!("{home:02x}{name}");
        Scheduled { expire_ms, member }
    }

    /// Partitions with some hundred holds each, many in one millisecond, most of
    /// which took from a campaign of the next partition as well.
    fn busy(partitions: u8) -> Sets {
        let mut sets = vec![BTreeSet::new(); partitions.into()];
        for home in 0..partitions {
            for number in 0..300_i64 {
                let one = scheduled(1_000 + number / 40, home, &format!("{number:04}"));
                if number % 3 > 0 {
                    sets[usize::from((home + 1) % partitions)].insert(one.clone());
                }
                sets[usize::from(home)].insert(one);
            }
        }
        sets
    }

    /// The answer of a store with these sets, as the commands ask.
    fn answer(schedule: &Schedule<'_>, sets: &Sets, at: usize, limit: usize) -> Vec<(String, i64)> {
        let (first_ms, last_ms) = schedule.span.after(schedule.runs[at].place.as_ref());
        let within = |one: &&Scheduled| (first_ms..=last_ms).contains(&one.expire_ms);
        let set = sets[at].iter().filter(within);
        let ordered: Vec<&Scheduled> = match schedule.span.direction {
            Direction::Ascending => set.collect(),
            Direction::Descending => set.rev().collect(),
        };
        let pairs = ordered.into_iter().take(limit);
        pairs
            .map(|one| (one.member.clone(), one.expire_ms))
            .collect()
    }

    fn read(schedule: &mut Schedule<'_>, sets: &Sets) -> (usize, Vec<Scheduled>) {
        let questions = schedule.questions();
        let mut entries = 0;
        for (at, limit) in questions {
            let piece = answer(schedule, sets, at, limit);
            entries += piece.len();
            schedule.take(at, limit, piece);
        }
        (entries, schedule.ready())
    }

    fn pages(
        sets: &mut Sets,
        span: Span,
        size: usize,
        between: impl Fn(&mut Sets),
    ) -> Vec<Scheduled> {
        let partitions = u8::try_from(sets.len()).unwrap();
        let mut listed: Vec<Scheduled> = Vec::new();
        loop {
            let mut page = Vec::new();
            let after = listed.last().cloned();
            let mut schedule = Schedule::new("p", partitions, span, after.as_ref(), size);
            while page.len() < size {
                page.extend(read(&mut schedule, sets).1);
                between(sets);
                if schedule.horizon().is_none() {
                    break;
                }
            }
            page.truncate(size);
            if page.is_empty() {
                return listed;
            }
            listed.extend(page);
        }
    }

    #[test]
    fn every_hold_is_listed_once_and_in_order_in_both_directions() {
        let whole: Vec<Scheduled> = (busy(5).into_iter().flatten())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for size in [1, 7, 100, 5_000] {
            let ascending = pages(&mut busy(5), ALL, size, |_| ());
            assert_eq!(ascending, whole);
            let descending = Span {
                direction: Direction::Descending,
                ..ALL
            };
            let mut backwards = pages(&mut busy(5), descending, size, |_| ());
            backwards.reverse();
            assert_eq!(backwards, whole);
        }
    }

    #[test]
    fn a_span_has_its_first_and_its_last_millisecond() {
        let span = Span {
            first_ms: 1_002,
            last_ms: 1_003,
            ..ALL
        };
        for direction in [Direction::Ascending, Direction::Descending] {
            let listed = pages(&mut busy(2), Span { direction, ..span }, 9, |_| ());
            assert_eq!(listed.len(), 2 * 80);
            assert!(
                listed
                    .iter()
                    .all(|one| (1_002..=1_003).contains(&one.expire_ms))
            );
        }
    }

    #[test]
    fn what_is_there_all_the_time_is_listed_once_while_others_go() {
        for direction in [Direction::Ascending, Direction::Descending] {
            let stays = |one: &Scheduled| one.member.ends_with(['0', '5']);
            let staying = busy(3).into_iter().flatten().filter(stays);
            let staying = staying.collect::<BTreeSet<_>>().len();
            // One goes from each set after each reading, the first ones first.
            let between = |sets: &mut Sets| {
                for set in sets {
                    let gone = set.iter().find(|one| !stays(one)).cloned();
                    gone.map(|gone| set.remove(&gone));
                }
            };
            let listed = pages(&mut busy(3), Span { direction, ..ALL }, 3, between);
            let kept = listed.iter().filter(|one| stays(one));
            assert_eq!(kept.count(), staying);
            assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
        }
    }

    #[test]
    fn a_list_goes_on_amid_thousands_of_holds_of_one_millisecond() {
        let names = (0..5_000).map(|number| scheduled(1_000, 0, &format!("{number:04}")));
        let sets = vec![names.collect::<BTreeSet<_>>()];
        let after = scheduled(1_000, 0, "4000");
        let mut schedule = Schedule::new("p", 1, ALL, Some(&after), 1);
        let mut readings = 0;
        let next = loop {
            readings += 1;
            let (_, ready) = read(&mut schedule, &sets);
            if let Some(next) = ready.into_iter().next() {
                break next;
            }
        };
        assert_eq!(next, scheduled(1_000, 0, "4001"));
        assert!(readings < 12, "{readings}");
    }

    #[test]
    fn a_page_reads_a_small_part_of_many_partitions() {
        let sets = busy(64);
        let mut schedule = Schedule::new("p", 64, ALL, None, 100);
        let (mut entries, mut ready) = (0, Vec::new());
        while ready.len() < 100 {
            let (read, more) = read(&mut schedule, &sets);
            entries += read;
            ready.extend(more);
        }
        assert!(entries <= 2_000, "{entries}");
    }
}
