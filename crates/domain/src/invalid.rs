use std::borrow::Cow;

/// A value that the domain refuses, in words that a client may read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// What is wrong, for programs: lower-case words joined by `_`, stable across releases.
    pub code: &'static str,
    /// What is wrong and what is accepted, for people; never repeats the refused value.
    pub detail: Cow<'static, str>,
}

impl Invalid {
    /// A refusal with a stable code and a sentence.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}
