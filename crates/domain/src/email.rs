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
    /// `None` where it is the address itself.
    normalized: Option<Box<str>>,
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
        self.normalized.as_deref().unwrap_or(&self.address)
    }

    /// How many octets its texts take in memory.
    pub fn octets(&self) -> usize {
        self.address.len() + self.normalized.as_ref().map_or(0, |text| text.len())
    }
}

/// Whether an address is in lower case and of letters, digits and what is common between them:
/// most are, and cost an octet a step where the whole grammar costs many. What is not plain may
/// be an address all the same.
fn is_plain(text: &str) -> bool {
    const MAX_LOCAL_OCTETS: usize = 64;
    const MAX_LABEL_OCTETS: usize = 63;

    let is_alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| {
        let mut octets = atom.bytes();
        !atom.is_empty() && octets.all(|b| is_alphanumeric(b) || matches!(b, b'_' | b'-' | b'+'))
    };
    // Two hyphens in a row may be an encoded label.
    let is_label = |label: &[u8]| {
        let inner = |pair: &[u8]| pair != b"--";
        label.len() <= MAX_LABEL_OCTETS
            && label.iter().all(|b| is_alphanumeric(*b) || *b == b'-')
            && label.first().is_some_and(|b| *b != b'-')
            && label.last().is_some_and(|b| *b != b'-')
            && label.windows(2).all(inner)
    };
    let Some((_, top)) = domain.rsplit_once('.') else {
        return false;
    };
    text.len() <= Email::MAX_OCTETS
        && local.len() <= MAX_LOCAL_OCTETS
        && local.split('.').all(is_atom)
        && domain.as_bytes().split(|b| *b == b'.').all(is_label)
        // Or the whole may be a number of the Internet Protocol.
        && top.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::read(text)
    }
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::read(text)
    }
}

impl Email {
    fn read(text: impl AsRef<str> + Into<Box<str>>) -> Result<Self, Invalid> {
        if !is_plain(text.as_ref()) {
            return Self::parse(text.as_ref());
        }
        Ok(Self {
            address: text.into(),
            normalized: None,
        })
    }

    /// Reads an address by the whole grammar.
    fn parse(text: &str) -> Result<Self, Invalid> {
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
        let normalized = (normalized != text).then(|| normalized.into());
        Ok(Self {
            address: text.into(),
            normalized,
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
    use proptest::prelude::*;

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_plain_is_an_address_by_the_whole_grammar(
            text in "[a-z0-9_+.@-]{0,12}[a-z0-9]@[a-z0-9x-]{0,6}[a-z0-9.n-]{0,70}[.][a-z0-9]{0,5}",
        ) {
            if is_plain(&text) {
                let email = Email::parse(&text);
                prop_assert!(email.is_ok(), "{text:?}: {email:?}");
                prop_assert_eq!(email.as_ref().map(Email::normalized), Ok(text.as_str()));
                prop_assert_eq!(email, text.parse());
            }
        }
    }

    #[test]
    fn common_addresses_are_plain_and_doubtful_ones_are_not() {
        for plain in [
            "ann@example.com",
            "a.b-c_d+e@mail.example.co",
            "1@2.example",
        ] {
            assert!(is_plain(plain), "{plain}");
            assert_eq!(plain.parse(), Email::parse(plain), "{plain}");
        }
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long_local = format!("{}@example.com", "a".repeat(65));
        for doubtful in [
            "Ann@example.com",
            "ann@xn--bcher-kva.example",
            "ann@1.2.3.4",
            "ann@a.0x1",
            "ann@-a.example",
            "ann@a-.example",
            "a..b@example.com",
            ".a@example.com",
            "a@b@example.com",
            "ann@example.com.",
            "ann@localhost",
            long_label.as_str(),
            long_local.as_str(),
        ] {
            assert!(!is_plain(doubtful), "{doubtful}");
        }
    }

    #[test]
    fn never_shows_itself_in_a_log() {
        let email: Email = "ann@example.com".parse().unwrap();
        assert_eq!(format!("{email:?}"), "Email(15 octets)");
    }
}
