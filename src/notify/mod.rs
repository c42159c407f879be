//! Operators learn of it: report -> one digest -> e-mail, Microsoft Teams; figures for monitoring.
//!
//! In: the report of an invocation that has ended, when lock and databases are closed. Out: what was delivered, and an error
//! for each message that was not. Takes about 40 seconds at most, whatever the servers do. Never decides how the work ended.

mod advice;
mod body;
mod digest;
mod http;
mod letter;
mod mail;
mod monitor;
mod state;
mod teams;
mod texts;

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

pub use digest::{Digest, Occasion};
pub use monitor::{Ping, write_metrics};

use crate::cli::NotifyWhen;
use crate::config::{Channels, LedgerPlace, Smtp, Webhook};
use crate::error::{Error, Kind};
use crate::time::Timestamp;
use letter::Letter;
use state::{Lasting, Memory};

const EMAIL: &str = "email";
const TEAMS: &str = "teams";

/// The same trouble is told again after this: a day, less what a nightly call may start earlier than the night before.
const AGAIN_AFTER: Duration = Duration::from_secs(20 * 3600);
/// When the last second has come, even for a name server that does not answer.
const DEADLINE: Duration = Duration::from_secs(40);

/// What became of one message.
#[derive(Debug)]
pub struct Delivery {
    /// `email` or `teams`.
    pub channel: &'static str,
    /// The recipients, or the host.
    pub to: String,
    /// Whether anybody got it.
    pub delivered: bool,
    /// Whom it did not reach, and why.
    pub errors: Vec<Error>,
}

/// Tells operators what is worth telling: trouble at most once a day, its end once, with `Always` every call.
///
/// `ends_trouble` is whether an invocation without errors says that all is well: one that looked at a part does not.
/// Beside the ledger, at `place`, is the memory of what was told; without it everything is told.
pub fn tell(
    digest: &Digest,
    channels: &Channels,
    when: NotifyWhen,
    ends_trouble: bool,
    place: Option<&LedgerPlace>,
    now: Timestamp,
) -> Vec<Delivery> {
    let memory = Memory::at(place, &digest.host, now);
    let recall = |channel| memory.recall(digest.command, channel);
    let cause = digest.signature();
    let decide = |channel| {
        let last = recall(channel);
        let occasion = occasion(when, digest.occasion, &cause, last.as_ref(), ends_trouble, now);
        (last, occasion)
    };
    let letter = |last: &Option<Lasting>, occasion: Option<Occasion>| {
        let since = match digest.occasion {
            Occasion::Trouble => Some(since(last.as_ref(), &cause, digest.started_at)),
            _ => last.as_ref().map(|last| last.since),
        };
        occasion.map(|occasion| Letter::write(&digest.on(occasion, since), channels.spoken()))
    };
    let (email, teams) = (channels.email.as_ref().ok().and_then(Option::as_ref), channels.teams.as_ref().ok());
    let teams = teams.and_then(Option::as_ref);
    let (mail_last, mail_occasion) = email.map(|_| decide(EMAIL)).unwrap_or_default();
    let (teams_last, teams_occasion) = teams.map(|_| decide(TEAMS)).unwrap_or_default();
    let deliveries = deliver(
        email.zip(letter(&mail_last, mail_occasion)),
        teams.zip(letter(&teams_last, teams_occasion)),
        &digest.host,
    );
    let channels = [(EMAIL, email.is_some(), mail_last), (TEAMS, teams.is_some(), teams_last)];
    for (channel, _, last) in channels.into_iter().filter(|(_, is_on, _)| *is_on && when != NotifyWhen::Never) {
        let told = deliveries.iter().find(|delivery| delivery.channel == channel).map(|delivery| delivery.delivered);
        match digest.occasion {
            Occasion::Trouble => {
                let before = last.as_ref().filter(|last| last.cause == cause).and_then(|last| last.sent_at);
                let sent_at = if told == Some(true) { Some(now) } else { before };
                let since = since(last.as_ref(), &cause, digest.started_at);
                memory.remember(digest.command, channel, &Lasting { cause: cause.clone(), since, sent_at });
            }
            _ if ends_trouble && last.is_some() && told != Some(false) => memory.forget(digest.command, channel),
            _ => {}
        }
    }
    deliveries
}

/// Sends a marked message on each channel that is ready.
pub fn test(digest: &Digest, channels: &Channels) -> Vec<Delivery> {
    let letter = || Letter::write(&digest.on(Occasion::Test, None), channels.spoken());
    let email = channels.email.as_ref().ok().and_then(Option::as_ref).map(|smtp| (smtp, letter()));
    let teams = channels.teams.as_ref().ok().and_then(Option::as_ref).map(|webhook| (webhook, letter()));
    deliver(email, teams, &digest.host)
}

fn since(last: Option<&Lasting>, cause: &str, now: Timestamp) -> Timestamp {
    last.filter(|last| last.cause == cause).map_or(now, |last| last.since)
}

/// What a channel is told, if anything.
fn occasion(
    when: NotifyWhen,
    occasion: Occasion,
    cause: &str,
    last: Option<&Lasting>,
    ends_trouble: bool,
    now: Timestamp,
) -> Option<Occasion> {
    let was_told = last.filter(|last| last.cause == cause).and_then(|last| last.sent_at);
    match (when, occasion) {
        (NotifyWhen::Never, _) => None,
        (NotifyWhen::Failure, Occasion::Trouble) if was_told.is_some_and(|at| now.since(at) < AGAIN_AFTER) => None,
        (_, Occasion::Done) if ends_trouble && last.is_some_and(|last| last.sent_at.is_some()) => {
            Some(Occasion::Recovered)
        }
        (NotifyWhen::Failure, Occasion::Done) => None,
        (_, occasion) => Some(occasion),
    }
}

/// Sends on both channels at the same time. A signal, or the deadline, ends it.
fn deliver(email: Option<(&Smtp, Letter)>, teams: Option<(&Webhook, Letter)>, host: &str) -> Vec<Delivery> {
    if email.is_none() && teams.is_none() {
        return Vec::new();
    }
    let pending: Vec<_> =
        [email.as_ref().map(|_| EMAIL), teams.as_ref().map(|_| TEAMS)].into_iter().flatten().collect();
    let lost = |why: String| {
        let lose = |channel| {
            let error = Error::new(Kind::NotificationFailed, format!("send the message by {channel}: {why}"));
            Delivery { channel, to: String::new(), delivered: false, errors: vec![error] }
        };
        pending.iter().copied().map(lose).collect()
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return lost(error.to_string()),
    };
    let deliveries = runtime.block_on(async {
        let stopped = stopped();
        let teams = teams.map(|(webhook, letter)| {
            let webhook = webhook.clone();
            tokio::task::spawn_blocking(move || teams::send(&webhook, &letter))
        });
        let mail = async {
            match &email {
                Some((smtp, letter)) => Some(mail::send(smtp, letter, host).await),
                None => None,
            }
        };
        let post = async {
            match teams {
                Some(teams) => teams.await.ok(),
                None => None,
            }
        };
        tokio::select! {
            (mail, post) = async { tokio::join!(mail, post) } => mail.into_iter().chain(post).collect(),
            () = stopped => lost("stopped by a signal".to_owned()),
            () = tokio::time::sleep(DEADLINE) => lost(format!("not done within {} s", DEADLINE.as_secs())),
        }
    });
    // What still hangs, hangs alone.
    runtime.shutdown_background();
    deliveries
}

/// Returns when somebody wants the process to end; listens from the call on.
fn stopped() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match signals {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            _ => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_told_once_a_day_another_at_once_and_the_end_once() {
        let day = |hours: i64| Timestamp::from_micros(hours * 3_600_000_000);
        let told = |cause: &str, hours| Lasting { cause: cause.into(), since: day(0), sent_at: hours };
        let ask = |when, done, last: Option<&Lasting>, ends, hours| {
            let now = if done { Occasion::Done } else { Occasion::Trouble };
            occasion(when, now, "a", last, ends, day(hours))
        };
        use NotifyWhen::{Always, Failure, Never};
        let (same, other, untold) = (told("a", Some(day(100))), told("b", Some(day(100))), told("a", None));
        assert_eq!(ask(Failure, false, None, true, 101), Some(Occasion::Trouble));
        assert_eq!(ask(Failure, false, Some(&same), true, 119), None);
        assert_eq!(ask(Failure, false, Some(&same), true, 120), Some(Occasion::Trouble));
        assert_eq!(ask(Failure, false, Some(&other), true, 101), Some(Occasion::Trouble));
        assert_eq!(ask(Failure, false, Some(&untold), true, 101), Some(Occasion::Trouble));
        assert_eq!(ask(Always, false, Some(&same), true, 101), Some(Occasion::Trouble));
        assert_eq!(ask(Failure, true, Some(&same), true, 101), Some(Occasion::Recovered));
        assert_eq!(ask(Failure, true, Some(&same), false, 101), None, "only a part was looked at");
        assert_eq!(ask(Failure, true, Some(&untold), true, 101), None, "nobody knew");
        assert_eq!(ask(Failure, true, None, true, 101), None);
        assert_eq!(ask(Always, true, None, true, 101), Some(Occasion::Done));
        assert_eq!(ask(Never, false, None, true, 101), None);
        assert_eq!(ask(Never, true, Some(&same), true, 101), None);
    }

    #[test]
    fn trouble_lasts_since_it_was_first_seen() {
        let (then, now) = (Timestamp::from_micros(1), Timestamp::from_micros(2));
        let last = Lasting { cause: "a".into(), since: then, sent_at: None };
        assert_eq!(since(Some(&last), "a", now), then);
        assert_eq!(since(Some(&last), "b", now), now);
        assert_eq!(since(None, "a", now), now);
    }
}
