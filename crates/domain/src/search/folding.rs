use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_normalizer::properties::CanonicalCombiningClassMap;

/// The form in which texts are compared: compatible characters are one (NFKD), accents and
/// points are gone, letters have no case (full case folding), and white space is one space
/// between words.
pub(super) fn folded(text: &str) -> String {
    let classes = CanonicalCombiningClassMap::new();
    let decomposed = DecomposingNormalizer::new_nfkd().normalize(text);
    let mut letters = String::with_capacity(decomposed.len());
    for c in decomposed.chars() {
        match plain(c) {
            Some(plain) => letters.push_str(plain),
            None if is_accent(classes.get_u8(c)) || c == LAST => {}
            None => letters.push(c),
        }
    }
    let letters = CaseMapper::new().fold_string(&letters);
    let mut folded = String::with_capacity(letters.len());
    for word in letters.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

/// No key has it: it stands behind every text that begins in the same way.
pub(super) const LAST: char = char::MAX;

/// Overlays, the points of Hebrew, Arabic and Syriac, and everything above, below and around a
/// letter. Signs without a class, nuktas, voicing marks and viramas are letters of their own
/// in their scripts, and stay.
fn is_accent(class: u8) -> bool {
    matches!(class, 1 | 10..=36 | 200..=240)
}

/// Letters that Unicode takes for whole, and people for a letter with a stroke.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ħ' | 'Ħ' => "h",
        'ł' | 'Ł' => "l",
        'ŧ' | 'Ŧ' => "t",
        'ı' => "i",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'þ' | 'Þ' => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_accents_width_and_spaces_do_not_count() {
        for (given, expected) in [
            ("Zoë  MÜLLER ", "zoe muller"),
            ("Weiß", "weiss"),
            ("WEISS", "weiss"),
            ("\u{fb01}le", "file"),
            ("Ｆｕｌｌ", "full"),
            ("Ångström", "angstrom"),
            ("Łukasz Đorđe Øyvind Ægir", "lukasz dorde oyvind aegir"),
            ("İstanbul ılık", "istanbul ilik"),
            ("ΖΩΉΣ", "ζωησ"),
            ("ζωής", "ζωησ"),
            ("Nguyễn", "nguyen"),
            ("مُحَمَّد", "محمد"),
            ("李\u{3000}小龍", "李 小龍"),
            ("\u{10ffff}a", "a"),
        ] {
            assert_eq!(folded(given), expected, "{given}");
        }
    }

    #[test]
    fn what_is_a_letter_of_its_own_stays() {
        assert_ne!(folded("が"), folded("か"));
        assert_ne!(folded("कि"), folded("का"));
        assert_ne!(folded("กุ"), folded("ก"));
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_as_it_is(text in "\\PC{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
