//! Microsoft Teams: an adaptive card, posted to a webhook of Workflows (conventions.md section 7).
//!
//! In: a [`Webhook`] and a [`Letter`]. Out: whether it was taken. A 200 with an error text in it is a failure.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Delivery;
use super::http::{self, Answer};
use super::letter::{Cause, Letter, Tone};
use super::texts::{self, and_more};
use crate::config::{Language, Webhook};
use crate::error::{Error, Kind};
use crate::printable::printable;

/// Teams takes no more.
const LONGEST_PAYLOAD: usize = 20_000;
/// One post.
const PER_TRY: Duration = Duration::from_secs(20);
/// All tries together.
const IN_ALL: Duration = Duration::from_secs(35);
const TRIES: u32 = 3;

/// Posts it, with up to three tries within 35 seconds.
pub(super) fn send(webhook: &Webhook, letter: &Letter) -> Delivery {
    let errors = match post(webhook, payload(letter).as_bytes(), Instant::now() + IN_ALL) {
        Ok(()) => Vec::new(),
        Err(why) => vec![
            Error::new(Kind::NotificationFailed, format!("post to Teams at `{}`: {why}", webhook.host))
                .hint("check TEAMS_WEBHOOK_URL and the workflow behind it; `notify test` tries again"),
        ],
    };
    Delivery { channel: super::TEAMS, to: webhook.host.clone(), delivered: errors.is_empty(), errors }
}

fn post(webhook: &Webhook, payload: &[u8], until: Instant) -> Result<(), String> {
    let mut tries = 1;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let (why, pause) = match http::post(webhook, "", "application/json", payload, PER_TRY.min(left)) {
            Ok(answer) => match refusal(&answer) {
                None => return Ok(()),
                Some(why) if !matches!(answer.status, 429 | 500..) => return Err(why),
                Some(why) => (why, answer.retry_after.unwrap_or(Duration::from_secs(1 << tries))),
            },
            Err(why) => (why, Duration::from_secs(1 << tries)),
        };
        let left = until.saturating_duration_since(Instant::now());
        if tries == TRIES || pause >= left {
            return Err(format!("{why} (try {tries} of {TRIES})"));
        }
        std::thread::sleep(pause);
        tries += 1;
    }
}

/// Why the answer means that nothing was posted.
fn refusal(answer: &Answer) -> Option<String> {
    let body = answer.body.to_ascii_lowercase();
    let has_failed = ["delivery failed", "http error"].iter().any(|text| body.contains(text));
    if (200..300).contains(&answer.status) && !has_failed {
        return None;
    }
    let said: String = printable(answer.body.trim()).chars().take(200).collect();
    Some(if said.is_empty() { format!("HTTP {}", answer.status) } else { format!("HTTP {}: {said}", answer.status) })
}

/// The message as posted: at most 20,000 bytes, by naming fewer runs, then fewer causes.
fn payload(letter: &Letter) -> String {
    let shortest = (0, 1);
    let runs = letter.causes.iter().map(|cause| cause.runs.len()).sum::<usize>();
    let causes = letter.causes.len();
    let sizes = (0..=runs).rev().map(|runs| (runs, causes)).chain((1..causes).rev().map(|causes| (0, causes)));
    let mut payloads =
        sizes.chain([shortest]).map(|(runs, causes)| message(&letter.shortened(runs, causes)).to_string());
    payloads.find(|payload| payload.len() <= LONGEST_PAYLOAD).unwrap_or_default()
}

fn message(letter: &Letter) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card(letter),
        }],
    })
}

fn card(letter: &Letter) -> Value {
    let color = match letter.tone {
        Tone::Bad => "attention",
        Tone::Good => "good",
        Tone::Neutral => "accent",
    };
    let mut body = vec![
        json!({ "type": "TextBlock", "text": plain(&letter.title), "size": "large", "weight": "bolder", "color": color, "wrap": true }),
        text(&letter.lead),
    ];
    letter.causes.iter().for_each(|cause| add_cause(&mut body, letter.language, cause));
    body.push(
        json!({ "type": "FactSet", "separator": true, "facts": letter.facts.iter().map(fact).collect::<Vec<_>>() }),
    );
    letter.lists().for_each(|(heading, cause)| add_list(&mut body, letter.language, &heading, cause));
    if let Some(footer) = &letter.footer {
        body.push(
            json!({ "type": "TextBlock", "text": plain(footer), "isSubtle": true, "size": "small", "wrap": true }),
        );
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": plain(&letter.subject),
        "lang": if letter.language == Language::German { "de" } else { "en" },
        "body": body,
    });
    if let Some((label, url)) = &letter.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": label, "url": url }]);
    }
    card
}

fn add_cause(body: &mut Vec<Value>, language: Language, cause: &Cause) {
    body.push(json!({
        "type": "TextBlock", "text": plain(&cause.headline()), "weight": "bolder", "wrap": true, "separator": true,
    }));
    body.push(json!({
        "type": "TextBlock", "text": plain(&cause.message), "fontType": "monospace", "size": "small", "wrap": true,
    }));
    body.push(text(&format!("{}: {}", texts::NEXT_STEP.of(language), cause.step)));
}

fn add_list(body: &mut Vec<Value>, language: Language, heading: &str, cause: &Cause) {
    let facts: Vec<_> = cause.runs.iter().map(|run| fact(&(run.pipeline.clone(), run.id.clone()))).collect();
    body.push(json!({
        "type": "TextBlock", "text": plain(heading), "weight": "bolder", "wrap": true, "separator": true,
    }));
    body.push(json!({ "type": "FactSet", "facts": facts }));
    if cause.more > 0 {
        let more = and_more(language, cause.more);
        body.push(json!({ "type": "TextBlock", "text": more, "isSubtle": true, "wrap": true }));
    }
}

fn text(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": plain(text), "wrap": true })
}

fn fact((title, value): &(String, String)) -> Value {
    json!({ "title": plain(title), "value": plain(value) })
}

/// Teams reads a little Markdown in texts: a name must not become a link. A space of no width is shown as nothing.
fn plain(text: &str) -> String {
    text.replace("](", "]\u{200b}(").replace('<', "<\u{200b}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::exit::Exit;
    use crate::notify::digest::{Digest, Occasion};
    use crate::plan::Backlog;
    use crate::report::{NamedRun, Summary, Trouble};
    use crate::time::Timestamp;

    /// A digest of many causes with long names.
    fn digest(name: &str, message: &str, kinds: &[Kind]) -> Digest {
        let named = |number: u8| NamedRun { id: [number; 16].into(), pipeline: name.into() };
        let cause = |kind: &Kind| Trouble {
            kind: *kind,
            message: message.to_owned(),
            failed: 30,
            not_attempted: 0,
            named: (0..20).map(named).collect(),
        };
        Digest {
            occasion: Occasion::Trouble,
            command: "cleanup",
            host: name.to_owned(),
            started_at: Timestamp::from_micros(0),
            duration: Duration::from_secs(3),
            exit: Exit::SomeKept,
            causes: kinds.iter().map(cause).collect(),
            summary: Summary { runs_failed: 30, ..Summary::default() },
            backlog: Some(Backlog { runs: 30, ..Backlog::default() }),
            since: Some(Timestamp::from_micros(0)),
            ledger_head: Some("0".repeat(64)),
            frontend: Some("https://fastflow.example.org".to_owned()),
        }
    }

    #[test]
    fn whatever_the_names_and_messages_the_payload_is_short_enough_and_whole() {
        let kinds = [Kind::LogMissing, Kind::FileUnreadable, Kind::OutsideLogsDir, Kind::UnlinkFailed, Kind::CutFailed]
            .repeat(6);
        for (name, message) in [("etl", "short"), ("\u{1f4a3}\"\\", "x"), (&"\"日本\\".repeat(100), &"\"ä".repeat(900))]
        {
            let letter = Letter::write(&digest(name, message, &kinds), Language::German);
            let payload = payload(&letter);
            assert!((500..=LONGEST_PAYLOAD).contains(&payload.len()), "{}", payload.len());
            let card: Value = serde_json::from_str(&payload).unwrap();
            assert_eq!(card["attachments"][0]["content"]["type"], "AdaptiveCard");
        }
        let letter = Letter::write(&digest("etl", "short", &kinds[..1]), Language::English);
        let whole = payload(&letter);
        assert!(whole.contains("and 10 more") && whole.matches("\"title\":\"etl\"").count() == 20, "{whole}");
        let shortened = message(&letter.shortened(3, 1)).to_string();
        assert!(
            shortened.contains("and 27 more") && shortened.matches("\"title\":\"etl\"").count() == 3,
            "{shortened}"
        );
    }

    #[test]
    fn an_answer_that_says_so_in_its_body_is_a_refusal() {
        let answer = |status, body: &str| Answer { status, retry_after: None, body: body.to_owned() };
        assert_eq!(refusal(&answer(202, "")), None);
        assert_eq!(refusal(&answer(200, "1")), None);
        let said = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429";
        assert_eq!(refusal(&answer(200, said)), Some(format!("HTTP 200: {said}")));
        assert_eq!(refusal(&answer(302, "")), Some("HTTP 302".to_owned()));
    }

    #[test]
    fn a_name_does_not_become_a_link() {
        assert_eq!(plain("[x](http://evil)"), "[x]\u{200b}(http://evil)");
    }
}
