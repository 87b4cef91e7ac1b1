//! Who lives where: names, languages, towns, and how a name becomes a mail address.

use fake::locales::{
    AR_SA, DE_DE, Data, EN, FA_IR, FR_FR, IT_IT, JA_JP, NL_NL, PT_BR, TR_TR, ZH_CN, ZH_TW,
};

mod tables;

/// The people of one language.
pub(super) struct Culture {
    /// How many of a hundred users belong to it.
    pub(super) share: u32,
    /// Their languages; the first is the most common.
    pub(super) locales: &'static [&'static str],
    /// Given names.
    pub(super) given: &'static [&'static str],
    /// Family names.
    pub(super) family: &'static [&'static str],
    /// How the two are put together.
    pub(super) order: NameOrder,
    /// Where they live.
    pub(super) cities: &'static [&'static str],
    /// Mail handles, for names that have no short way into ASCII; empty when the names do.
    pub(super) handles: &'static [&'static str],
    /// A domain in their own script.
    pub(super) domain: &'static str,
}

/// How a name is put together.
#[derive(Clone, Copy)]
pub(super) enum NameOrder {
    /// `Ann Lee`
    GivenFamily,
    /// `田中 陽菜`
    FamilyGiven,
    /// `王文辉`
    Joined,
}

/// Every culture; the shares add up to 100.
pub(super) const CULTURES: &[Culture] = &[
    Culture {
        share: 24,
        locales: &["en", "en-US", "en-GB", "en-IN", "en-AU"],
        given: EN::NAME_FIRST_NAME,
        family: EN::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &[
            "London",
            "Chicago",
            "Bengaluru",
            "Sydney",
            "Toronto",
            "Dublin",
        ],
        handles: &[],
        domain: "example.com",
    },
    Culture {
        share: 8,
        locales: &["de", "de-AT", "de-CH"],
        given: DE_DE::NAME_FIRST_NAME,
        family: DE_DE::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["Köln", "München", "Zürich", "Berlin", "Wien", "Osnabrück"],
        handles: &[],
        domain: "bücher.example",
    },
    Culture {
        share: 8,
        locales: &["fr", "fr-CA", "fr-BE"],
        given: FR_FR::NAME_FIRST_NAME,
        family: FR_FR::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["Paris", "Orléans", "Montréal", "Liège", "Besançon", "Lyon"],
        handles: &[],
        domain: "société.example",
    },
    Culture {
        share: 4,
        locales: &["it", "it-CH"],
        given: IT_IT::NAME_FIRST_NAME,
        family: IT_IT::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["Roma", "Milano", "Forlì", "Lugano", "Torino"],
        handles: &[],
        domain: "città.example",
    },
    Culture {
        share: 3,
        locales: &["nl", "nl-BE"],
        given: NL_NL::NAME_FIRST_NAME,
        family: NL_NL::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["Utrecht", "Gent", "Den Haag", "Eindhoven"],
        handles: &[],
        domain: "financiën.example",
    },
    Culture {
        share: 8,
        locales: &["pt-BR", "pt"],
        given: PT_BR::NAME_FIRST_NAME,
        family: PT_BR::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["São Paulo", "Brasília", "Lisboa", "Belém", "Évora"],
        handles: &[],
        domain: "coração.example",
    },
    Culture {
        share: 4,
        locales: &["tr"],
        given: TR_TR::NAME_FIRST_NAME,
        family: TR_TR::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["İstanbul", "Ankara", "İzmir", "Muğla"],
        handles: &[],
        domain: "çarşı.example",
    },
    Culture {
        share: 9,
        locales: &["zh-Hans-CN", "zh"],
        given: ZH_CN::NAME_FIRST_NAME,
        family: ZH_CN::NAME_LAST_NAME,
        order: NameOrder::Joined,
        cities: &["北京", "上海", "成都", "广州"],
        handles: tables::CHINESE_HANDLES,
        domain: "例子.example",
    },
    Culture {
        share: 3,
        locales: &["zh-Hant-TW"],
        given: ZH_TW::NAME_FIRST_NAME,
        family: ZH_TW::NAME_LAST_NAME,
        order: NameOrder::Joined,
        cities: &["臺北", "高雄", "臺南"],
        handles: tables::CHINESE_HANDLES,
        domain: "範例.example",
    },
    Culture {
        share: 7,
        locales: &["ja"],
        given: JA_JP::NAME_FIRST_NAME,
        family: JA_JP::NAME_LAST_NAME,
        order: NameOrder::FamilyGiven,
        cities: &["東京都", "大阪市", "さいたま市", "札幌市"],
        handles: tables::JAPANESE_HANDLES,
        domain: "例え.example",
    },
    Culture {
        share: 5,
        locales: &["ar", "ar-SA", "ar-EG"],
        given: AR_SA::NAME_FIRST_NAME,
        family: AR_SA::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["الرياض", "القاهرة", "بيروت"],
        handles: tables::ARABIC_HANDLES,
        domain: "مثال.example",
    },
    Culture {
        share: 2,
        locales: &["fa"],
        given: FA_IR::NAME_FIRST_NAME,
        family: FA_IR::NAME_LAST_NAME,
        order: NameOrder::GivenFamily,
        cities: &["تهران", "اصفهان", "شیراز"],
        handles: tables::ARABIC_HANDLES,
        domain: "نمونه.example",
    },
    Culture {
        share: 5,
        locales: &["ru", "uk"],
        given: tables::CYRILLIC_GIVEN,
        family: tables::CYRILLIC_FAMILY,
        order: NameOrder::GivenFamily,
        cities: &["Київ", "Алматы", "Минск", "Казань", "Львів"],
        handles: tables::CYRILLIC_HANDLES,
        domain: "пример.example",
    },
    Culture {
        share: 2,
        locales: &["el"],
        given: tables::GREEK_GIVEN,
        family: tables::GREEK_FAMILY,
        order: NameOrder::GivenFamily,
        cities: &["Αθήνα", "Θεσσαλονίκη", "Πάτρα"],
        handles: tables::GREEK_HANDLES,
        domain: "παράδειγμα.example",
    },
    Culture {
        share: 4,
        locales: &["hi", "hi-IN"],
        given: tables::DEVANAGARI_GIVEN,
        family: tables::DEVANAGARI_FAMILY,
        order: NameOrder::GivenFamily,
        cities: &["दिल्ली", "मुंबई", "जयपुर"],
        handles: tables::DEVANAGARI_HANDLES,
        domain: "उदाहरण.example",
    },
    Culture {
        share: 4,
        locales: &["ko"],
        given: tables::HANGUL_GIVEN,
        family: tables::HANGUL_FAMILY,
        order: NameOrder::Joined,
        cities: &["서울", "부산", "대전"],
        handles: tables::HANGUL_HANDLES,
        domain: "예시.example",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_add_up() {
        assert_eq!(
            CULTURES.iter().map(|culture| culture.share).sum::<u32>(),
            100
        );
    }
}
