//! Addresses that messages and pings are posted to, and who may be spoken to.
//!
//! In: the layers. Out: [`Webhook`], or why its address is refused. The address is a secret: no message repeats it.

use url::{Host as UrlHost, Url};

use super::layers::{Key, Layers, Setting, Source, refused};
use super::secret::Secret;
use crate::error::{Error, Kind, Result};

const TEAMS_ENABLED: Key = Key::on_page("TEAMS_ENABLED", "teams_enabled");
const TEAMS_WEBHOOK_URL: Key = Key::on_page("TEAMS_WEBHOOK_URL", "teams_webhook_url");
const TEAMS_ALLOWED_HOSTS: Key = Key::variable("TEAMS_ALLOWED_HOSTS");

/// Hosts of Power Automate workflows, and of what runs there; a host matches with everything below it.
const TEAMS_HOSTS: [&str; 4] =
    ["environment.api.powerplatform.com", "logic.azure.com", "powerautomate.com", "flow.microsoft.com"];
/// Hosts of the connectors that Microsoft retires.
const OLD_TEAMS_HOSTS: [&str; 3] = ["webhook.office.com", "outlook.office.com", "outlook.office365.com"];

/// An address that a message may be posted to.
#[derive(Clone)]
pub struct Webhook {
    /// The address: whoever has it may post there.
    pub url: Secret,
    /// Its host, the part that may be shown.
    pub host: String,
    /// Where it came from.
    pub source: Source,
}

impl Webhook {
    /// Whether it is a connector of the kind that Microsoft retires.
    pub(super) fn is_retired(&self) -> bool {
        is_below(&self.host, &OLD_TEAMS_HOSTS)
    }

    /// The address that monitoring is pinged at, from `--ping-url`.
    pub fn ping(layers: &Layers, typed: Option<&str>) -> Result<Option<Webhook>> {
        let Some(url) = typed.map(str::trim).filter(|url| !url.is_empty()) else { return Ok(None) };
        webhook(layers, "--ping-url", url, layers.option_source("ping_url"), None).map(Some)
    }
}

/// The webhook of Microsoft Teams, where that is on.
pub(super) fn teams(layers: &Layers) -> Result<Option<Webhook>> {
    if !layers.boolean(TEAMS_ENABLED, None)?.is_some_and(|enabled| enabled.value) {
        return Ok(None);
    }
    // The Settings page holds it in the clear; a variable may name a file, as for every secret.
    let found = match layers.raw(TEAMS_WEBHOOK_URL, None) {
        Some(Setting { value, source: source @ Source::SettingsPage(_) }) => {
            Some(Setting { value: Secret::new(value), source })
        }
        _ => layers.secret(Key::variable(TEAMS_WEBHOOK_URL.variable))?,
    };
    let Some(url) = found.filter(|url| !url.value.is_empty()) else {
        let message = format!("use the Teams configuration: `{}` is not set", TEAMS_WEBHOOK_URL.variable);
        return Err(Error::new(Kind::IncompleteConfiguration, message)
            .hint("set it to the address of a Workflows webhook, or TEAMS_ENABLED=false"));
    };
    let more = layers.list(TEAMS_ALLOWED_HOSTS).map(|list| list.value).unwrap_or_default();
    let more: Vec<_> = more.iter().map(|host| host.trim_start_matches(['*', '.']).to_ascii_lowercase()).collect();
    let mut allowed: Vec<&str> = TEAMS_HOSTS.into_iter().chain(OLD_TEAMS_HOSTS).collect();
    allowed.extend(more.iter().map(String::as_str).filter(|host| !host.is_empty()));
    webhook(layers, TEAMS_WEBHOOK_URL.variable, url.value.expose(), url.source, Some(&allowed)).map(Some)
}

/// Whether `host` is one of `suffixes` or below one of them.
fn is_below(host: &str, suffixes: &[&str]) -> bool {
    suffixes.iter().any(|suffix| host.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Judges an address (conventions.md section 7): https, no user, a host of the list; plain http only to a literal loopback
/// address, and only where the tests' variable allows it. Never repeats the address.
fn webhook(layers: &Layers, name: &str, text: &str, source: Source, hosts: Option<&[&str]>) -> Result<Webhook> {
    let refuse = |why: &str, hint: &str| Err(refused(name, &source, why, hint));
    let Ok(url) = Url::parse(text) else { return refuse("it is not a URL", "write it as https://host/path") };
    let is_loopback = match url.host() {
        Some(UrlHost::Ipv4(address)) => address.is_loopback(),
        Some(UrlHost::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    let is_test = url.scheme() == "http" && is_loopback && layers.allows_loopback_webhook();
    if url.scheme() != "https" && !is_test {
        return refuse("it is not https", "write it as https://host/path");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a user name or password", "remove them from the address");
    }
    if let Some(hosts) = hosts.filter(|hosts| !is_test && !is_below(&host, hosts)) {
        let hint = "copy the address that Workflows shows, or add the host to TEAMS_ALLOWED_HOSTS";
        let why = format!("its host `{}` is none of {}", host.escape_debug(), hosts.join(", "));
        return refuse(&why, hint);
    }
    Ok(Webhook { url: Secret::new(url.as_str()), host, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Channels;
    use crate::config::layers::with_environment as layers;

    fn teams_at(url: &str, more: &[(&str, &str)]) -> Result<Option<Webhook>> {
        teams(&layers(&[&[("TEAMS_ENABLED", "true"), ("TEAMS_WEBHOOK_URL", url)], more].concat()))
    }

    const LOOPBACK: (&str, &str) = ("FASTFLOW_ARCHIVE_ALLOW_LOOPBACK_WEBHOOK", "1");

    #[test]
    fn webhooks_of_workflows_and_connectors_are_taken_and_connectors_with_a_warning() {
        for host in TEAMS_HOSTS.into_iter().chain(OLD_TEAMS_HOSTS) {
            for url in [format!("https://{host}/x?sig=s"), format!("https://prod-1.{host}:443/x")] {
                let channels = Channels::resolve(&layers(&[("TEAMS_ENABLED", "true"), ("TEAMS_WEBHOOK_URL", &url)]));
                assert!(channels.teams.as_ref().is_ok_and(Option::is_some), "{url}");
                assert_eq!(channels.retired_warning().is_some(), OLD_TEAMS_HOSTS.contains(&host), "{url}");
            }
        }
    }

    #[test]
    fn other_addresses_are_refused_without_repeating_them() {
        let bad = [
            "http://x.logic.azure.com/hunter2",
            "https://logic.azure.com.evil.example/hunter2",
            "https://evillogic.azure.com.example/hunter2",
            "https://xlogic.azure.com/hunter2",
            "https://user:hunter2@logic.azure.com/",
            "https://logic.azure.com@evil.example/hunter2",
            "https://169.254.169.254/hunter2",
            "https://127.0.0.1/hunter2",
            "http://localhost/hunter2",
            "http://127.0.0.1.evil.example/hunter2",
            "http://[::ffff:127.0.0.1]/hunter2",
            "http://10.0.0.1/hunter2",
            "file:///etc/hunter2",
            "hunter2",
        ];
        for url in bad {
            for more in [&[][..], &[LOOPBACK]] {
                let error = teams_at(url, more).err().unwrap_or_else(|| panic!("{url} is taken"));
                assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            }
        }
    }

    #[test]
    fn loopback_over_http_needs_the_variable_of_the_tests() {
        for url in ["http://127.0.0.1:8080/x", "http://127.8.9.1/x", "http://[::1]:9/x"] {
            assert!(teams_at(url, &[]).is_err());
            assert!(teams_at(url, &[("FASTFLOW_ARCHIVE_ALLOW_LOOPBACK_WEBHOOK", "0")]).is_err());
            assert!(teams_at(url, &[LOOPBACK]).is_ok());
        }
    }

    #[test]
    fn more_hosts_can_be_allowed() {
        let more = [("TEAMS_ALLOWED_HOSTS", "relay.example.org, *.hooks.example.com")];
        assert!(teams_at("https://relay.example.org/x", &more).is_ok());
        assert!(teams_at("https://a.hooks.example.com/x", &more).is_ok());
        assert!(teams_at("https://example.org/x", &more).is_err());
    }
}
