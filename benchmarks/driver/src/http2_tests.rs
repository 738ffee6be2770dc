use super::{Http2, flag, kind, setting, write_frame};
use crate::protocol::{Protocol, Status};

fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in entries {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    let mut out = Vec::new();
    write_frame(&mut out, kind::SETTINGS, 0, 0, &payload);
    out
}

fn opened(entries: &[(u16, u32)]) -> Http2 {
    let mut http2 = Http2::new("/a.B/C", "localhost", None, true);
    let mut out = Vec::new();
    http2.open(&mut out);
    assert!(!http2.is_open());
    http2
        .receive(&settings(entries), &mut out, &mut Vec::new())
        .expect("settings");
    assert!(http2.is_open());
    http2
}

fn data_sent(out: &[u8]) -> Vec<(usize, bool)> {
    let mut at = 0;
    let mut found = Vec::new();
    while at < out.len() {
        let length = usize::from(out[at + 1]) << 8 | usize::from(out[at + 2]);
        if out[at + 3] == kind::DATA {
            found.push((length, out[at + 4] & flag::END_STREAM != 0));
        }
        at += 9 + length;
    }
    found
}

#[test]
fn an_answer_with_trailers_ends_its_call() {
    let mut http2 = opened(&[]);
    let mut out = Vec::new();
    assert_eq!(http2.send(b"xyz", &mut out), 1);
    assert_eq!(http2.send(b"xyz", &mut out), 3);
    let mut input = Vec::new();
    write_frame(&mut input, kind::HEADERS, flag::END_HEADERS, 3, b"\x88");
    write_frame(&mut input, kind::DATA, 0, 3, b"\0\0\0\0\x02ok");
    let ends = flag::END_HEADERS | flag::END_STREAM;
    write_frame(
        &mut input,
        kind::HEADERS,
        ends,
        3,
        b"\x00\x0bgrpc-status\x010",
    );
    let mut done = Vec::new();
    let cut = input.len() - 1;
    let used = http2
        .receive(&input[..cut], &mut out, &mut done)
        .expect("part");
    assert!(done.is_empty());
    http2
        .receive(&input[used..], &mut out, &mut done)
        .expect("rest");
    assert_eq!((done[0].token, done[0].status), (3, Status::Grpc(0)));
    assert_eq!(done[0].body, b"\0\0\0\0\x02ok");
}

#[test]
fn a_body_larger_than_the_window_waits_for_it() {
    let mut http2 = opened(&[(setting::INITIAL_WINDOW_SIZE, 100)]);
    let mut out = Vec::new();
    http2.send(&[7; 250], &mut out);
    assert_eq!(data_sent(&out), [(100, false)]);
    out.clear();
    let mut input = Vec::new();
    write_frame(
        &mut input,
        kind::WINDOW_UPDATE,
        0,
        1,
        &200_u32.to_be_bytes(),
    );
    http2
        .receive(&input, &mut out, &mut Vec::new())
        .expect("window");
    assert_eq!(data_sent(&out), [(155, true)]);
}

#[test]
fn a_large_body_is_cut_into_frames() {
    let mut http2 = opened(&[]);
    let mut out = Vec::new();
    http2.send(&vec![7; 40_000], &mut out);
    assert_eq!(
        data_sent(&out),
        [(16_384, false), (16_384, false), (7_237, true)]
    );
}

#[test]
fn a_reset_is_an_answer_and_pings_are_returned() {
    let mut http2 = opened(&[]);
    let mut out = Vec::new();
    http2.send(b"x", &mut out);
    out.clear();
    let mut input = Vec::new();
    write_frame(&mut input, kind::PING, 0, 0, b"12345678");
    write_frame(&mut input, kind::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    let mut done = Vec::new();
    http2.receive(&input, &mut out, &mut done).expect("frames");
    assert_eq!(done[0].status, Status::Reset(8));
    assert_eq!(&out[9..], b"12345678");
}

#[test]
fn a_frame_of_an_unknown_stream_is_refused() {
    let mut http2 = opened(&[]);
    let mut input = Vec::new();
    write_frame(&mut input, kind::HEADERS, flag::END_HEADERS, 9, b"\x88");
    assert!(
        http2
            .receive(&input, &mut Vec::new(), &mut Vec::new())
            .is_err()
    );
}
