//! The Settings page of Fast-Flow: its one row of `orchestrator_settings`, and the secrets in it.
//!
//! In: column names and their non-NULL values as text. Out: values, decrypted where they are Fernet tokens. The row itself is
//! read by `fastflow`; nothing here touches a database.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::secret::Secret;
use crate::error::{Error, Kind, Result};

/// The non-NULL columns of the row; a non-NULL value overrides the environment, as in Fast-Flow.
#[derive(Default, Clone)]
pub struct SettingsPage {
    columns: BTreeMap<String, String>,
}

impl SettingsPage {
    /// From pairs of column and text; booleans as `true`/`false` or `1`/`0`.
    pub fn from_columns(columns: impl IntoIterator<Item = (String, String)>) -> Self {
        SettingsPage { columns: columns.into_iter().collect() }
    }

    /// The value of `column`, `None` where it is NULL or the database has no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.columns.get(column).map(String::as_str)
    }
}

/// Decrypts a Fernet token (conventions.md section 5: version 0x80, AES-128-CBC, HMAC-SHA256) under `ENCRYPTION_KEY`.
///
/// The token's own time is not judged: Fast-Flow's host may have another clock, and secrets do not expire.
/// `column` is where it comes from, for the message.
pub(super) fn decrypt(token: &str, key: Option<&Secret>, column: &str) -> Result<Secret> {
    let failed = |reason: &str| {
        Error::new(Kind::UndecryptableSecret, format!("decrypt `{column}` of the Settings page: {reason}")).hint(
            "set ENCRYPTION_KEY to the key that Fast-Flow runs with, or save the value on the Settings page again",
        )
    };
    let key = key.filter(|key| !key.is_empty()).ok_or_else(|| failed("`ENCRYPTION_KEY` is not set"))?;
    let fernet = fernet::Fernet::new(key.expose())
        .ok_or_else(|| failed("`ENCRYPTION_KEY` is not a Fernet key (32 bytes in URL-safe base64)"))?;
    const ANY_TIME: u64 = 1 << 62;
    let token = token.trim();
    // The crate overlooks padding that is missing; the token of which it is the rest was another one.
    let whole = URL_SAFE.decode(token).ok().and_then(|_| fernet.decrypt_at_time(token, None, ANY_TIME).ok());
    let plain = whole.ok_or_else(|| failed("the token was not made with this `ENCRYPTION_KEY`, or it is damaged"))?;
    String::from_utf8(plain).map(Secret::new).map_err(|_| failed("the content is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the Fernet specification (verify.json).
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str =
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    #[test]
    fn a_token_of_the_specification_decrypts_also_with_white_space_around() {
        let key = Secret::new(format!(" {KEY}\n"));
        assert!(decrypt(&format!("{TOKEN}\n"), Some(&key), "c").unwrap().expose() == "hello");
    }

    #[test]
    fn a_token_from_the_far_future_decrypts() {
        let fernet = fernet::Fernet::new(KEY).unwrap();
        let token = fernet.encrypt_at_time(b"later", 1 << 40);
        assert!(decrypt(&token, Some(&Secret::new(KEY)), "c").unwrap().expose() == "later");
    }

    #[test]
    fn a_wrong_key_no_key_and_a_damaged_token_fail_closed() {
        let other = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let right = Secret::new(KEY);
        let damaged = TOKEN.replace("y021", "y022");
        let shortened = TOKEN.trim_end_matches('=');
        let cases = [
            (TOKEN, &other),
            (&damaged, &right),
            (shortened, &right),
            (&TOKEN[..TOKEN.len() - 1], &right),
            ("", &right),
        ];
        let cases = cases.map(|(token, key)| (token, Some(key))).into_iter().chain([(TOKEN, None)]);
        for (token, key) in cases {
            let error = decrypt(token, key, "s3_access_key_encrypted").err().unwrap();
            assert_eq!(error.kind, Kind::UndecryptableSecret);
            assert!(error.message().contains("`s3_access_key_encrypted`"), "{error}");
        }
    }
}
