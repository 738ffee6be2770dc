//! Plans that go to the store together: one call of its commit function, one
//! outcome for each. Keys that plans have in common are sent, and read, once.

use std::{collections::HashMap, convert::Infallible};

use redis::{Cmd, Value};
use rmp::encode::{
    ByteBuf, RmpWrite, ValueWriteError, write_sint, write_str, write_str_len, write_uint,
};

use crate::{
    functions::{self, Status},
    plan::{Argument, Kept, Key, Outcome, Plan},
    store::StoreError,
};

/// Where a key stands among those of a call.
#[derive(Clone, Copy)]
enum Place {
    Text(usize),
    Other(usize),
}

/// The keys of a call, each once. Those of strings come first.
#[derive(Default)]
struct KeyTable<'a> {
    texts: Vec<&'a str>,
    others: Vec<&'a str>,
    known: HashMap<&'a str, Place>,
    runs: HashMap<&'a [String], Place>,
}

impl<'a> KeyTable<'a> {
    fn add(&mut self, key: &'a Key) -> Place {
        match key {
            Key::Text(name) => {
                let texts = &mut self.texts;
                *self.known.entry(name).or_insert_with(|| {
                    texts.push(name);
                    Place::Text(texts.len())
                })
            }
            Key::Other(name) => {
                let others = &mut self.others;
                *self.known.entry(name).or_insert_with(|| {
                    others.push(name);
                    Place::Other(others.len())
                })
            }
            Key::Run(names) => {
                let others = &mut self.others;
                *self.runs.entry(names).or_insert_with(|| {
                    others.extend(names.iter().map(String::as_str));
                    Place::Other(others.len() - names.len() + 1)
                })
            }
        }
    }

    fn position(&self, place: Place) -> usize {
        match place {
            Place::Text(at) => at,
            Place::Other(at) => self.texts.len() + at,
        }
    }
}

/// The call that has the store decide on plans, see commit.lua.
pub(crate) fn command(plans: &[Plan]) -> Cmd {
    let mut table = KeyTable::default();
    let places: Vec<Vec<Place>> = plans
        .iter()
        .map(|plan| plan.keys().iter().map(|key| table.add(key)).collect())
        .collect();
    let mut command = Cmd::new();
    command
        .arg("FCALL")
        .arg(&functions::library().commit)
        .arg(table.texts.len() + table.others.len());
    for name in table.texts.iter().chain(&table.others) {
        command.arg(name);
    }
    command.arg(table.texts.len());
    for (plan, places) in plans.iter().zip(&places) {
        command.arg(pack(plan, |at| table.position(places[at])));
    }
    command
}

/// The operations of a plan in `MessagePack`, as the store's Lua reads it: raw
/// strings, and numbers as numbers.
fn pack(plan: &Plan, position: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut packed = ByteBuf::new();
    let mut letter = [0; 4];
    for argument in plan.arguments() {
        // Writing to memory cannot fail.
        let Ok(()) = match argument {
            Argument::Letter(value) => write_str(&mut packed, value.encode_utf8(&mut letter)),
            Argument::Key(at) => write_uint(&mut packed, position(*at) as u64).map(drop),
            Argument::Number(value) => write_sint(&mut packed, *value).map(drop),
            Argument::Bytes(value) => write_raw(&mut packed, value),
        };
    }
    packed.into_vec()
}

/// A string of bytes; the store's Lua knows none of the newer kind for binary data.
fn write_raw(packed: &mut ByteBuf, value: &[u8]) -> Result<(), ValueWriteError<Infallible>> {
    write_str_len(packed, u32::try_from(value.len()).unwrap_or(u32::MAX))?;
    packed
        .write_bytes(value)
        .map_err(ValueWriteError::InvalidDataWrite)
}

/// Reads what became of `count` plans.
pub(crate) fn parse(
    answers: Vec<Value>,
    count: usize,
) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
    if answers.len() != count {
        return Err(malformed());
    }
    Ok(answers.into_iter().map(parse_one).collect())
}

fn parse_one(answer: Value) -> Result<Outcome, StoreError> {
    let Value::Array(values) = answer else {
        return Err(malformed());
    };
    let mut values = values.into_iter();
    let Some(Value::Int(status)) = values.next() else {
        return Err(malformed());
    };
    let status = Status::from_number(status).ok_or_else(malformed)?;
    let mut bytes = || match values.next() {
        Some(Value::BulkString(bytes)) => Ok(bytes),
        Some(Value::Int(number)) => Ok(number.to_string().into_bytes()),
        _ => Err(malformed()),
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| malformed());
    Ok(match status {
        Status::Fresh => Outcome::Done {
            answer: bytes()?,
            results: text(bytes()?)?,
        },
        Status::Replayed => Outcome::Replayed(Kept::parse(&bytes()?).ok_or_else(malformed)?),
        Status::Found => Outcome::Found(text(bytes()?)?),
        Status::Stale => Outcome::Stale,
        Status::Refused => Outcome::Refused {
            operation: text(bytes()?)?.parse().map_err(|_| malformed())?,
            overdue: bytes().is_ok(),
        },
        Status::Changed => Outcome::Changed,
        Status::Reused => Outcome::Reused,
        Status::Moved => Outcome::Moved {
            position: text(bytes()?)?.parse().map_err(|_| malformed())?,
            looked: positions(&text(bytes()?)?)?,
        },
        Status::Failed => return Err(StoreError::Unexpected(text(bytes()?)?)),
    })
}

/// Positions as the store writes them, separated by commas.
pub(crate) fn positions(list: &str) -> Result<Vec<u64>, StoreError> {
    let parsed: Result<_, _> = list.split(',').map(str::parse).collect();
    parsed.map_err(|_| malformed())
}

fn malformed() -> StoreError {
    StoreError::Unexpected("malformed answer of commit".into())
}

#[cfg(test)]
mod tests {
    use redis::Arg;

    use super::*;
    use crate::plan::Issue;

    /// Keys and plans as they are sent.
    fn sent(plans: &[Plan]) -> (Vec<String>, Vec<Vec<u8>>) {
        let command = command(plans);
        let mut arguments = command.args_iter().map(|argument| match argument {
            Arg::Simple(bytes) => bytes.to_vec(),
            _ => panic!("nothing else is sent"),
        });
        let mut text = || String::from_utf8(arguments.next().unwrap()).unwrap();
        assert_eq!([text(), text()], ["FCALL", &functions::library().commit]);
        let keys: usize = text().parse().unwrap();
        let keys = (0..keys).map(|_| text()).collect();
        (keys, arguments.collect())
    }

    fn short(text: &str) -> Vec<u8> {
        let length = 0xa0 | u8::try_from(text.len()).unwrap();
        [&[length], text.as_bytes()].concat()
    }

    #[test]
    fn plans_share_keys_and_keep_their_own_operations() {
        let plan = |customer: &str| {
            let mut plan = Plan::new();
            plan.take_use(customer.into(), format!("f:{customer}"), 5);
            plan.take_use("all".into(), "f:all".into(), 300);
            plan
        };
        let (keys, arguments) = sent(&[plan("a"), plan("b")]);
        assert_eq!(keys, ["a", "all", "b", "f:a", "f:all", "f:b"]);
        let operation = |numbers: &[u8]| [&short("C"), numbers].concat();
        let all = operation(&[2, 5, 0xcd, 1, 44]);
        assert_eq!(
            arguments,
            [
                b"3".to_vec(),
                [operation(&[1, 4, 5]), all.clone()].concat(),
                [operation(&[3, 6, 5]), all].concat(),
            ]
        );
    }

    #[test]
    fn bytes_and_large_numbers_are_sent_as_they_are() {
        let mut plan = Plan::new();
        plan.keep("k".into(), vec![0xff, 0, 10], -1);
        plan.take_use("c".into(), "f".into(), i64::MAX);
        let (_, arguments) = sent(&[plan]);
        let kept = [&short("H")[..], &[1, 0xa3, 0xff, 0, 10, 0xff]].concat();
        let taken = [&short("C")[..], &[2, 3, 0xcf, 0x7f]].concat();
        assert_eq!(
            arguments[1],
            [&kept[..], &taken[..], &[0xff; 7][..]].concat()
        );
    }

    #[test]
    fn neighbouring_keys_stay_neighbours() {
        let plan = |first: u64| {
            let mut plan = Plan::new();
            plan.take_bit("h2".into(), 1, 1, false);
            plan.issue(Issue {
                cursor_key: "x".into(),
                count: 1,
                bound: 9,
                first_bucket: first,
                bucket_keys: (first..first + 2).map(|at| format!("h{at}")).collect(),
                first_page: 0,
                page_keys: Vec::new(),
                skips: Vec::new(),
                looked: Vec::new(),
                looked_bucket_keys: Vec::new(),
                looked_page_keys: Vec::new(),
                record: Vec::new(),
            });
            plan
        };
        let (keys, _) = sent(&[plan(1), plan(2), plan(1)]);
        assert_eq!(keys, ["x", "h2", "h1", "h2", "h2", "h3"]);
    }

    #[test]
    fn keys_of_what_was_found_are_shared_with_nobody_who_means_others() {
        let plan = |found: &[u64]| {
            let mut plan = Plan::new();
            plan.issue(Issue {
                cursor_key: "x".into(),
                count: 3,
                bound: 9,
                first_bucket: 1,
                bucket_keys: (1..4).map(|at| format!("h{at}")).collect(),
                first_page: 0,
                page_keys: Vec::new(),
                skips: Vec::new(),
                looked: found.iter().map(|at| at * 64).chain([64]).collect(),
                looked_bucket_keys: found.iter().map(|at| format!("h{at}")).collect(),
                looked_page_keys: Vec::new(),
                record: Vec::new(),
            });
            plan
        };
        let (keys, _) = sent(&[plan(&[1, 5, 9]), plan(&[1, 7, 9]), plan(&[1, 5, 9])]);
        let expected = ["x", "h1", "h2", "h3", "h1", "h5", "h9", "h1", "h7", "h9"];
        assert_eq!(keys, expected);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        assert!(parse(vec![Value::Int(0)], 2).is_err());
        assert!(parse(vec![Value::Int(0)], 1).unwrap()[0].is_err());
        let stale = Value::Array(vec![Value::Int(-1)]);
        assert_eq!(
            parse(vec![stale], 1).unwrap()[0].as_ref().ok(),
            Some(&Outcome::Stale)
        );
    }
}
