//! E-mail: one message for all recipients; what a server refuses for one of them is not lost for the others.
//!
//! In: [`Smtp`] settings and a [`Letter`]. Out: who got it, and an error for each who did not. Speaks SMTP step by step,
//! because lettre's own transport gives the whole message up when one recipient is refused.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};

use super::Delivery;
use super::body;
use super::letter::Letter;
use crate::config::{Smtp, SmtpTls};
use crate::error::{Error, Kind, Result};
use crate::printable::printable;

/// For connecting, and for each answer; the whole has [`IN_ALL`].
const PER_ANSWER: Duration = Duration::from_secs(20);
const IN_ALL: Duration = Duration::from_secs(30);
/// Pauses before another try, where the server was not reached or asks for patience.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Sends it, with all that is needed to reach the server, within 30 seconds.
pub(super) async fn send(smtp: &Smtp, letter: &Letter, host: &str) -> Delivery {
    let to = smtp.recipients.value.join(", ");
    let sent = tokio::time::timeout(IN_ALL, send_patiently(smtp, letter, host)).await.unwrap_or_else(|_| {
        let message = format!("{}: no answer within {} s", context(smtp), IN_ALL.as_secs());
        Err(Error::new(Kind::NotificationFailed, message).hint(hint()))
    });
    match sent {
        Ok(refused) => {
            let delivered = refused.len() < smtp.recipients.value.len();
            Delivery { channel: super::EMAIL, to, delivered, errors: refused }
        }
        Err(error) => Delivery { channel: super::EMAIL, to, delivered: false, errors: vec![error] },
    }
}

fn context(smtp: &Smtp) -> String {
    format!("send the e-mail through `{}:{}`", printable(&smtp.host.value), smtp.port.value)
}

fn hint() -> &'static str {
    "check SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USER and the server's log; `notify test` tries again"
}

/// A try that failed, and whether another may help: never once the server has seen the message.
struct Failed {
    error: Error,
    is_worth_another: bool,
}

async fn send_patiently(smtp: &Smtp, letter: &Letter, host: &str) -> Result<Vec<Error>> {
    let (from, recipients, mut refused) = parties(smtp)?;
    let message = message(letter, from.clone(), &recipients, host)?;
    let mut pauses = PAUSES.into_iter();
    loop {
        match transmit(smtp, &from.email, &recipients, &message, host).await {
            Ok(more) => {
                refused.extend(more);
                return Ok(refused);
            }
            Err(Failed { error, is_worth_another }) => match pauses.next().filter(|_| is_worth_another) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            },
        }
    }
}

/// Sender, recipients, and an error for each address that is none.
fn parties(smtp: &Smtp) -> Result<(Mailbox, Vec<Mailbox>, Vec<Error>)> {
    let parse = |name: &str, text: &str| {
        text.parse::<Mailbox>().map_err(|error| {
            let context = format!("use `{}` of `{name}` as an address", printable(text));
            Error::caused(Kind::NotificationFailed, context, error).hint("write it as name@example.org")
        })
    };
    let from = parse("SMTP_FROM", &smtp.from.value)?;
    let (mut recipients, mut refused) = (Vec::new(), Vec::new());
    for text in &smtp.recipients.value {
        match parse("EMAIL_RECIPIENTS", text) {
            Ok(mailbox) => recipients.push(mailbox),
            Err(error) => refused.push(error),
        }
    }
    if recipients.is_empty() && refused.len() == 1 {
        return Err(refused.remove(0));
    }
    Ok((from, recipients, refused))
}

fn message(letter: &Letter, from: Mailbox, recipients: &[Mailbox], host: &str) -> Result<Vec<u8>> {
    let unique = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    let id = format!("<{unique:x}.{}@{}>", std::process::id(), client_id(host));
    let raw =
        |name: &'static str, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
    let builder = recipients.iter().fold(Message::builder().from(from), |builder, to| builder.to(to.clone()));
    let message = builder
        .subject(&letter.subject)
        .message_id(Some(id))
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"))
        .multipart(MultiPart::alternative_plain_html(body::text(letter), body::html(letter)))
        .map_err(|error| Error::caused(Kind::NotificationFailed, "write the e-mail", error))?;
    Ok(message.formatted())
}

/// What we call ourselves: the host's name where it can stand in a command.
fn client_id(host: &str) -> ClientId {
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    ClientId::Domain(if is_name { host.to_owned() } else { "localhost".to_owned() })
}

/// Whether TLS failed: a certificate is no better a second later. What rustls says hides in an I/O error.
fn is_tls(error: &SmtpError) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let is_rustls = |cause: &(dyn StdError + 'static)| {
        let hidden = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause.is::<rustls::Error>() || hidden.is_some_and(|hidden| hidden.is::<rustls::Error>())
    };
    error.is_tls() || causes.any(is_rustls)
}

async fn transmit(
    smtp: &Smtp,
    from: &Address,
    recipients: &[Mailbox],
    message: &[u8],
    host: &str,
) -> Result<Vec<Error>, Failed> {
    let failed = |error: SmtpError| {
        let is_worth_another = !error.is_permanent() && !error.is_client() && !is_tls(&error);
        // lettre's text holds its causes already.
        let message = format!("{}: {}", context(smtp), printable(&error.to_string()));
        Failed { error: Error::new(Kind::NotificationFailed, message).hint(hint()), is_worth_another }
    };
    let tls = || {
        let builder = TlsParameters::builder(smtp.host.value.clone());
        let builder = match &smtp.ca_bundle {
            Some((_, pem)) => builder.add_root_certificate(Certificate::from_pem(pem)?),
            None => builder,
        };
        builder.build()
    };
    let name = client_id(host);
    let implicit = (smtp.tls.value == SmtpTls::Implicit).then(tls).transpose().map_err(failed)?;
    let address = (smtp.host.value.as_str(), smtp.port.value);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, Some(PER_ANSWER), &name, implicit, None).await.map_err(failed)?;
    if smtp.tls.value == SmtpTls::StartTls {
        connection.starttls(tls().map_err(failed)?, &name).await.map_err(failed)?;
    }
    if let Some((user, password)) = &smtp.login {
        let credentials = Credentials::new(user.value.clone(), password.value.expose().to_owned());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(failed)?;
    }
    connection.command(Mail::new(Some(from.clone()), Vec::new())).await.map_err(failed)?;
    let mut refused = Vec::new();
    for recipient in recipients {
        if let Err(error) = connection.command(Rcpt::new(recipient.email.clone(), Vec::new())).await {
            if connection.has_broken() || error.status().is_none() {
                return Err(failed(error));
            }
            let (to, why) = (recipient.email.to_string(), error.to_string());
            let message = format!("send the e-mail to `{}`: {}", printable(&to), printable(&why));
            refused.push(Error::new(Kind::NotificationFailed, message).hint("check EMAIL_RECIPIENTS"));
        }
    }
    if refused.len() < recipients.len() {
        connection.command(Data).await.map_err(failed)?;
        let sent = connection.message(message).await;
        sent.map_err(|error| Failed { is_worth_another: false, ..failed(error) })?;
    }
    // The message is accepted by now, whatever the server says to this.
    connection.abort().await;
    Ok(refused)
}
