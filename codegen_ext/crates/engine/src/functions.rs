//! The store's function library: its sources, joined, and its return codes.

/// Version in the names of the library and of its functions, so that two
/// releases can run side by side during a rollout.
pub const LIBRARY: &str = "promo_1";

/// Name of the function that decides and writes.
pub const COMMIT: &str = "promo_1_commit";

/// Name of the function that reads several things at one instant.
pub const READ: &str = "promo_1_read";

/// Sources in the order in which their local names need each other.
const SOURCES: [&str; 7] = [
    include_str!("../functions/state.lua"),
    include_str!("../functions/counters.lua"),
    include_str!("../functions/bits.lua"),
    include_str!("../functions/operations.lua"),
    include_str!("../functions/issue.lua"),
    include_str!("../functions/commit.lua"),
    include_str!("../functions/read.lua"),
];

/// Text for `FUNCTION LOAD REPLACE`.
pub fn library() -> String {
    let mut text = format!("#!lua name={LIBRARY}\n");
    for source in SOURCES {
        text.push_str(source);
        text.push('\n');
    }
    text
}

/// First element of what `commit` returns; a test compares it with the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Status {
    /// Done now.
    Fresh = 0,
    /// Done before, by the same request id.
    Replayed = 1,
    /// An earlier publication answers the call.
    Found = 2,
    /// A definition has changed since the caller read it.
    Stale = -1,
    /// A guard did not pass.
    Refused = -2,
    /// A record is not as the caller read it.
    Changed = -3,
    /// The request id belongs to another request.
    Reused = -4,
    /// The cursor of a publication has left the keys that were passed.
    Moved = -5,
    /// The store refused a command of the plan.
    Failed = -6,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Fresh,
        Self::Replayed,
        Self::Found,
        Self::Stale,
        Self::Refused,
        Self::Changed,
        Self::Reused,
        Self::Moved,
        Self::Failed,
    ];

    /// The status with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| *status as i64 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_codes_are_those_of_the_sources() {
        let text = library();
        assert!(text.contains(
            "local STALE, REFUSED, CHANGED, REUSED, MOVED, FAILED = -1, -2, -3, -4, -5, -6\n\
             local FRESH, REPLAYED, FOUND = 0, 1, 2\n"
        ));
        for status in Status::ALL {
            assert_eq!(Status::from_number(status as i64), Some(status));
        }
    }

    #[test]
    fn function_names_carry_the_version_of_the_library() {
        let text = library();
        for name in [COMMIT, READ] {
            assert!(name.starts_with(LIBRARY));
            assert!(text.contains(&format!("'{name}'")));
        }
    }
}
