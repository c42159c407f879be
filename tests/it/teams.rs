//! Microsoft Teams against a local server, and the card against the public schema.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{On, Ran, Sandbox, old};
use crate::webhook_server::{Reply, WebhookServer};

fn guarded(server: &WebhookServer) -> Ran {
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.add(old(1, "etl"));
    sandbox.post_to(server).run(&["cleanup", "-q", "--max-delete", "0"])
}

/// What the published schema of adaptive cards says against a card. It looks at the first element only, hence each of them
/// is also held against the definition of its type.
fn schema_says(card: &Value) -> Result<(), String> {
    let text = include_str!("../data/adaptive-card/schema.json");
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("card.json", serde_json::from_str(text).unwrap()).unwrap();
    let mut check = |value: &Value, place: &str| {
        let schema = compiler.compile(&format!("card.json{place}"), &mut schemas).unwrap();
        schemas.validate(value, schema).map_err(|error| error.to_string())
    };
    check(card, "")?;
    for element in card["body"].as_array().unwrap() {
        check(element, &format!("#/definitions/{}", element["type"].as_str().unwrap()))?;
    }
    Ok(())
}

#[test]
fn the_card_is_one_of_the_public_schema_and_of_the_parts_that_webhooks_show() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(30).settle_refused();
    let server = WebhookServer::start(&[]);
    sandbox.post_to(&server);
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(3));
    sandbox.run(&["notify", "test", "-q"]).expect(0, "", "");
    for posted in server.posted() {
        let message = posted.json();
        assert_eq!(message["type"], "message");
        let attachment = &message["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        assert!(attachment["contentUrl"].is_null() && message["attachments"][1].is_null());
        let card = posted.card();
        schema_says(&card).unwrap();
        assert_eq!(card["version"], "1.2");
        for element in card["body"].as_array().unwrap() {
            assert!(["TextBlock", "FactSet"].contains(&element["type"].as_str().unwrap()), "{element}");
        }
        assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
    }
    let mut card = server.posted()[0].card();
    assert!(card["actions"][0]["url"].as_str().unwrap().starts_with("http://fastflow.example.com/runs/"));
    let last = card["body"].as_array().unwrap().len() - 1;
    card["body"][last]["size"] = json!("enormous");
    assert!(schema_says(&card).is_err(), "the schema would see it");
}

#[test]
fn an_error_in_the_text_of_a_200_and_a_redirect_are_failures() {
    let elsewhere = WebhookServer::start(&[]);
    let redirect: &'static str = Box::leak(elsewhere.url().into_boxed_str());
    let says = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413";
    for (reply, expected) in [
        (Reply::Say(200, None, says), "HTTP 200: Webhook message delivery failed"),
        (Reply::Redirect(redirect), "HTTP 307"),
        (Reply::Say(404, None, "<html>gone</html>"), "HTTP 404: <html>gone</html>"),
    ] {
        let server = WebhookServer::start(&[reply]);
        let ran = guarded(&server);
        assert_eq!((ran.code, ran.errors(), server.posted().len()), (Some(13), 2, 1), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
    }
    assert!(elsewhere.posted().is_empty(), "a redirect was followed");
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_and_not_for_ever() {
    let server = WebhookServer::start(&[Reply::Say(429, Some("3"), ""), Reply::Say(503, Some("1"), "")]);
    let ran = guarded(&server);
    assert_eq!((ran.code, ran.errors()), (Some(13), 1), "{ran:?}");
    let at: Vec<Instant> = server.posted().iter().map(|posted| posted.at).collect();
    assert_eq!(at.len(), 3);
    assert!(at[1] - at[0] >= Duration::from_secs(3) && at[2] - at[1] >= Duration::from_secs(1), "{at:?}");

    let busy = Reply::Say(503, Some("0"), "busy");
    let server = WebhookServer::start(&[busy; 9]);
    let ran = guarded(&server);
    assert_eq!((ran.code, ran.errors(), server.posted().len()), (Some(13), 2, 3), "{ran:?}");
    assert!(ran.stderr.contains("HTTP 503: busy (try 3 of 3)"), "{ran:?}");

    let server = WebhookServer::start(&[Reply::Say(429, Some("3600"), "")]);
    let (ran, started) = (guarded(&server), Instant::now());
    assert_eq!((ran.code, server.posted().len()), (Some(13), 1), "{ran:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_server_that_does_not_answer_delays_by_35_seconds_at_most() {
    let server = WebhookServer::start(&[Reply::Hang, Reply::Hang, Reply::Hang]);
    let started = Instant::now();
    let ran = guarded(&server);
    assert!(started.elapsed() < Duration::from_secs(45), "{:?}", started.elapsed());
    assert!(ran.code == Some(13) && ran.stderr.contains("no answer within"), "{ran:?}");
}

#[test]
fn another_host_or_plain_http_is_refused_and_the_address_is_not_shown() {
    let server = WebhookServer::start(&[]);
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.add(old(1, "etl")).id.clear();
    sandbox.post_to(&server).variable("FASTFLOW_ARCHIVE_ALLOW_LOOPBACK_WEBHOOK", "true");
    let ran = sandbox.run(&["cleanup", "-q", "--max-delete", "0"]);
    assert!(ran.code == Some(13) && ran.stderr.contains("it is not https"), "{ran:?}");
    sandbox.variable("TEAMS_WEBHOOK_URL", "https://evil.example/webhook-secret-0815");
    let ran = sandbox.run(&["cleanup", "-q", "--max-delete", "0"]);
    assert!(ran.code == Some(13) && ran.stderr.contains("its host `evil.example` is none of"), "{ran:?}");
    assert!(!ran.stderr.contains("webhook-secret") && server.posted().is_empty());
}
