//! An export into a file that can be interrupted at any moment and resumed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use crate::codec::Codec;
use crate::error::CodesError;
use crate::export::{Chunk, Export};
use crate::ranges::Ranges;

impl Export<'_> {
    /// Writes the codes of a span of positions to a file, and returns when they
    /// are on the disk. With `resume`, a file that holds a beginning of this
    /// very export is continued after its last whole code, and one that does not
    /// is refused and left as it is; otherwise the file is replaced. `progress`
    /// sees every chunk after it was written, and may stop the export.
    pub fn write_file<E: From<CodesError>>(
        &self,
        path: &Path,
        span: Range<u64>,
        resume: bool,
        threads: usize,
        mut progress: impl FnMut(Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .read(resume)
            .truncate(!resume);
        let opened = options.open(path).map_err(CodesError::Io)?;
        // A pipe or a device has no beginning to continue and no disk to reach.
        let is_file = opened.metadata().map_err(CodesError::Io)?.is_file();
        let (mut file, from) = if resume && is_file {
            self.continue_file(opened, &span)?
        } else {
            (opened, span.start)
        };
        self.run(from..span.end, threads, |chunk| {
            file.write_all(chunk.bytes).map_err(CodesError::Io)?;
            progress(chunk)
        })?;
        if is_file {
            file.sync_all().map_err(CodesError::Io)?;
        }
        Ok(())
    }

    /// Cuts off a code that was written in part, and finds where to go on.
    ///
    /// A code tells its own index, so the file needs no notes beside it: the
    /// last code says the position, the first one and the length confirm it.
    fn continue_file(&self, mut file: File, span: &Range<u64>) -> Result<(File, u64), CodesError> {
        let width = self.line_width() as u64;
        let whole = file.metadata()?.len() / width * width;
        if whole == 0 {
            file.set_len(0)?;
            return Ok((file, span.start));
        }
        let first = self.position_of_line(&mut file, 0)?;
        let last = self.position_of_line(&mut file, whole - width)?;
        if !span.contains(&last) || first > last {
            return Err(mismatch("its last code is not one of this export"));
        }
        // Blocked positions have no line: first and length are then not known
        // beforehand, but the codes that are there must not be too many.
        let blocks = self.codec().layout().has_blocklist();
        let lines = whole / width;
        let room = last - span.start + 1;
        if first < span.start || lines > room || (!blocks && (first > span.start || lines < room)) {
            return Err(mismatch("it begins with another export"));
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok((file, last + 1))
    }

    fn position_of_line(&self, file: &mut File, offset: u64) -> Result<u64, CodesError> {
        let mut line = vec![0; self.line_width()];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut line)?;
        let (code, separator) = line.split_at(self.codec().layout().width());
        if separator != self.separator() {
            return Err(mismatch("its lines end in another way"));
        }
        position_of_exact_code(self.codec(), self.ranges(), code)
            .ok_or_else(|| mismatch("it has a code that is not one of this export"))
    }
}

/// Only the layout's own spelling: an export writes no other.
fn position_of_exact_code(codec: &Codec, ranges: &Ranges, code: &[u8]) -> Option<u64> {
    let index = codec.decode(code)?;
    let is_exact = codec
        .encode(index)
        .is_some_and(|spelled| spelled.as_bytes() == code);
    if is_exact {
        ranges.position_of(index)
    } else {
        None
    }
}

fn mismatch(problem: &'static str) -> CodesError {
    CodesError::ResumeMismatch { problem }
}
