//! Passwords from a file, as libpq keeps them: `host:port:database:user:password`, one a line.
//!
//! In: the file, who wants in where. Out: the password of the first line that fits. A file that others may read is not used.

use std::os::unix::fs::PermissionsExt as _;

use crate::config::{PostgresAddress, Secret};

/// What the file says.
pub(super) enum Found {
    /// A password.
    Password(Secret),
    /// No line fits, or there is no file.
    Nothing,
    /// It is there, and others may read it.
    Exposed(String),
}

/// Looks up the password of `user` on a server.
pub(super) fn look_up(address: &PostgresAddress, host: &str, port: u16, database: &str, user: &str) -> Found {
    let usual = address.home.as_ref().map(|home| home.join(".pgpass"));
    let Some(path) = address.pass_file.clone().or(usual) else { return Found::Nothing };
    match std::fs::metadata(&path) {
        Ok(file) if file.is_file() && file.permissions().mode() & 0o077 != 0 => {
            return Found::Exposed(path.display().to_string());
        }
        Ok(file) if file.is_file() => {}
        _ => return Found::Nothing,
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let host = if host.starts_with('/') { "localhost" } else { host };
    let wanted = [host, &port.to_string(), database, user];
    text.lines().find_map(|line| password_of(line, &wanted)).map_or(Found::Nothing, Found::Password)
}

/// The password of a line that fits.
fn password_of(line: &str, wanted: &[&str; 4]) -> Option<Secret> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let (password, place) = fields.split_last()?;
    let fits = |(field, wanted): (&String, &&str)| field == "*" || field == *wanted;
    (place.len() == wanted.len() && place.iter().zip(wanted).all(fits)).then(|| Secret::verbatim(password.clone()))
}

/// The fields between colons; a backslash takes the character after it as it is. The fifth goes to the end of the line.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.trim_end_matches('\r').chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(literal);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
        let wanted = ["db.example.org", "5432", "fast:flow", "ff"];
        let found = |line: &str| password_of(line, &wanted).map(|secret| secret.expose().to_owned());
        assert_eq!(found("db.example.org:5432:fast\\:flow:ff:p\\:a\\\\b "), Some("p:a\\b ".to_owned()));
        assert_eq!(found("*:*:*:*:any:thing"), Some("any:thing".to_owned()));
        for line in ["#*:*:*:*:x", "other:*:*:*:x", "*:5433:*:*:x", "*:*:*:ff", ""] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
