//! The places a value can come from, in their order: flag, Settings page, process environment, `.env`, default.
//!
//! In: what was typed, the Settings page row, the environment, the parsed `.env`. Out: a [`Setting`]: the value and its
//! [`Source`]. Judges nothing but the texts' shape (numbers, booleans).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::dotenv::Dotenv;
use super::secret::Secret;
use super::settings::{SettingsPage, decrypt};
use crate::cli::Typed;
use crate::error::{Error, Kind, Result};

/// Permits plain http to loopback for webhooks, for tests (cli.md section 6).
const ALLOW_LOOPBACK_WEBHOOK: &str = "FASTFLOW_ARCHIVE_ALLOW_LOOPBACK_WEBHOOK";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Typed on the command line: the option.
    Flag(String),
    /// The `FASTFLOW_ARCHIVE_*` variable of an option.
    FlagVariable(String),
    /// The Settings page: the column.
    SettingsPage(&'static str),
    /// The process environment: the variable.
    Environment(String),
    /// A line of the `.env` file: file, variable, line.
    EnvFile(PathBuf, String, usize),
    /// Nowhere set.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(option) => f.write_str(option),
            Source::FlagVariable(name) | Source::Environment(name) => write!(f, "environment, {name}"),
            Source::SettingsPage(column) => write!(f, "Settings page, {column}"),
            Source::EnvFile(file, name, line) => write!(f, "{}:{line}, {name}", file.display()),
            Source::Default => f.write_str("default"),
        }
    }
}

/// A value that knows where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub source: Source,
}

impl<T> Setting<T> {
    /// A value nobody set.
    pub fn default(value: T) -> Self {
        Setting { value, source: Source::Default }
    }

    /// The same origin with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), source: self.source }
    }
}

/// The names one setting has in the different layers.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Fast-Flow's variable, in the environment and in `.env`; also the name in messages.
    pub variable: &'static str,
    /// The id of our option, with underscores, where there is one.
    pub option: Option<&'static str>,
    /// The column of the Settings page, where there is one.
    pub column: Option<&'static str>,
}

impl Key {
    /// A variable that has a column on the Settings page too, and no option.
    pub const fn on_page(variable: &'static str, column: &'static str) -> Self {
        Key { variable, option: None, column: Some(column) }
    }

    /// A setting that only variables can set.
    pub const fn variable(variable: &'static str) -> Self {
        Key { variable, option: None, column: None }
    }
}

/// All layers of one invocation.
pub struct Layers {
    typed: Typed,
    environment: BTreeMap<String, String>,
    dotenv: Dotenv,
    dotenv_path: PathBuf,
    settings_page: SettingsPage,
}

impl Layers {
    /// Brings the layers together; the Settings page is added once the database is open.
    pub fn new(typed: Typed, environment: BTreeMap<String, String>, dotenv: Dotenv, dotenv_path: &Path) -> Self {
        let dotenv_path = dotenv_path.to_owned();
        Layers { typed, environment, dotenv, dotenv_path, settings_page: SettingsPage::default() }
    }

    /// Puts the Settings page above the environment.
    pub fn set_settings_page(&mut self, page: SettingsPage) {
        self.settings_page = page;
    }

    /// Whether webhooks may be plain http to a literal loopback address: for tests, in the process environment only.
    pub fn allows_loopback_webhook(&self) -> bool {
        self.environment.get(ALLOW_LOOPBACK_WEBHOOK).is_some_and(|value| value == "1")
    }

    /// Where the value of an option came from that is known to have been given.
    pub fn option_source(&self, option: &str) -> Source {
        if self.typed.from_variable(option) {
            Source::FlagVariable(format!("FASTFLOW_ARCHIVE_{}", option.to_uppercase()))
        } else {
            Source::Flag(format!("--{}", option.replace('_', "-")))
        }
    }

    /// Where the value of an option with a default of its own came from.
    pub fn given(&self, option: &str) -> Source {
        if self.typed.contains(option) { self.option_source(option) } else { Source::Default }
    }

    /// The value of `key` in the highest layer that has one, empty or not; `typed` is the option's.
    pub fn raw(&self, key: Key, typed: Option<&str>) -> Option<Setting<String>> {
        if let (Some(value), Some(option)) = (typed, key.option) {
            return Some(Setting { value: value.to_owned(), source: self.option_source(option) });
        }
        if let Some((column, value)) = key.column.and_then(|column| Some((column, self.settings_page.get(column)?))) {
            return Some(Setting { value: value.to_owned(), source: Source::SettingsPage(column) });
        }
        self.variable(key.variable)
    }

    /// The value of a variable in the process environment or `.env`, empty or not.
    pub fn variable(&self, name: &str) -> Option<Setting<String>> {
        if let Some(value) = self.environment.get(name) {
            return Some(Setting { value: value.clone(), source: Source::Environment(name.to_owned()) });
        }
        let entry = self.dotenv.get(name)?;
        let source = Source::EnvFile(self.dotenv_path.clone(), name.to_owned(), entry.line);
        Some(Setting { value: entry.value.clone(), source })
    }

    /// The value of `key`, trimmed; an empty one counts as not set.
    pub fn text(&self, key: Key, typed: Option<&str>) -> Option<Setting<String>> {
        self.raw(key, typed)
            .map(|setting| setting.map(|value| value.trim().to_owned()))
            .filter(|it| !it.value.is_empty())
    }

    /// What is listed, with commas or semicolons between.
    pub fn list(&self, key: Key) -> Option<Setting<Vec<String>>> {
        let split = |list: &str| {
            list.split([',', ';']).map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        Some(self.text(key, None)?.map(|list| split(&list)))
    }

    /// A whole number where `0` and nothing mean unlimited (`None`), as in Fast-Flow.
    pub fn limit(&self, key: Key, typed: Option<&str>) -> Result<Setting<Option<u64>>> {
        let Some(setting) = self.text(key, typed) else {
            return Ok(Setting::default(None));
        };
        let refused = |why: &str| {
            let message =
                format!("use `{}` = `{}` ({}): {why}", key.variable, setting.value.escape_debug(), setting.source);
            Error::new(Kind::InvalidSetting, message).hint("give a whole number; 0 or nothing means unlimited")
        };
        match setting.value.parse::<i128>() {
            Ok(number) if number < 0 => Err(refused("it is negative")),
            Ok(number) => match u32::try_from(number) {
                Ok(number) => Ok(setting.clone().map(|_| Some(u64::from(number)).filter(|&limit| limit > 0))),
                Err(_) => Err(refused("it is too large")),
            },
            Err(_) => Err(refused("it is not a whole number")),
        }
    }

    /// A boolean: `true` in any case is true, all else false, as in Fast-Flow; an option must be `true` or `false`.
    /// `None` where nothing is set.
    pub fn boolean(&self, key: Key, typed: Option<&str>) -> Result<Option<Setting<bool>>> {
        let Some(setting) = self.text(key, typed) else {
            return Ok(None);
        };
        let value = setting.value.to_ascii_lowercase();
        match (&setting.source, value.as_str()) {
            (_, "true") | (Source::SettingsPage(_), "1") => Ok(Some(setting.map(|_| true))),
            (Source::Flag(_) | Source::FlagVariable(_), other) if other != "false" => {
                let message = format!("use `{}` ({})", setting.value.escape_debug(), setting.source);
                Err(Error::new(Kind::InvalidSetting, message).hint("give true or false"))
            }
            _ => Ok(Some(setting.map(|_| false))),
        }
    }

    /// A secret: an encrypted column of the Settings page, a variable, or the file that `<variable>_FILE` names.
    pub fn secret(&self, key: Key) -> Result<Option<Setting<Secret>>> {
        if let Some((column, token)) = key.column.and_then(|column| Some((column, self.settings_page.get(column)?))) {
            if token.trim().is_empty() {
                return Ok(None);
            }
            let encryption_key = self.secret(Key::variable("ENCRYPTION_KEY"))?.map(|setting| setting.value);
            let value = decrypt(token, encryption_key.as_ref(), column)?;
            return Ok(Some(Setting { value, source: Source::SettingsPage(column) }).filter(|it| !it.value.is_empty()));
        }
        let file_name = format!("{}_FILE", key.variable);
        let direct = self.variable(key.variable).filter(|setting| !setting.value.trim().is_empty());
        let file = self.variable(&file_name).filter(|setting| !setting.value.trim().is_empty());
        let rank = |source: &Source| matches!(source, Source::Environment(_));
        match (direct, file) {
            (Some(direct), Some(file)) if rank(&direct.source) == rank(&file.source) => {
                let message =
                    format!("choose between `{}` and `{file_name}`: both are set ({})", key.variable, file.source);
                Err(Error::new(Kind::InvalidSetting, message).hint("remove one of the two"))
            }
            (Some(direct), file) if file.is_none() || rank(&direct.source) => Ok(Some(direct.map(Secret::new))),
            (_, Some(file)) => read_secret(&file).map(Some),
            (_, None) => Ok(None),
        }
    }
}

fn read_secret(file: &Setting<String>) -> Result<Setting<Secret>> {
    let path = file.value.trim();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::caused(
            Kind::MissingFile,
            format!("read the secret file `{}` ({})", path.escape_debug(), file.source),
            error,
        )
        .hint("create the file, or make it readable for this user")
    })?;
    if text.trim().is_empty() {
        let message = format!("use the secret file `{}` ({}): it is empty", path.escape_debug(), file.source);
        return Err(Error::new(Kind::MissingFile, message).hint("write the secret into the file"));
    }
    Ok(Setting { value: Secret::new(text), source: file.source.clone() })
}

/// The error of a setting whose value cannot be used; never repeats the value.
pub(super) fn refused(name: &str, source: &Source, why: &str, hint: impl Into<String>) -> Error {
    Error::new(Kind::InvalidSetting, format!("use `{name}` ({source}): {why}")).hint(hint)
}

/// Layers of these variables alone.
#[cfg(test)]
pub(super) fn with_environment(variables: &[(&str, &str)]) -> Layers {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Layers::new(Typed::default(), environment, Dotenv::default(), Path::new(".env"))
}
