//! What is said to the store of a small object: the same words, whether it is sent directly or by the SDK, which sends what
//! has to be held back (`--bwlimit`).

use std::collections::BTreeMap;

use crate::fault_server::{FaultServer, Head};
use crate::faults::GOOD;
use crate::harness::{On, Sandbox, old};

/// Headers that differ between any two requests, and the SDK's own about itself.
const OF_NO_CONCERN: [&str; 7] = [
    "host",
    "authorization",
    "x-amz-date",
    "user-agent",
    "x-amz-user-agent",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
];

/// What is sent for two runs, whose objects have awkward names and metadata.
fn said(arguments: &[&str]) -> BTreeMap<String, Head> {
    let server = FaultServer::start(GOOD);
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.add(
        old(1, "Täglicher Import (a+b) 100%, \"1\" & 2?=#*~")
            .stem("first")
            .log_bytes(3000)
            .metrics_bytes(700)
            .notebook(2),
    );
    sandbox.add(old(2, "日本/x").stem("second").log_bytes(0).without_metrics());
    sandbox.variable("S3_ENDPOINT_URL", &server.endpoint());
    let ran = sandbox.run(arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Each ledger has a name of its own.
    let of_runs = server.heads().into_iter().filter(|head| !head.path.contains("/_ledger/"));
    of_runs.map(|head| (head.path.clone(), head)).collect()
}

#[test]
fn small_objects_are_sent_with_the_same_words_directly_and_by_the_sdk() {
    let (mut directly, mut by_sdk) = (said(&["backup"]), said(&["backup", "--bwlimit", "1G"]));
    let mut user_agents = Vec::new();
    for heads in [&mut directly, &mut by_sdk] {
        let first = heads.values().next().unwrap();
        user_agents.push(first.headers["user-agent"].clone());
        for head in heads.values_mut() {
            assert!(head.headers["authorization"].contains(";x-amz-content-sha256;"), "{head:?}");
            OF_NO_CONCERN.iter().for_each(|name| drop(head.headers.remove(*name)));
        }
    }
    assert!(user_agents[0].starts_with("fastflow-archive/"), "{user_agents:?}");
    assert!(user_agents[1].starts_with("aws-sdk-rust/"), "{user_agents:?}");
    assert_eq!(directly.keys().collect::<Vec<_>>(), by_sdk.keys().collect::<Vec<_>>());
    assert_eq!(directly.len(), 6);
    directly.iter().for_each(|(path, head)| assert_eq!(head, &by_sdk[path]));
}
