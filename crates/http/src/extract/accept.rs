//! What forms of answer the header `Accept` takes (RFC 9110, 12.5.1).

use http::{HeaderMap, header};

/// Whether JSON is among them. A field that cannot be read takes anything.
pub(crate) fn takes_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ACCEPT) || quality(headers, "application", "json") > 0
}

/// Whether a page is liked better than JSON: a browser says so, a program does not.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ACCEPT)
        && quality(headers, "text", "html") > quality(headers, "application", "json")
}

/// The weight of a media type in thousandths, by the most specific range that has it.
pub(crate) fn quality(headers: &HeaderMap, kind: &str, subtype: &str) -> u16 {
    let mut best = (0, 0);
    for line in headers.get_all(header::ACCEPT) {
        let Ok(line) = line.to_str() else {
            return 1_000;
        };
        for range in line.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let (range_kind, range_subtype) = parts
                .next()
                .and_then(|name| name.split_once('/'))
                .unwrap_or_default();
            let specificity = match (range_kind, range_subtype) {
                ("*", "*") => 1,
                (k, "*") if k.eq_ignore_ascii_case(kind) => 2,
                (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
                _ => continue,
            };
            let weight = parts
                .filter_map(|parameter| parameter.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .map_or(1_000, |(_, text)| thousandths(text.trim()));
            if specificity > best.0 {
                best = (specificity, weight);
            }
        }
    }
    best.1
}

/// A weight of up to three decimals; what is none counts as 1.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    match (whole, format!("{fraction:0<3}").parse::<u16>()) {
        ("0", Ok(fraction)) if fraction < 1_000 => fraction,
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))])
    }

    #[test]
    fn the_most_specific_range_decides() {
        assert!(takes_json(&HeaderMap::new()));
        for accept in [
            "*/*",
            "application/*",
            "Application/JSON",
            "text/html, application/json;q=0.1",
            "text/html,*/*;q=0.8",
        ] {
            assert!(takes_json(&headers(accept)), "{accept}");
        }
        for accept in [
            "text/html",
            "application/xml",
            "*/*;q=0",
            "*/*, application/json;q=0",
            "application/json; q=0.000",
            "json",
        ] {
            assert!(!takes_json(&headers(accept)), "{accept}");
        }
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_does_not() {
        assert!(prefers_html(&headers(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        )));
        for accept in [
            "*/*",
            "application/json",
            "text/html;q=0.5, application/json",
        ] {
            assert!(!prefers_html(&headers(accept)), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
