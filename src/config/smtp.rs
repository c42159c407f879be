//! The mail server: where, as whom, to whom, and how protected.
//!
//! In: the layers. Out: [`Smtp`], or `None` where e-mail is off. Half a configuration, and a password in the clear, are errors.

use std::path::PathBuf;

use super::ca_bundle::ca_bundle;
use super::endpoint::is_loopback;
use super::layers::{Key, Layers, Setting, refused};
use super::secret::Secret;
use crate::error::{Error, Kind, Result};

const EMAIL_ENABLED: Key = Key::on_page("EMAIL_ENABLED", "email_enabled");
const SMTP_HOST: Key = Key::on_page("SMTP_HOST", "smtp_host");
const SMTP_PORT: Key = Key::on_page("SMTP_PORT", "smtp_port");
const SMTP_USER: Key = Key::on_page("SMTP_USER", "smtp_user");
const SMTP_PASSWORD: Key = Key::on_page("SMTP_PASSWORD", "smtp_password_encrypted");
const SMTP_FROM: Key = Key::on_page("SMTP_FROM", "smtp_from");
const EMAIL_RECIPIENTS: Key = Key::on_page("EMAIL_RECIPIENTS", "email_recipients");
const SMTP_TLS: Key = Key::variable("SMTP_TLS");
const SMTP_CA_BUNDLE: Key = Key::variable("SMTP_CA_BUNDLE");

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
    pub(super) fn name(self) -> &'static str {
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

/// The mail server, where e-mail is on.
pub(super) fn smtp(layers: &Layers) -> Result<Option<Smtp>> {
    if !layers.boolean(EMAIL_ENABLED, None)?.is_some_and(|enabled| enabled.value) {
        return Ok(None);
    }
    let user = layers.text(SMTP_USER, None);
    let (host, password) = (layers.text(SMTP_HOST, None), layers.secret(SMTP_PASSWORD)?);
    let from = layers.text(SMTP_FROM, None).or_else(|| user.clone().filter(|user| user.value.contains('@')));
    let recipients = layers.list(EMAIL_RECIPIENTS);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::with_environment as layers;

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
