use std::fmt::Write as _;

use roster_domain::{Email, Invalid, JsonObject, NewUser, Timestamp, UserId, UserName};

use super::catalogue::Catalogue;
use super::cultures::{CULTURES, Culture, NameOrder};
use super::dice::Dice;
use super::ids::id_at;

const PLANS: &[&str] = &[
    "free",
    "free",
    "free",
    "basic",
    "basic",
    "pro",
    "pro",
    "team",
    "enterprise",
];
const TAGS: &[&str] = &[
    "beta",
    "early-adopter",
    "mobile",
    "newsletter",
    "partner",
    "vip",
    "reseller",
];
const DOMAINS: &[&str] = &[
    "example.com",
    "example.org",
    "example.net",
    "mail.example",
    "post.example",
    "inbox.example",
];
const SEPARATORS: &[&str] = &[".", "_", "-"];

/// A user who was created at `created_at` and whose address ends in `token`.
pub(super) fn user(
    catalogue: &Catalogue,
    created_at: Timestamp,
    token: &str,
    dice: &mut Dice,
) -> Result<NewUser, Invalid> {
    let id = UserId::new(id_at(created_at, dice));
    let (number, culture) = culture(dice);
    // The tables of `fake` have a name with a tab at its end.
    let (given, family) = (
        dice.pick(culture.given).trim(),
        dice.pick(culture.family).trim(),
    );
    let avatar_url = if dice.percent(75) {
        Some(format!("https://avatars.example/{token}").parse()?)
    } else {
        None
    };
    Ok(NewUser {
        id,
        email: address(culture, given, family, token, dice)?,
        name: full_name(culture.order, given, family, dice)?,
        locale: if dice.percent(95) {
            catalogue
                .locales
                .get(number)
                .map(|locales| dice.pick(locales).clone())
        } else {
            None
        },
        avatar_url,
        metadata: metadata(culture, dice)?,
        is_active: dice.percent(95),
        created_at,
    })
}

fn culture(dice: &mut Dice) -> (usize, &'static Culture) {
    let mut rest = dice.below(100);
    for (number, culture) in CULTURES.iter().enumerate() {
        if rest < culture.share {
            return (number, culture);
        }
        rest -= culture.share;
    }
    (0, &CULTURES[0])
}

fn full_name(
    order: NameOrder,
    given: &str,
    family: &str,
    dice: &mut Dice,
) -> Result<UserName, Invalid> {
    match order {
        NameOrder::GivenFamily if dice.percent(6) => {
            let initial = char::from(b'A' + u8::try_from(dice.below(26)).unwrap_or(0));
            format!("{given} {initial}. {family}").parse()
        }
        NameOrder::GivenFamily => format!("{given} {family}").parse(),
        NameOrder::FamilyGiven => format!("{family} {given}").parse(),
        NameOrder::Joined => format!("{family}{given}").parse(),
    }
}

/// An address on a name that RFC 2606 reserves. The token after the last separator makes it
/// unique, whatever stands before it.
fn address(
    culture: &Culture,
    given: &str,
    family: &str,
    token: &str,
    dice: &mut Dice,
) -> Result<Email, Invalid> {
    let separator = dice.pick(SEPARATORS);
    if dice.percent(7) {
        let local: String = given.chars().filter(|c| c.is_alphanumeric()).collect();
        if !local.is_empty() {
            return format!("{local}{separator}{token}@{}", culture.domain).parse();
        }
    }
    let mut local = String::with_capacity(48);
    if culture.handles.is_empty() {
        push_ascii(&mut local, given);
        if dice.percent(70) {
            local.push_str(separator);
            push_ascii(&mut local, family);
        }
    } else {
        let handle: &&str = dice.pick(culture.handles);
        local.push_str(handle);
    }
    let domain = dice.pick(DOMAINS);
    write_or_nothing(&mut local, format_args!("{separator}{token}@{domain}"));
    // Two separators in a row are no address; they stand where a name left nothing behind.
    local
        .trim_start_matches(['.', '_', '-'])
        .replace("..", ".")
        .parse()
}

fn push_ascii(out: &mut String, name: &str) {
    for c in name.chars().take(16) {
        match c {
            'a'..='z' => out.push(c),
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            'ä' | 'Ä' | 'æ' => out.push_str("ae"),
            'ö' | 'Ö' | 'œ' => out.push_str("oe"),
            'ü' | 'Ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'à' | 'á' | 'â' | 'ã' | 'å' | 'À' | 'Á' | 'Â' => out.push('a'),
            'ç' | 'Ç' => out.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'É' | 'È' => out.push('e'),
            'ğ' => out.push('g'),
            'ì' | 'í' | 'î' | 'ï' | 'ı' | 'İ' | 'Í' => out.push('i'),
            'ñ' => out.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' => out.push('o'),
            'ş' | 'Ş' => out.push('s'),
            'ù' | 'ú' | 'û' => out.push('u'),
            _ => {}
        }
    }
}

fn metadata(culture: &Culture, dice: &mut Dice) -> Result<JsonObject, Invalid> {
    let mut text = String::with_capacity(96);
    let (city, plan) = (dice.pick(culture.cities), dice.pick(PLANS));
    write_or_nothing(
        &mut text,
        format_args!(r#"{{"address":{{"city":"{city}"}},"plan":"{plan}""#),
    );
    if matches!(*plan, "team" | "enterprise") {
        let seats = dice.between(3, 400);
        write_or_nothing(&mut text, format_args!(r#","seats":{seats}"#));
    }
    text.push_str(r#","tags":["#);
    for number in 0..dice.below(3) {
        let (comma, tag) = (if number > 0 { "," } else { "" }, dice.pick(TAGS));
        write_or_nothing(&mut text, format_args!(r#"{comma}"{tag}""#));
    }
    text.push_str("]}");
    text.parse()
}

/// Writing to a `String` cannot fail.
fn write_or_nothing(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
