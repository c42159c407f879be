//! `DATABASE_URL` in the forms Fast-Flow accepts.
//!
//! In: the text, the variables behind it. Out: which database, where. Never repeats the text: it may hold a password.

use std::fmt;
use std::path::{Path, PathBuf};

use super::layers::Setting;
use super::postgres::PostgresAddress;
use crate::error::{Error, Kind, Result};

/// The database of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(Box<PostgresAddress>),
}

/// What to write.
const FORMS: &str =
    "write sqlite:///relative/path, sqlite:////absolute/path, or postgresql://user:password@host:5432/database";

impl Database {
    /// Whether there is one, readable or not.
    pub fn is_there(&self) -> bool {
        match self {
            Database::Sqlite(path) => path.symlink_metadata().is_ok(),
            Database::Postgres(_) => true,
        }
    }

    /// What a manifest calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Database::Sqlite(_) => "sqlite",
            Database::Postgres(_) => "postgresql",
        }
    }

    /// Reads a URL: `sqlite:///relative`, `sqlite:////absolute`, `postgresql://...`; nothing set is `fastflow.db` in
    /// `data_dir`. `time_zone` is the one of naive time columns; `variable` gives the value of a variable.
    pub fn resolve(
        url: Option<Setting<String>>,
        data_dir: &Path,
        time_zone: Option<&str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Setting<Database>> {
        let database = match url {
            Some(url) => {
                let database = read(&url, variable)?;
                url.map(|_| database)
            }
            None => Setting::default(Database::Sqlite(data_dir.join("fastflow.db"))),
        };
        match (database, time_zone) {
            (Setting { value: Database::Postgres(mut address), source }, Some(zone)) => {
                address.time_zone = Some(zone.to_owned());
                Ok(Setting { value: Database::Postgres(address), source })
            }
            (Setting { value: Database::Sqlite(_), .. }, Some(_)) => {
                Err(Error::new(Kind::InvalidSetting, "use `--database-timezone`: the times of SQLite are UTC")
                    .hint("leave it out; it is for naive time columns of PostgreSQL"))
            }
            (database, None) => Ok(database),
        }
    }
}

fn read(url: &Setting<String>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Database> {
    let refused = |kind, message: String| Error::new(kind, format!("use `DATABASE_URL` ({}): {message}", url.source));
    let (scheme, rest) = url.value.split_once("://").unwrap_or(("", ""));
    match scheme {
        "sqlite" => {
            let path = rest.split('?').next().unwrap_or_default();
            match path.strip_prefix('/') {
                Some(path) if !path.is_empty() && path != ":memory:" => Ok(Database::Sqlite(PathBuf::from(path))),
                _ => Err(refused(Kind::InvalidSetting, "it names no database file".into()).hint(FORMS)),
            }
        }
        "postgresql" | "postgres" | "postgresql+psycopg2" | "postgresql+psycopg" => {
            let address = PostgresAddress::parse(rest, variable);
            let address = address.map_err(|why| refused(Kind::InvalidSetting, why).hint(FORMS))?;
            Ok(Database::Postgres(Box::new(address)))
        }
        "" => Err(refused(Kind::InvalidSetting, "it is not a URL".into()).hint(FORMS)),
        other => {
            Err(refused(Kind::UnsupportedDatabase, format!("the scheme `{}` is unknown", other.escape_debug()))
                .hint(FORMS))
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "SQLite {}", path.display()),
            Database::Postgres(address) => write!(f, "PostgreSQL {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Source;

    fn resolve(url: &str) -> Result<Setting<Database>> {
        let url = Setting { value: url.to_owned(), source: Source::Environment("DATABASE_URL".into()) };
        Database::resolve(Some(url), Path::new("data"), None, &|_| None)
    }

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(resolve("sqlite:///data/x.db").unwrap().value, Database::Sqlite("data/x.db".into()));
        assert_eq!(resolve("sqlite:////srv/x.db?timeout=5").unwrap().value, Database::Sqlite("/srv/x.db".into()));
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_repeating_it() {
        let bad_port = "postgresql://u:hunter2@h:port/d";
        for url in [bad_port, "mysql://u:hunter2@h/d", "hunter2", "sqlite://", "sqlite:///:memory:"] {
            let error = resolve(url).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn every_scheme_that_fast_flow_accepts_is_postgresql() {
        for scheme in ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg"] {
            let database = resolve(&format!("{scheme}://u:hunter2@h/d")).unwrap().value;
            assert_eq!((database.kind(), database.to_string().as_str()), ("postgresql", "PostgreSQL h:5432/d"));
            assert!(!format!("{database:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_zone_is_for_naive_columns_of_postgresql_only() {
        let with_zone = |url: &str| {
            let url = Setting { value: url.to_owned(), source: Source::Environment("DATABASE_URL".into()) };
            Database::resolve(Some(url), Path::new("data"), Some("Europe/Berlin"), &|_| None)
        };
        assert_eq!(with_zone("sqlite:///x.db").unwrap_err().kind, Kind::InvalidSetting);
        let Database::Postgres(address) = with_zone("postgresql://h/d").unwrap().value else { panic!() };
        assert_eq!(address.time_zone.as_deref(), Some("Europe/Berlin"));
    }
}
