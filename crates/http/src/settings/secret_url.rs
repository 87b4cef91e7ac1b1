use std::fmt;

use url::Url;

/// An address that may carry a password: what is printed of it has none.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

impl SecretUrl {
    pub(super) fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole address, for the driver.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SecretUrl {
    /// Without the password, and without parameters whose name says that they are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() {
            // Refused only for addresses without a host, which have no password either.
            let _ = shown.set_password(Some("***"));
        }
        if shown.query().is_some() {
            let parameters: Vec<(String, String)> = self
                .0
                .query_pairs()
                .map(|(name, value)| {
                    let secret = ["pass", "secret", "token", "key"]
                        .iter()
                        .any(|word| name.contains(word));
                    (
                        name.clone().into_owned(),
                        if secret {
                            "***".to_owned()
                        } else {
                            value.into_owned()
                        },
                    )
                })
                .collect();
            shown.query_pairs_mut().clear().extend_pairs(parameters);
        }
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        for (given, shown) in [
            (
                "postgres://ada:hunter2@db:5432/roster",
                "postgres://ada:***@db:5432/roster",
            ),
            (
                "postgres://db/roster?user=ada&password=hunter2",
                "postgres://db/roster?user=ada&password=***",
            ),
            (
                "postgres://db/roster?sslmode=require",
                "postgres://db/roster?sslmode=require",
            ),
            ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
            ("redis://cache", "redis://cache"),
        ] {
            let url = SecretUrl::new(Url::parse(given).unwrap());
            assert_eq!(url.expose(), given);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }
}
