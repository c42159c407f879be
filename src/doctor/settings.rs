//! What is configured: settings and their sources, retention, channels, and whether Fast-Flow's own cleanup is faster.
//!
//! In: resolved settings. Out: checks. Sends nothing.

use std::collections::BTreeMap;

use super::check::Check;
use crate::config::{Channels, OwnCleanup, Retention, Setting, Smtp, SmtpTls, Source, Webhook};
use crate::error::{Error, Result, Warning};
use crate::time::{self, days_and_less};

/// Lines of `.env` that cannot be parsed; `None` where there are none.
pub fn env_file(warnings: &[Warning]) -> Option<Check> {
    let first = warnings.first()?;
    let more = match warnings.len() {
        1 => String::new(),
        count => format!(" (and {} more lines)", count - 1),
    };
    let hint = "Fast-Flow leaves such lines out, too; write NAME=value, with quotes around white space";
    Some(Check::warning("env_file", format!("{}{more}", first.message), hint))
}

/// How many settings there are, and where they come from.
pub fn configuration(listing: &[(&'static str, String, Source)]) -> Check {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (_, _, source) in listing {
        let place = match source {
            Source::Flag(_) | Source::FlagVariable(_) => "options".to_owned(),
            Source::SettingsPage(_) => "the Settings page".to_owned(),
            Source::Environment(_) => "the environment".to_owned(),
            Source::EnvFile(path, ..) => format!("`{}`", path.display()),
            Source::Default => continue,
        };
        *places.entry(place).or_default() += 1;
    }
    let set: usize = places.values().sum();
    let mut parts: Vec<String> = places.iter().map(|(place, count)| format!("{count} from {place}")).collect();
    parts.push(format!("{} by default", listing.len() - set));
    Check::ok("configuration", format!("{} settings: {} (-v shows each)", listing.len(), parts.join(", ")))
}

/// What is kept.
pub fn retention(retention: &Retention) -> Check {
    let mut kept = Vec::new();
    kept.extend(retention.days.value.map(|days| days_and_less(time::days(days))));
    kept.extend(retention.runs.value.map(|runs| format!("the newest {runs} runs of each pipeline")));
    kept.extend(retention.log_max_size.value.map(|size| format!("logs up to {size}")));
    if kept.is_empty() {
        let message = "no retention rule is set anywhere: nothing is ever due";
        return Check::warning("retention", message, "set LOG_RETENTION_DAYS or LOG_RETENTION_RUNS");
    }
    Check::ok("retention", format!("kept: {}", kept.join("; ")))
}

/// Whether Fast-Flow's own cleanup takes what this tool should archive.
pub fn fast_flow_cleanup(own: &OwnCleanup, ours: &Retention) -> Check {
    const NAME: &str = "fast_flow_cleanup";
    let megabytes = ours.log_max_size.value.map(|size| size.0 >> 20);
    let rules = [
        ("LOG_RETENTION_DAYS", &own.days, ours.days.value),
        ("LOG_RETENTION_RUNS", &own.runs, ours.runs.value),
        ("LOG_MAX_SIZE_MB", &own.log_max_size_mb, megabytes),
    ];
    let is_faster = |own: &Setting<u64>, ours: Option<u64>| ours.is_none_or(|ours| own.value <= ours);
    let faster: Vec<_> = rules
        .iter()
        .filter_map(|(name, own, ours)| Some((name, own.as_ref().filter(|own| is_faster(own, *ours))?)))
        .map(|(name, own)| format!("{name}={} ({})", own.value, own.source))
        .collect();
    if faster.is_empty() {
        let message = if rules.iter().any(|(_, own, _)| own.is_some()) {
            "Fast-Flow's own cleanup keeps runs longer than this tool"
        } else {
            "Fast-Flow's own cleanup has no retention set"
        };
        return Check::ok(NAME, message);
    }
    let faster = faster.join(", ");
    let hint = "clear that setting for Fast-Flow, or make it longer, and give yours to this tool alone, for example \
                FASTFLOW_ARCHIVE_LOG_RETENTION_DAYS=30 in its crontab";
    if own.backs_up {
        let what = "sends runs to S3 in its own way, without proof, before this tool sees them";
        Check::warning(NAME, format!("Fast-Flow's own cleanup goes by {faster} and {what}"), hint)
    } else {
        let what = "its S3 backup is off: it deletes runs before they are archived";
        Check::problem(NAME, format!("Fast-Flow's own cleanup goes by {faster}, and {what}"), hint)
    }
}

/// Whether anybody would be told; no message is sent.
pub fn notifications(channels: &Channels) -> Vec<Check> {
    if let (Ok(None), Ok(None)) = (&channels.email, &channels.teams) {
        let message = "no channel is configured: nobody is told when something goes wrong";
        let hint = "set EMAIL_ENABLED=true and SMTP_*, or TEAMS_ENABLED=true and TEAMS_WEBHOOK_URL";
        return vec![Check::warning("notifications", message, hint)];
    }
    let mut checks = vec![
        channel("email", &channels.email, |smtp: &Smtp| {
            let tls = match smtp.tls.value {
                SmtpTls::Implicit => "TLS",
                SmtpTls::StartTls => "STARTTLS",
                SmtpTls::Plain => "no TLS",
            };
            let (host, port) = (&smtp.host.value, smtp.port.value);
            format!("to {} through {host}:{port} ({tls})", smtp.recipients.value.join(", "))
        }),
        channel("teams", &channels.teams, |webhook: &Webhook| format!("a webhook on {}", webhook.host)),
    ];
    if let Some(retired) = channels.retired_warning() {
        checks.push(Check::warning("teams_connector", retired.message, "the old kind stops to work one day"));
    }
    checks.extend(channels.language.as_ref().err().map(|error| Check::failed("notify_lang", error)));
    checks
}

fn channel<T>(name: &'static str, channel: &Result<Option<T>, Error>, shown: impl Fn(&T) -> String) -> Check {
    match channel {
        Ok(Some(ready)) => Check::ok(name, format!("{}; `notify test` tries it", shown(ready))),
        Ok(None) => Check::ok(name, "off"),
        Err(error) => Check::failed(name, error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Verdict;
    use super::*;

    fn own(days: Option<u64>, backs_up: bool) -> OwnCleanup {
        let set = |value| Setting { value, source: Source::Environment("LOG_RETENTION_DAYS".into()) };
        OwnCleanup { runs: None, days: days.map(set), log_max_size_mb: None, backs_up }
    }

    fn ours(days: Option<u64>) -> Retention {
        Retention {
            runs: Setting::default(None),
            days: Setting::default(days),
            log_max_size: Setting::default(None),
            min_age: Setting::default(Duration::from_secs(600)),
        }
    }

    #[test]
    fn no_rule_at_all_is_a_warning() {
        assert_eq!(retention(&ours(None)).verdict, Verdict::Warning);
        let check = retention(&ours(Some(30)));
        assert_eq!((check.verdict, check.message.as_str()), (Verdict::Ok, "kept: 30 days"));
    }

    #[test]
    fn lines_that_cannot_be_parsed_are_one_warning_that_counts_them() {
        let warnings = [2, 5, 9].map(|line| Warning::new("dotenv_line", format!("line {line} of `.env`")));
        let message = |warnings| env_file(warnings).map(|check| check.message);
        assert_eq!(message(&[]), None);
        assert_eq!(message(&warnings[..1]).as_deref(), Some("line 2 of `.env`"));
        assert_eq!(message(&warnings).as_deref(), Some("line 2 of `.env` (and 2 more lines)"));
    }

    #[test]
    fn only_the_same_or_a_shorter_retention_of_fast_flow_is_in_the_way() {
        let verdict = |own: &OwnCleanup, days| fast_flow_cleanup(own, &ours(days)).verdict;
        assert_eq!(verdict(&own(None, false), Some(30)), Verdict::Ok);
        assert_eq!(verdict(&own(Some(31), false), Some(30)), Verdict::Ok);
        assert_eq!(verdict(&own(Some(30), false), Some(30)), Verdict::Problem);
        assert_eq!(verdict(&own(Some(30), true), Some(30)), Verdict::Warning);
        assert_eq!(verdict(&own(Some(90), false), None), Verdict::Problem, "we keep for ever");
    }
}
