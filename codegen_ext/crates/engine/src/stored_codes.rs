//! How stored codes are put into the store.

use std::collections::BTreeMap;

use redis::{Cmd, Pipeline, cmd};

use crate::keys::{self, HOLDERS_PER_BUCKET, Keys, Partition};

/// The commands, ready to be sent, that have each code lead to its campaign and
/// position, and each position to its code; and how many they are. Codes are at
/// consecutive positions.
pub fn put<'a>(
    project: &str,
    campaign: u32,
    first_position: u64,
    codes: impl Iterator<Item = &'a str>,
    partitions: u8,
) -> (Vec<u8>, usize) {
    let home = Keys::new(project, Partition::of_campaign(campaign, partitions));
    // Keys of one hash tag can be set together, on a cluster too.
    let mut places: BTreeMap<u8, Cmd> = BTreeMap::new();
    let mut buckets: BTreeMap<u64, Cmd> = BTreeMap::new();
    for (position, code) in (first_position..).zip(codes) {
        let Partition(partition) = keys::partition_of_text(code, partitions);
        places
            .entry(partition)
            .or_insert_with(|| cmd("MSET"))
            .arg(keys::stored_code(project, code, partitions))
            .arg(format!("{campaign}:{position}"));
        let bucket = position / HOLDERS_PER_BUCKET;
        buckets
            .entry(bucket)
            .or_insert_with(|| {
                let mut command = cmd("HSET");
                command.arg(home.stored_codes(campaign, bucket));
                command
            })
            .arg(position % HOLDERS_PER_BUCKET)
            .arg(code);
    }
    let mut pipeline = Pipeline::new();
    for command in places.into_values().chain(buckets.into_values()) {
        pipeline.add_command(command);
    }
    (pipeline.get_packed_pipeline(), pipeline.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_to_its_position_and_back() {
        let (packed, count) = put("p", 7, 63, ["A", "B"].into_iter(), 1);
        let text = String::from_utf8(packed).unwrap();
        assert_eq!(count, 3, "{text}");
        for expected in ["sc:A\r\n$4\r\n7:63\r\n", "sc:B\r\n$4\r\n7:64\r\n"] {
            assert!(text.contains(expected), "{text}");
        }
        for expected in ["$2\r\n63\r\n$1\r\nA\r\n", "$1\r\n0\r\n$1\r\nB\r\n"] {
            assert!(text.contains(expected), "{text}");
        }
    }
}
