//! How operators are told: e-mail, Microsoft Teams, monitoring; language and the address of Fast-Flow's web interface.
//!
//! In: the layers. Out: [`Channels`], each channel off, ready, or an error of its own: a channel that cannot be used must
//! not keep the others, or the work, from going on. Addresses of webhooks are secrets: only their hosts are ever shown.

use std::path::PathBuf;

use url::{Host as UrlHost, Url};

use super::archive::{ca_bundle, is_loopback};
use super::layers::{Key, Layers, Setting, Source};
use super::secret::Secret;
use crate::error::{Error, Kind, Result, Warning};

const fn key(variable: &'static str, column: &'static str) -> Key {
    Key { variable, option: None, column: Some(column) }
}

const EMAIL_ENABLED: Key = key("EMAIL_ENABLED", "email_enabled");
const SMTP_HOST: Key = key("SMTP_HOST", "smtp_host");
const SMTP_PORT: Key = key("SMTP_PORT", "smtp_port");
const SMTP_USER: Key = key("SMTP_USER", "smtp_user");
const SMTP_PASSWORD: Key = key("SMTP_PASSWORD", "smtp_password_encrypted");
const SMTP_FROM: Key = key("SMTP_FROM", "smtp_from");
const EMAIL_RECIPIENTS: Key = key("EMAIL_RECIPIENTS", "email_recipients");
const SMTP_TLS: Key = Key::variable("SMTP_TLS");
const SMTP_CA_BUNDLE: Key = Key::variable("SMTP_CA_BUNDLE");
const TEAMS_ENABLED: Key = key("TEAMS_ENABLED", "teams_enabled");
const TEAMS_WEBHOOK_URL: Key = key("TEAMS_WEBHOOK_URL", "teams_webhook_url");
const TEAMS_ALLOWED_HOSTS: Key = Key::variable("TEAMS_ALLOWED_HOSTS");
const NOTIFY_LANG: Key = Key::variable("NOTIFY_LANG");
const FRONTEND_URL: Key = Key::variable("FRONTEND_URL");
const BASE_URL: Key = Key::variable("BASE_URL");

/// Hosts of Power Automate workflows, and of what runs there; a host matches with everything below it.
const TEAMS_HOSTS: [&str; 4] =
    ["environment.api.powerplatform.com", "logic.azure.com", "powerautomate.com", "flow.microsoft.com"];
/// Hosts of the connectors that Microsoft retires.
const OLD_TEAMS_HOSTS: [&str; 3] = ["webhook.office.com", "outlook.office.com", "outlook.office365.com"];

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// German, as Fast-Flow's own messages.
    German,
    /// English.
    English,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte.
    Implicit,
    /// STARTTLS, required.
    StartTls,
    /// Not at all.
    Plain,
}

impl SmtpTls {
    fn name(self) -> &'static str {
        match self {
            SmtpTls::Implicit => "implicit",
            SmtpTls::StartTls => "starttls",
            SmtpTls::Plain => "none",
        }
    }
}

/// A complete e-mail configuration.
pub struct Smtp {
    /// The server.
    pub host: Setting<String>,
    /// Its port.
    pub port: Setting<u16>,
    /// How the connection is protected.
    pub tls: Setting<SmtpTls>,
    /// User and password; `None`: no AUTH.
    pub login: Option<(Setting<String>, Setting<Secret>)>,
    /// The sender's address.
    pub from: Setting<String>,
    /// The recipients' addresses, at least one.
    pub recipients: Setting<Vec<String>>,
    /// Certificates that are trusted beside the system's: path and PEM bytes.
    pub ca_bundle: Option<(Setting<PathBuf>, Vec<u8>)>,
}

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

/// Every way to tell operators; a channel that is off is `Ok(None)`.
pub struct Channels {
    /// E-mail.
    pub email: Result<Option<Smtp>>,
    /// Microsoft Teams.
    pub teams: Result<Option<Webhook>>,
    /// The language of the messages.
    pub language: Result<Setting<Language>>,
    /// Where Fast-Flow's web interface is, without a slash at the end; `None`: messages hold no links.
    pub frontend: Option<Setting<String>>,
}

impl Channels {
    /// Resolves each channel for itself.
    pub fn resolve(layers: &Layers) -> Channels {
        Channels { email: smtp(layers), teams: teams(layers), language: language(layers), frontend: frontend(layers) }
    }

    /// What is wrong with them.
    pub fn problems(&self) -> impl Iterator<Item = &Error> {
        let (email, teams, language) = (self.email.as_ref(), self.teams.as_ref(), self.language.as_ref());
        email.err().into_iter().chain(teams.err()).chain(language.err())
    }

    /// The language, German where the setting is wrong.
    pub fn spoken(&self) -> Language {
        self.language.as_ref().map_or(Language::German, |language| language.value)
    }

    /// A webhook of the kind that Microsoft retires.
    pub fn retired_warning(&self) -> Option<Warning> {
        let webhook = self.teams.as_ref().ok()?.as_ref()?;
        is_below(&webhook.host, &OLD_TEAMS_HOSTS).then(|| {
            let message = format!(
                "the Teams webhook on {} is a connector that Microsoft retires; make one with Workflows ({})",
                webhook.host, webhook.source
            );
            Warning::new("teams_connector_retired", message)
        })
    }

    /// Name, shown value and source of every setting, secrets as `set`, webhooks as their host.
    pub(super) fn listing(&self) -> Vec<(&'static str, String, Source)> {
        let mut list = Vec::new();
        match &self.email {
            Ok(None) => list.push(("email-enabled", "false".to_owned(), Source::Default)),
            Err(error) => list.push(("email-enabled", format!("failed to {error}"), Source::Default)),
            Ok(Some(smtp)) => {
                list.push(("smtp-host", smtp.host.value.clone(), smtp.host.source.clone()));
                list.push(("smtp-port", smtp.port.value.to_string(), smtp.port.source.clone()));
                list.push(("smtp-tls", smtp.tls.value.name().to_owned(), smtp.tls.source.clone()));
                if let Some((user, password)) = &smtp.login {
                    list.push(("smtp-user", user.value.clone(), user.source.clone()));
                    list.push(("smtp-password", "set".to_owned(), password.source.clone()));
                }
                if let Some((path, _)) = &smtp.ca_bundle {
                    list.push(("smtp-ca-bundle", path.value.display().to_string(), path.source.clone()));
                }
                list.push(("smtp-from", smtp.from.value.clone(), smtp.from.source.clone()));
                list.push(("email-recipients", smtp.recipients.value.join(", "), smtp.recipients.source.clone()));
            }
        }
        match &self.teams {
            Ok(None) => list.push(("teams-enabled", "false".to_owned(), Source::Default)),
            Err(error) => list.push(("teams-enabled", format!("failed to {error}"), Source::Default)),
            Ok(Some(webhook)) => list.push(("teams-webhook-host", webhook.host.clone(), webhook.source.clone())),
        }
        if let Ok(language) = &self.language {
            let name = if language.value == Language::German { "de" } else { "en" };
            list.push(("notify-lang", name.to_owned(), language.source.clone()));
        }
        if let Some(frontend) = &self.frontend {
            list.push(("frontend-url", frontend.value.clone(), frontend.source.clone()));
        }
        list
    }
}

impl Webhook {
    /// The address that monitoring is pinged at, from `--ping-url`.
    pub fn ping(layers: &Layers, typed: Option<&str>) -> Result<Option<Webhook>> {
        let Some(url) = typed.map(str::trim).filter(|url| !url.is_empty()) else { return Ok(None) };
        webhook(layers, "--ping-url", url, layers.option_source("ping_url"), None).map(Some)
    }
}

fn refused(name: &str, source: &Source, why: &str, hint: impl Into<String>) -> Error {
    Error::new(Kind::InvalidSetting, format!("use `{name}` ({source}): {why}")).hint(hint)
}

fn language(layers: &Layers) -> Result<Setting<Language>> {
    let Some(setting) = layers.text(NOTIFY_LANG, None) else { return Ok(Setting::default(Language::German)) };
    match setting.value.to_ascii_lowercase().as_str() {
        "de" => Ok(setting.map(|_| Language::German)),
        "en" => Ok(setting.map(|_| Language::English)),
        _ => Err(refused(NOTIFY_LANG.variable, &setting.source, "there is no such language", "write de or en")),
    }
}

fn frontend(layers: &Layers) -> Option<Setting<String>> {
    let setting = layers.text(FRONTEND_URL, None).or_else(|| layers.text(BASE_URL, None))?;
    let url = Url::parse(&setting.value).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(setting.map(|_| url.as_str().trim_end_matches('/').to_owned()))
}

fn smtp(layers: &Layers) -> Result<Option<Smtp>> {
    if !layers.boolean(EMAIL_ENABLED, None)?.is_some_and(|enabled| enabled.value) {
        return Ok(None);
    }
    let user = layers.text(SMTP_USER, None);
    let (host, password) = (layers.text(SMTP_HOST, None), layers.secret(SMTP_PASSWORD)?);
    let from = layers.text(SMTP_FROM, None).or_else(|| user.clone().filter(|user| user.value.contains('@')));
    let recipients = layers.text(EMAIL_RECIPIENTS, None).map(|list| list.map(|list| addresses(&list)));
    let missing = [
        host.is_none().then_some(SMTP_HOST),
        from.is_none().then_some(SMTP_FROM),
        (user.is_some() && password.is_none()).then_some(SMTP_PASSWORD),
        recipients.as_ref().is_none_or(|list| list.value.is_empty()).then_some(EMAIL_RECIPIENTS),
    ];
    let missing: Vec<_> = missing.iter().flatten().map(|key| format!("`{}`", key.variable)).collect();
    let (Some(host), Some(from), Some(recipients), true) = (host, from, recipients, missing.is_empty()) else {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let message = format!("use the e-mail configuration: {} {verb} not set", missing.join(", "));
        return Err(Error::new(Kind::IncompleteConfiguration, message)
            .hint("set what is missing (Settings page, environment or .env), or EMAIL_ENABLED=false"));
    };
    let port = match layers.text(SMTP_PORT, None) {
        None => Setting::default(587),
        Some(port) => match port.value.parse::<u16>() {
            Ok(number) if number > 0 => port.map(|_| number),
            _ => return Err(refused(SMTP_PORT.variable, &port.source, "it is not a port", "465, 587 or 25 are usual")),
        },
    };
    let tls = match layers.text(SMTP_TLS, None) {
        None => Setting::default(match port.value {
            465 => SmtpTls::Implicit,
            587 => SmtpTls::StartTls,
            _ => SmtpTls::Plain,
        }),
        Some(tls) => match tls.value.to_ascii_lowercase().as_str() {
            "implicit" => tls.map(|_| SmtpTls::Implicit),
            "starttls" => tls.map(|_| SmtpTls::StartTls),
            "none" => tls.map(|_| SmtpTls::Plain),
            _ => {
                return Err(refused(
                    SMTP_TLS.variable,
                    &tls.source,
                    "it is unknown",
                    "write implicit, starttls or none",
                ));
            }
        },
    };
    let login = user.zip(password);
    if let (Some((user, _)), SmtpTls::Plain, false) = (&login, tls.value, is_loopback(&host.value)) {
        let why = "a password would travel in the clear";
        let hint = "set SMTP_TLS=starttls or implicit (or port 587 or 465), or remove SMTP_USER";
        return Err(refused(SMTP_USER.variable, &user.source, why, hint));
    }
    Ok(Some(Smtp { host, port, tls, login, from, recipients, ca_bundle: ca_bundle(layers, &[SMTP_CA_BUNDLE])? }))
}

fn addresses(list: &str) -> Vec<String> {
    list.split([',', ';']).map(str::trim).filter(|address| !address.is_empty()).map(str::to_owned).collect()
}

fn teams(layers: &Layers) -> Result<Option<Webhook>> {
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
    let more = layers.text(TEAMS_ALLOWED_HOSTS, None).map(|list| addresses(&list.value)).unwrap_or_default();
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
    use crate::cli::Typed;
    use crate::config::Dotenv;

    fn layers(variables: &[(&str, &str)]) -> Layers {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Layers::new(Typed::default(), environment, Dotenv::default(), std::path::Path::new(".env"))
    }

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

    fn mail(more: &[(&str, &str)]) -> Result<Option<Smtp>> {
        let base = [("EMAIL_ENABLED", "True"), ("SMTP_HOST", "mail.example.org"), ("SMTP_FROM", "a@example.org")];
        smtp(&layers(&[&base[..], &[("EMAIL_RECIPIENTS", "b@example.org, c@example.org")], more].concat()))
    }

    #[test]
    fn the_port_decides_how_a_connection_is_protected_and_smtp_tls_overrides() {
        let tls = |more: &[(&str, &str)]| mail(more).map(|smtp| smtp.map(|smtp| smtp.tls.value)).unwrap();
        assert_eq!(tls(&[]), Some(SmtpTls::StartTls));
        assert_eq!(tls(&[("SMTP_PORT", "465")]), Some(SmtpTls::Implicit));
        assert_eq!(tls(&[("SMTP_PORT", "25")]), Some(SmtpTls::Plain));
        assert_eq!(tls(&[("SMTP_PORT", "25"), ("SMTP_TLS", "STARTTLS")]), Some(SmtpTls::StartTls));
        assert!(mail(&[("SMTP_TLS", "maybe")]).is_err() && mail(&[("SMTP_PORT", "0")]).is_err());
    }

    #[test]
    fn a_password_is_never_sent_in_the_clear_but_to_loopback() {
        let login = [("SMTP_USER", "u"), ("SMTP_PASSWORD", "hunter2"), ("SMTP_TLS", "none")];
        let error = mail(&login).err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(mail(&[&login[..], &[("SMTP_HOST", "127.0.0.1")]].concat()).is_ok());
    }

    #[test]
    fn half_a_configuration_names_what_is_missing() {
        let error = smtp(&layers(&[("EMAIL_ENABLED", "true"), ("SMTP_USER", "u")])).err().unwrap();
        for name in ["SMTP_HOST", "SMTP_FROM", "SMTP_PASSWORD", "EMAIL_RECIPIENTS"] {
            assert!(error.message().contains(name), "{error}");
        }
        assert!(smtp(&layers(&[("SMTP_HOST", "h")])).unwrap().is_none());
    }
}
