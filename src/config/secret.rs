//! Values that must not be seen: no `Debug`, no `Display`, no serialisation.

/// A password, key or token. The only way to its text is [`Secret::expose`], which is easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`, without the white space that files and copying leave around it.
    pub fn new(text: impl AsRef<str>) -> Self {
        Secret(text.as_ref().trim().to_owned())
    }

    /// Wraps `text` as it is, where spaces at its ends are a part of it.
    pub fn verbatim(text: String) -> Self {
        Secret(text)
    }

    /// The text, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
