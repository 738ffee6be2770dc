//! The prepared bodies: a file of little-endian u32 lengths, each followed by
//! that many bytes.

use std::ops::Range;
use std::path::Path;

use crate::protocol::Failure;

/// Bodies to send, each once.
pub struct Bodies {
    data: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Bodies {
    /// Reads a file of bodies.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let data = std::fs::read(path)
            .map_err(|error| Failure::io(format!("reading {}", path.display()), error))?;
        Self::from_bytes(data)
    }

    fn from_bytes(data: Vec<u8>) -> Result<Self, Failure> {
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < data.len() {
            let length = data
                .get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok())
                .map(|bytes| u32::from_le_bytes(bytes) as usize);
            let Some(end) = length
                .map(|length| at + 4 + length)
                .filter(|end| *end <= data.len())
            else {
                return Err(Failure::Options("the file of bodies is cut short".into()));
            };
            ranges.push(at + 4..end);
            at = end;
        }
        if ranges.is_empty() {
            return Err(Failure::Options("the file of bodies is empty".into()));
        }
        Ok(Self { data, ranges })
    }

    /// The body with this number; `None` when all were sent.
    pub fn get(&self, number: usize) -> Option<&[u8]> {
        self.ranges
            .get(number)
            .map(|range| &self.data[range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::Bodies;

    #[test]
    fn bodies_come_back_in_order() {
        let bodies = Bodies::from_bytes(b"\x02\0\0\0ab\x01\0\0\0c".to_vec()).expect("well formed");
        assert_eq!(bodies.get(0), Some(&b"ab"[..]));
        assert_eq!(bodies.get(1), Some(&b"c"[..]));
        assert_eq!(bodies.get(2), None);
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        assert!(Bodies::from_bytes(b"\x05\0\0\0ab".to_vec()).is_err());
        assert!(Bodies::from_bytes(b"\x05\0".to_vec()).is_err());
        assert!(Bodies::from_bytes(Vec::new()).is_err());
    }
}
