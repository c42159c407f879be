//! Who is told how the call ends, as far as the configuration could be read: people, metrics file, ping.
//!
//! In: the layers as they become known. Out: messages, after the work has let go of lock and databases; what fails here is
//! an error of the report, and makes 0 a 1.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::process::host_name;
use crate::cli::{Cli, NotifyWhen, Typed};
use crate::config::{Channels, Dotenv, Host, Layers, LedgerPlace, Webhook};
use crate::error::{Error, Kind, Result};
use crate::notify::{self, Delivery, Digest, Ping};
use crate::report::Report;
use crate::time::Timestamp;

/// What is known of them.
pub(super) struct Operators {
    channels: Channels,
    ledger: Option<LedgerPlace>,
    when: NotifyWhen,
    metrics_file: Option<PathBuf>,
    ping_url: Option<String>,
    ping: Option<Ping>,
    ends_trouble: bool,
}

impl Operators {
    /// What the process environment alone says.
    pub(super) fn new(cli: &Cli, environment: &BTreeMap<String, String>) -> Operators {
        let monitor = cli.command.monitor();
        let is_narrowed = cli.command.selecting().is_some_and(|given| {
            let selection = given.selection;
            !selection.pipeline.is_empty()
                || !selection.run.is_empty()
                || selection.older_than.is_some()
                || selection.limit.is_some()
        });
        Operators {
            channels: Channels::resolve(&environment_layers(environment)),
            ledger: None,
            when: cli.command.notify(),
            metrics_file: monitor.and_then(|monitor| monitor.metrics_file.clone()),
            ping_url: monitor.and_then(|monitor| monitor.ping_url.clone()),
            ping: None,
            ends_trouble: !is_narrowed,
        }
    }

    /// Pings that the work starts.
    pub(super) fn begin(&mut self, environment: &BTreeMap<String, String>) -> Result<()> {
        let webhook = Webhook::ping(&environment_layers(environment), self.ping_url.as_deref())?;
        self.ping = webhook.map(Ping::start);
        Ok(())
    }

    /// More of the configuration is known.
    pub(super) fn learn(&mut self, layers: &Layers, host: Option<&Host>) {
        self.channels = Channels::resolve(layers);
        self.ledger = host.map(|host| host.ledger.value.clone());
    }

    /// `notify test`: a marked message on each channel.
    pub(super) fn test(&self, report: &mut Report) -> Result<()> {
        self.channels.retired_warning().iter().for_each(|warning| report.warning(warning));
        let deliveries = notify::test(&self.digest(report), &self.channels);
        let off =
            [("email", matches!(self.channels.email, Ok(None))), ("teams", matches!(self.channels.teams, Ok(None)))];
        off.iter().filter(|(_, is_off)| *is_off).for_each(|(channel, _)| report.channel(channel, None));
        for delivery in &deliveries {
            if delivery.delivered {
                report.channel(delivery.channel, Some(&delivery.to));
            }
            delivery.errors.iter().for_each(|error| report.problem(error));
        }
        self.channels.problems().for_each(|problem| report.fatal(problem));
        if off.iter().all(|(_, is_off)| *is_off) {
            return Err(Error::new(Kind::IncompleteConfiguration, "send a test message: no channel is configured")
                .hint("set EMAIL_ENABLED=true and SMTP_HOST, SMTP_FROM, EMAIL_RECIPIENTS, or TEAMS_ENABLED=true and TEAMS_WEBHOOK_URL"));
        }
        Ok(())
    }

    /// Tells everybody how it ended.
    pub(super) fn tell(self, report: &mut Report, now: Timestamp) {
        if self.when != NotifyWhen::Never {
            // A channel that cannot be used is told on the other one.
            self.channels.problems().for_each(|problem| report.problem(problem));
            self.tell_people(report, now);
        }
        if let Some(path) = &self.metrics_file
            && let Err(error) = notify::write_metrics(path, report, now)
        {
            report.problem(&error);
        }
        if let Some(ping) = self.ping {
            let exit = report.exit();
            let warnings = ping.end(exit, &report.summary_json(exit).to_string());
            warnings.iter().for_each(|warning| report.warning(warning));
        }
    }

    fn tell_people(&self, report: &mut Report, now: Timestamp) {
        let (digest, ledger) = (self.digest(report), self.ledger.as_ref());
        let deliveries = notify::tell(&digest, &self.channels, self.when, self.ends_trouble, ledger, now);
        if deliveries.iter().any(|delivery| delivery.channel == "teams") {
            self.channels.retired_warning().iter().for_each(|warning| report.warning(warning));
        }
        let errors = deliveries.iter().flat_map(|Delivery { errors, .. }| errors);
        errors.for_each(|error| report.problem(error));
    }

    fn digest(&self, report: &Report) -> Digest {
        Digest::of(report, host_name(), self.channels.frontend.as_ref().map(|frontend| frontend.value.clone()))
    }
}

fn environment_layers(environment: &BTreeMap<String, String>) -> Layers {
    Layers::new(Typed::default(), environment.clone(), Dotenv::default(), Path::new(".env"))
}
