//! The store's function library: its sources, joined, and its return codes.

use std::sync::LazyLock;

use crate::keys;

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

/// The library as the store gets it.
pub struct Library {
    /// Its name. A hash of the sources makes it another one with every change of
    /// them, so that two releases can run side by side during a rollout.
    pub name: String,
    /// Name of the function that decides and writes.
    pub commit: String,
    /// Name of the function that reads several things at one instant.
    pub read: String,
    /// Text for `FUNCTION LOAD`.
    pub text: String,
}

/// The library of this release.
pub fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
        let sources = SOURCES.join("\n");
        let name = format!("promo_{}", &keys::short_hash(&sources)[..8]);
        Library {
            commit: format!("{name}_commit"),
            read: format!("{name}_read"),
            text: format!("#!lua name={name}\nlocal LIBRARY = '{name}'\n{sources}"),
            name,
        }
    });
    &LIBRARY
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
    /// The cursor of a publication has left the keys that were passed, or was looked
    /// at for long.
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
        let text = &library().text;
        assert!(text.contains(
            "local STALE, REFUSED, CHANGED, REUSED, MOVED, FAILED = -1, -2, -3, -4, -5, -6\n\
             local FRESH, REPLAYED, FOUND = 0, 1, 2\n"
        ));
        for status in Status::ALL {
            assert_eq!(Status::from_number(status as i64), Some(status));
        }
    }

    #[test]
    fn functions_are_registered_under_the_name_of_the_library() {
        let Library {
            name,
            commit,
            read,
            text,
        } = library();
        assert!(text.starts_with(&format!("#!lua name={name}\n")));
        for function in [commit, read] {
            let suffix = function.strip_prefix(name.as_str()).unwrap();
            assert!(text.contains(&format!("LIBRARY .. '{suffix}'")), "{suffix}");
        }
    }
}
