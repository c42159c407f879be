//! `DATABASE_URL` in the forms Fast-Flow accepts.
//!
//! In: the text. Out: which database, where. Never repeats the text: it may hold a password.

use std::fmt;
use std::path::{Path, PathBuf};

use super::layers::Setting;
use crate::error::{Error, Kind, Result};

/// The database of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl Database {
    /// Whether there is one, readable or not.
    pub fn is_there(&self) -> bool {
        match self {
            Database::Sqlite(path) => path.symlink_metadata().is_ok(),
        }
    }

    /// What a manifest calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Database::Sqlite(_) => "sqlite",
        }
    }

    /// Reads a URL: `sqlite:///relative`, `sqlite:////absolute`; nothing set is `fastflow.db` in `data_dir`.
    pub fn resolve(url: Option<Setting<String>>, data_dir: &Path) -> Result<Setting<Database>> {
        let Some(url) = url else {
            return Ok(Setting::default(Database::Sqlite(data_dir.join("fastflow.db"))));
        };
        let refused =
            |kind, message: String| Error::new(kind, format!("use `DATABASE_URL` ({}): {message}", url.source));
        let (scheme, rest) = url.value.split_once("://").unwrap_or(("", ""));
        match scheme {
            "sqlite" => {
                let path = rest.split('?').next().unwrap_or_default();
                match path.strip_prefix('/') {
                    Some(path) if !path.is_empty() && path != ":memory:" => {
                        let database = Database::Sqlite(PathBuf::from(path));
                        Ok(url.map(|_| database))
                    }
                    _ => Err(refused(Kind::InvalidSetting, "it names no database file".into())
                        .hint("write sqlite:///relative/path or sqlite:////absolute/path")),
                }
            }
            "postgresql" | "postgres" | "postgresql+psycopg2" | "postgresql+psycopg" => {
                Err(refused(Kind::UnsupportedDatabase, "this version reads SQLite only, not yet PostgreSQL".into())
                    .hint("point --database at a SQLite instance; PostgreSQL support is announced in the CHANGELOG"))
            }
            "" => Err(refused(Kind::InvalidSetting, "it is not a URL".into())
                .hint("write sqlite:///relative/path or sqlite:////absolute/path")),
            other => Err(refused(Kind::InvalidSetting, format!("the scheme `{}` is unknown", other.escape_debug()))
                .hint("write sqlite:///relative/path or sqlite:////absolute/path")),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "SQLite {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Source;

    fn resolve(url: &str) -> Result<Setting<Database>> {
        let url = Setting { value: url.to_owned(), source: Source::Environment("DATABASE_URL".into()) };
        Database::resolve(Some(url), Path::new("data"))
    }

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(resolve("sqlite:///data/x.db").unwrap().value, Database::Sqlite("data/x.db".into()));
        assert_eq!(resolve("sqlite:////srv/x.db?timeout=5").unwrap().value, Database::Sqlite("/srv/x.db".into()));
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_repeating_it() {
        for url in ["postgresql://u:hunter2@h/d", "mysql://u:hunter2@h/d", "hunter2", "sqlite://", "sqlite:///:memory:"]
        {
            let error = resolve(url).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert!(error.hint_text().is_some());
        }
    }
}
