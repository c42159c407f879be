//! How operators are told: e-mail, Microsoft Teams, monitoring; language and the address of Fast-Flow's web interface.
//!
//! In: the layers. Out: [`Channels`], each channel off, ready, or an error of its own: a channel that cannot be used must
//! not keep the others, or the work, from going on. Addresses of webhooks are secrets: only their hosts are ever shown.

use url::Url;

use super::layers::{Key, Layers, Setting, Source, refused};
use super::smtp::{Smtp, smtp};
use super::webhook::{Webhook, teams};
use crate::error::{Error, Result, Warning};

const NOTIFY_LANG: Key = Key::variable("NOTIFY_LANG");
const FRONTEND_URL: Key = Key::variable("FRONTEND_URL");
const BASE_URL: Key = Key::variable("BASE_URL");

/// The language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// German, as Fast-Flow's own messages.
    German,
    /// English.
    English,
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
        webhook.is_retired().then(|| {
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
