//! A digest in one language: the parts of a message, as text without markup.
//!
//! In: a [`Digest`] and a language. Out: [`Letter`], from which mail and card are made. Everything that came from rows,
//! files and servers is printable here; each channel still escapes for its own markup.

use super::advice;
use super::digest::{Digest, Occasion};
use super::texts::{self, Both};
use crate::config::Language;
use crate::exit::Exit;
use crate::printable::printable;
use crate::report::{NAMED_RUNS, Trouble};

/// A message of an error is cut after so many characters.
const LONGEST_MESSAGE: usize = 500;
/// So many runs of each cause are named before the room that is left goes to the first.
const NAMED_OF_EACH: usize = 3;
/// A pipeline's name is cut after so many characters.
const LONGEST_NAME: usize = 80;

/// How the message looks at first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Good,
    Neutral,
}

/// A named run.
#[derive(Debug, Clone)]
pub(super) struct NamedLine {
    pub(super) pipeline: String,
    pub(super) id: String,
    pub(super) url: Option<String>,
}

/// One cause.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) meaning: String,
    pub(super) concerned: Option<String>,
    pub(super) message: String,
    pub(super) step: String,
    pub(super) runs: Vec<NamedLine>,
    /// Runs that are not named.
    pub(super) more: u64,
}

impl Cause {
    /// The meaning, and whom it concerns.
    pub(super) fn headline(&self) -> String {
        let concerned = self.concerned.as_ref().map(|concerned| format!(" ({concerned})")).unwrap_or_default();
        format!("{}{concerned}", self.meaning)
    }
}

/// A message in one language.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) language: Language,
    pub(super) tone: Tone,
    pub(super) subject: String,
    pub(super) title: String,
    pub(super) lead: String,
    pub(super) causes: Vec<Cause>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) link: Option<(String, String)>,
    pub(super) footer: Option<String>,
}

fn cut(text: &str, longest: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= longest {
        return text.into_owned();
    }
    text.chars().take(longest - 1).chain(['\u{2026}']).collect()
}

impl Letter {
    pub(super) fn write(digest: &Digest, language: Language) -> Letter {
        let say = |text: Both| text.of(language);
        let causes: Vec<_> = match digest.occasion {
            Occasion::Trouble => {
                let named: Vec<_> = digest.causes.iter().map(|trouble| trouble.named.len()).collect();
                let shares = shares(&named).into_iter().zip(&digest.causes);
                shares.map(|(share, trouble)| cause(digest, trouble, language, share)).collect()
            }
            _ => Vec::new(),
        };
        let (tone, title, lead) = match digest.occasion {
            Occasion::Test => (Tone::Neutral, say(texts::TEST_SUBJECT).to_owned(), say(texts::TEST_LEAD)),
            Occasion::Recovered => (Tone::Good, say(texts::RECOVERED_SUBJECT).to_owned(), say(texts::RECOVERED_LEAD)),
            Occasion::Done => (Tone::Good, say(texts::DONE_SUBJECT).to_owned(), say(texts::DONE_LEAD)),
            Occasion::Trouble if digest.runs_left() > 0 => {
                (Tone::Bad, texts::runs_left(language, digest.runs_left()), say(texts::UNTOUCHED))
            }
            Occasion::Trouble => (Tone::Bad, say(texts::TROUBLE_TITLE).to_owned(), say(texts::UNTOUCHED)),
        };
        let host = cut(&digest.host, LONGEST_NAME);
        let mark =
            if digest.occasion == Occasion::Test { format!("[{}] ", say(texts::TEST_MARK)) } else { String::new() };
        let reason = causes.first().map(|cause| format!(": {}", cause.meaning)).unwrap_or_default();
        let subject = format!("{mark}fastflow-archive {}: {title}{reason} ({host})", digest.command);
        Letter {
            language,
            tone,
            subject,
            title: mark + &capitalised(&title),
            lead: lead.to_owned(),
            facts: facts(digest, language, host),
            link: link(digest, language),
            footer: (digest.occasion == Occasion::Trouble).then(|| say(texts::REPEATED).to_owned()),
            causes,
        }
    }

    /// Each cause with named runs, and the heading of their list: with the cause's name where there are several.
    pub(super) fn lists(&self) -> impl Iterator<Item = (String, &Cause)> {
        let concerned = texts::CONCERNED.of(self.language);
        let is_one = self.causes.len() == 1;
        self.causes.iter().filter(|cause| !cause.runs.is_empty()).map(move |cause| {
            (if is_one { concerned.to_owned() } else { format!("{concerned}: {}", cause.meaning) }, cause)
        })
    }

    /// The same with so many named runs and causes at most.
    pub(super) fn shortened(&self, runs: usize, causes: usize) -> Letter {
        let mut shorter = self.clone();
        shorter.causes.truncate(causes);
        let mut room = runs;
        for cause in &mut shorter.causes {
            let kept = room.min(cause.runs.len());
            cause.more += (cause.runs.len() - kept) as u64;
            cause.runs.truncate(kept);
            room -= kept;
        }
        shorter
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// How many runs of each cause are named, [`NAMED_RUNS`] in all.
fn shares(named: &[usize]) -> Vec<usize> {
    let mut room = NAMED_RUNS;
    let mut take = |wanted: usize| {
        let share = wanted.min(room);
        room -= share;
        share
    };
    let mut shares: Vec<_> = named.iter().map(|named| take(NAMED_OF_EACH.min(*named))).collect();
    for (share, named) in shares.iter_mut().zip(named) {
        *share += take(named - *share);
    }
    shares
}

fn cause(digest: &Digest, trouble: &Trouble, language: Language, share: usize) -> Cause {
    let advice = advice::of(trouble.kind);
    let named = trouble.named.iter().take(share).map(|run| NamedLine {
        pipeline: cut(&run.pipeline, LONGEST_NAME),
        id: run.id.to_string(),
        url: digest.frontend.as_ref().map(|frontend| format!("{frontend}/runs/{}", run.id)),
    });
    let runs: Vec<_> = named.collect();
    Cause {
        meaning: advice.meaning.of(language).to_owned(),
        concerned: texts::concerned(language, trouble.failed, trouble.not_attempted),
        message: cut(&trouble.message, LONGEST_MESSAGE),
        step: advice.step.of(language).to_owned(),
        more: trouble.runs().saturating_sub(runs.len() as u64),
        runs,
    }
}

fn facts(digest: &Digest, language: Language, host: String) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: Both, value: String| facts.push((capitalised(name.of(language)), value));
    let summary = &digest.summary;
    let is_test = digest.occasion == Occasion::Test;
    if let (Some(backlog), false) = (digest.backlog, is_test) {
        let counts = [
            (texts::DUE, summary.runs_due, true),
            (texts::ARCHIVED, summary.runs_archived, true),
            (texts::DELETED, summary.runs_deleted, digest.command == "cleanup"),
            (texts::CUT, summary.logs_truncated, false),
            (texts::FAILED, summary.runs_failed, false),
            (texts::NOT_ATTEMPTED, summary.runs_not_attempted, false),
        ];
        for (name, count, _) in counts.into_iter().filter(|(_, count, always)| *always || *count > 0) {
            add(name, texts::number(language, count));
        }
        add(texts::UPLOADED, texts::size(language, summary.bytes_uploaded));
        add(texts::STAYS, texts::stays(language, backlog.runs as u64, backlog.bytes, backlog.oldest));
    }
    match (digest.occasion, digest.since) {
        (Occasion::Trouble, Some(since)) => add(texts::SINCE, texts::time(language, since)),
        (Occasion::Recovered, Some(since)) => {
            let (from, to) = (texts::time(language, since), texts::time(language, digest.started_at));
            add(texts::LASTED, texts::from_to(language, &from, &to));
        }
        _ => {}
    }
    if !is_test {
        add(texts::EXIT_CODE, exit(digest.exit));
    }
    add(texts::HOST, host);
    add(texts::COMMAND, format!("fastflow-archive {}", digest.command));
    add(texts::STARTED, texts::time(language, digest.started_at));
    if !is_test {
        add(texts::DURATION, texts::duration(language, digest.duration));
    }
    if let Some(head) = &digest.ledger_head {
        add(texts::LEDGER, head.clone());
    }
    facts
}

fn exit(exit: Exit) -> String {
    exit.code().to_string()
}

fn link(digest: &Digest, language: Language) -> Option<(String, String)> {
    let frontend = digest.frontend.as_ref()?;
    let first = digest.causes.iter().flat_map(|cause| &cause.named).next();
    match (digest.occasion, first) {
        (Occasion::Trouble, Some(run)) => {
            Some((texts::OPEN_RUN.of(language).to_owned(), format!("{frontend}/runs/{}", run.id)))
        }
        _ => Some((texts::OPEN_FAST_FLOW.of(language).to_owned(), frontend.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_names_some_runs_and_the_first_the_most() {
        assert_eq!(shares(&[20, 3, 10]), [14, 3, 3]);
        assert_eq!(shares(&[5, 0, 20]), [5, 0, 15]);
        assert_eq!(shares(&[20; 8]), [3, 3, 3, 3, 3, 3, 2, 0]);
        assert_eq!(shares(&[]), [0; 0]);
    }
}
