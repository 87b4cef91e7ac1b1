use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};

use crate::Invalid;

/// An e-mail address as it was given, and the form under which it is unique.
///
/// The syntax is that of RFC 5321 and RFC 6531 without comments, folding white space, display
/// names, address literals and domains of a single label. Two addresses are the same when
/// their lower-case forms are; the domain is compared in its ASCII form (IDNA, UTS 46).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: Box<str>,
    normalized: Box<str>,
}

impl Email {
    /// The most octets an address may have (RFC 5321, 4.5.3.1.3, less the angle brackets).
    pub const MAX_OCTETS: usize = 254;

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The form that is compared: what the claim of an address is stored under.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }
}

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() > Self::MAX_OCTETS {
            return Err(Invalid::new(
                "too_long",
                "An e-mail address has at most 254 octets.",
            ));
        }
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed = EmailAddress::parse_with_options(text, options).map_err(|refusal| {
            Invalid::new(
                "not_an_email",
                format!(
                    "This is not an e-mail address: {}.",
                    refusal.to_string().trim_end_matches('.')
                ),
            )
        })?;
        if text.chars().any(char::is_control) {
            return Err(Invalid::new(
                "control_character",
                "Control characters are not allowed.",
            ));
        }
        let domain = match url::Host::parse(parsed.domain()) {
            Ok(url::Host::Domain(domain)) => domain,
            Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => {
                return Err(Invalid::new(
                    "not_an_email",
                    "An address at an IP number is not accepted.",
                ));
            }
            Err(refusal) => {
                return Err(Invalid::new(
                    "not_an_email",
                    format!("The domain is not valid: {refusal}."),
                ));
            }
        };
        let normalized = format!("{}@{domain}", parsed.local_part().to_lowercase());
        Ok(Self {
            address: text.into(),
            normalized: normalized.into(),
        })
    }
}

impl fmt::Debug for Email {
    /// Personal data stays out of logs: only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({} octets)", self.address.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        text.parse::<Email>().unwrap_err().code
    }

    #[test]
    fn is_kept_as_given_and_compared_in_lower_case() {
        let email: Email = "Zoë.Müller@Bücher.Example".parse().unwrap();
        assert_eq!(email.as_str(), "Zoë.Müller@Bücher.Example");
        assert_eq!(email.normalized(), "zoë.müller@xn--bcher-kva.example");
        let ascii: Email = "ZOË.MÜLLER@XN--BCHER-KVA.example".parse().unwrap();
        assert_eq!(ascii.normalized(), email.normalized());
    }

    #[test]
    fn what_mail_cannot_be_sent_to_is_refused() {
        for wrong in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "Ann <ann@example.com>",
            "ann@example..com",
            "ann@exa mple.com",
            "ann\0@example.com",
            "ann@example.com\n",
            "a@b@example.com",
            "ann@-example.com",
        ] {
            assert_eq!(code(wrong), "not_an_email", "{wrong:?}");
        }
        assert_eq!(
            code(&format!("{}@example.com", "a".repeat(243))),
            "too_long"
        );
    }

    #[test]
    fn never_shows_itself_in_a_log() {
        let email: Email = "ann@example.com".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email(15 octets)");
    }
}
