//! Many codes in order, in chunks, on as many threads as wanted.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::codec::Codec;
use crate::error::CodesError;
use crate::ranges::Ranges;

/// Bytes of a chunk, about. Large enough that handing it over costs nothing,
/// small enough that a few per thread fit into the cache.
const CHUNK_BYTES: usize = 1 << 18;

/// Chunks that a thread may be ahead of the one that is wanted next.
const CHUNKS_AHEAD: usize = 2;

/// The codes of some positions, each followed by a separator. The same export
/// gives the same bytes each time, however it is cut and on however many threads.
#[derive(Clone, Copy)]
pub struct Export<'a> {
    codec: &'a Codec,
    ranges: &'a Ranges,
    separator: &'a [u8],
    chunk_lines: u64,
}

/// A piece of an export.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Whole lines.
    pub bytes: &'a [u8],
    /// How many codes they are; blocked positions have none.
    pub codes: u64,
    /// Where to go on after this chunk.
    pub next_position: u64,
}

struct Piece {
    bytes: Vec<u8>,
    codes: u64,
    next_position: u64,
}

impl<'a> Export<'a> {
    /// Prepares an export. The separator must not be empty: without one, codes
    /// that were written only in part could not be told from whole ones.
    pub fn new(
        codec: &'a Codec,
        ranges: &'a Ranges,
        separator: &'a [u8],
    ) -> Result<Self, CodesError> {
        if separator.is_empty() {
            return Err(CodesError::SeparatorEmpty);
        }
        for range in ranges.slice(0..ranges.len()) {
            codec.check_range(&range)?;
        }
        let line_width = codec.layout().width() + separator.len();
        Ok(Self {
            codec,
            ranges,
            separator,
            chunk_lines: (CHUNK_BYTES / line_width).max(1) as u64,
        })
    }

    /// Bytes of a code and its separator.
    pub fn line_width(&self) -> usize {
        self.codec.layout().width() + self.separator.len()
    }

    pub(crate) fn codec(&self) -> &'a Codec {
        self.codec
    }

    pub(crate) fn ranges(&self) -> &'a Ranges {
        self.ranges
    }

    pub(crate) fn separator(&self) -> &'a [u8] {
        self.separator
    }

    /// Appends the codes of a span of positions and returns how many there were.
    pub fn append(&self, span: Range<u64>, out: &mut Vec<u8>) -> Result<u64, CodesError> {
        self.ranges
            .slice(span)
            .map(|range| self.codec.encode_into(range, self.separator, out))
            .sum()
    }

    /// Hands the codes of a span of positions to `sink`, in order and in
    /// constant memory. Stops at the first error, the sink's own included. With
    /// one thread everything runs on the caller's.
    pub fn run<E: From<CodesError>>(
        &self,
        span: Range<u64>,
        threads: usize,
        mut sink: impl FnMut(Chunk<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let span = span.start..span.end.min(self.ranges.len());
        if threads <= 1 {
            let mut piece = Piece {
                bytes: Vec::new(),
                codes: 0,
                next_position: 0,
            };
            for chunk in self.chunks(&span, 0, 1) {
                self.fill(&mut piece, chunk)?;
                sink(piece.as_chunk())?;
            }
            return Ok(());
        }
        thread::scope(|scope| {
            // Thread t makes every chunk t modulo the number of threads, so that
            // the order needs no sorting: ask the threads in turn.
            let lines: Vec<Line> = (0..threads)
                .map(|thread| {
                    let (line, worker) = Line::new();
                    let chunks = self.chunks(&span, thread, threads);
                    scope.spawn(move || worker.work(self, chunks));
                    line
                })
                .collect();
            for line in lines.iter().cycle() {
                // A thread that has hung up has no chunk left, nor has the next.
                let Ok(piece) = line.pieces.recv() else { break };
                let piece = piece?;
                sink(piece.as_chunk())?;
                // The thread may have finished and not want it.
                let _ = line.used.send(piece);
            }
            Ok(())
        })
    }

    /// Every `step`-th chunk of a span from the `first` on.
    fn chunks(
        &self,
        span: &Range<u64>,
        first: usize,
        step: usize,
    ) -> impl Iterator<Item = Range<u64>> + use<> {
        let size = self.chunk_lines;
        let Range { start, end } = *span;
        let mut next = start.saturating_add(size.saturating_mul(first as u64));
        std::iter::from_fn(move || {
            let chunk = next..end.min(next.saturating_add(size));
            next = next.saturating_add(size.saturating_mul(step as u64));
            (chunk.start < chunk.end).then_some(chunk)
        })
    }

    fn fill(&self, piece: &mut Piece, chunk: Range<u64>) -> Result<(), CodesError> {
        piece.next_position = chunk.end;
        piece.bytes.clear();
        piece.codes = self.append(chunk, &mut piece.bytes)?;
        Ok(())
    }
}

impl Piece {
    fn as_chunk(&self) -> Chunk<'_> {
        let Self {
            bytes,
            codes,
            next_position,
        } = self;
        Chunk {
            bytes,
            codes: *codes,
            next_position: *next_position,
        }
    }
}

/// The caller's end of a thread: pieces come, used ones go back to be filled again.
struct Line {
    pieces: Receiver<Result<Piece, CodesError>>,
    used: SyncSender<Piece>,
}

/// The thread's end.
struct Worker {
    pieces: SyncSender<Result<Piece, CodesError>>,
    used: Receiver<Piece>,
}

impl Line {
    fn new() -> (Self, Worker) {
        let (pieces_in, pieces) = sync_channel(CHUNKS_AHEAD);
        let (used, used_out) = sync_channel(CHUNKS_AHEAD + 2);
        (
            Self { pieces, used },
            Worker {
                pieces: pieces_in,
                used: used_out,
            },
        )
    }
}

impl Worker {
    fn work(self, export: &Export<'_>, chunks: impl Iterator<Item = Range<u64>>) {
        for chunk in chunks {
            let mut piece = self.used.try_recv().unwrap_or_else(|_| Piece {
                bytes: Vec::new(),
                codes: 0,
                next_position: 0,
            });
            let filled = export.fill(&mut piece, chunk).map(|()| piece);
            // The caller hangs up when it stops early.
            if self.pieces.send(filled).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layout, LayoutKey, LayoutSpec};

    fn codec(blocklist: &[&str]) -> Codec {
        let blocklist = blocklist.iter().map(|word| (*word).to_owned()).collect();
        let spec = LayoutSpec {
            blocklist,
            ..LayoutSpec::default()
        };
        Codec::new(
            Layout::compile(&spec).unwrap(),
            &LayoutKey::from_bytes(&[6; 16]).unwrap(),
        )
    }

    /// Some thirty chunks.
    fn export<'a>(codec: &'a Codec, ranges: &'a Ranges) -> Export<'a> {
        Export {
            chunk_lines: 97,
            ..Export::new(codec, ranges, b"\n").unwrap()
        }
    }

    fn ranges() -> Ranges {
        Ranges::new(&[1_000..3_000, 100_000..100_001, 0..900]).unwrap()
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes_in_order() {
        for blocklist in [&[][..], &["22", "xw"]] {
            let (codec, ranges) = (codec(blocklist), ranges());
            let export = export(&codec, &ranges);
            let mut whole = Vec::new();
            export.append(0..ranges.len(), &mut whole).unwrap();
            for threads in [0, 1, 2, 3, 7, 50] {
                let (mut bytes, mut count, mut position) = (Vec::new(), 0, 0);
                export
                    .run(0..u64::MAX, threads, |chunk| {
                        assert!(chunk.next_position > position);
                        position = chunk.next_position;
                        count += chunk.codes;
                        bytes.extend_from_slice(chunk.bytes);
                        Ok::<_, CodesError>(())
                    })
                    .unwrap();
                assert_eq!(bytes, whole, "{threads} threads");
                assert_eq!(count, (bytes.len() / export.line_width()) as u64);
                assert_eq!(position, ranges.len());
            }
        }
    }

    #[test]
    fn an_error_of_the_sink_stops_all_threads_and_comes_back() {
        let (codec, ranges) = (codec(&[]), ranges());
        for threads in [1, 4] {
            let mut chunks = 0;
            let stopped = export(&codec, &ranges).run(0..u64::MAX, threads, |_| {
                chunks += 1;
                Err(CodesError::KeyNotOfMaster)
            });
            assert!(matches!(stopped, Err(CodesError::KeyNotOfMaster)));
            assert_eq!(chunks, 1);
        }
    }

    #[test]
    fn a_resumed_export_goes_on_where_the_last_chunk_ended() {
        let (codec, ranges) = (codec(&["22"]), ranges());
        let export = export(&codec, &ranges);
        let (mut whole, mut resumed, mut position) = (Vec::new(), Vec::new(), 0);
        export.append(0..ranges.len(), &mut whole).unwrap();
        while position < ranges.len() {
            // Broken off after two chunks each time, the second one lost.
            let mut chunks = 0;
            let _ = export.run(position..ranges.len(), 3, |chunk| {
                chunks += 1;
                if chunks > 1 {
                    return Err(CodesError::KeyNotOfMaster);
                }
                resumed.extend_from_slice(chunk.bytes);
                position = chunk.next_position;
                Ok(())
            });
        }
        assert_eq!(resumed, whole);
    }
}
