//! What the engine asks the control plane, through the edge.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use promo_decision::reason::Reason;
use promo_edge::ControlPlane;
use promo_engine::{ControlPlane as _, Identity};
use prost::Message;

use crate::support::{GET_CAMPAIGN, Place, Text, control::Control, text};

fn caller() -> Identity {
    Identity {
        key_id: "shop".into(),
        project: "pr0ject1".into(),
        scopes: BTreeSet::from(["publications.write".to_owned()]),
        admin: false,
    }
}

async fn ask(control: &ControlPlane, message: &str) -> Result<String, Reason> {
    let request = Bytes::from(text(message).encode_to_vec());
    let answer = control.ask(&caller(), GET_CAMPAIGN, request).await;
    answer
        .map(|answer| Text::decode(answer).unwrap().text)
        .map_err(|refusal| refusal.reason)
}

#[tokio::test]
async fn the_control_plane_is_told_for_whom_the_engine_asks() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let control = ControlPlane::new(place.socket());
    let seen = ask(&control, "who").await.unwrap();
    for line in [
        "promo-key-id=shop",
        "promo-project=pr0ject1",
        "promo-scopes=publications.write",
        "promo-admin=false",
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line} in {seen}");
    }
}

#[tokio::test]
async fn many_ask_at_once_and_each_hears_its_own_answer() {
    let place = Place::new();
    let _control = Control::start(&place.socket());
    let control = Arc::new(ControlPlane::new(place.socket()));
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let control = Arc::clone(&control);
            tokio::spawn(async move { ask(&control, &format!("{number}")).await })
        })
        .collect();
    for (number, asked) in asking.into_iter().enumerate() {
        assert_eq!(asked.await.unwrap(), Ok(format!("managed {number}")));
    }
}

#[tokio::test]
async fn a_control_plane_that_is_gone_or_says_no_without_a_reason_is_unavailable() {
    let place = Place::new();
    let control = ControlPlane::new(place.socket());
    let unavailable = Err(Reason::ControlPlaneUnavailable);
    assert_eq!(ask(&control, "x").await, unavailable);
    let running = Control::start(&place.socket());
    assert_eq!(ask(&control, "refuse").await, unavailable);
    assert_eq!(ask(&control, "x").await, Ok("managed x".to_owned()));
    drop(running);
    assert_eq!(ask(&control, "x").await, unavailable);
}
