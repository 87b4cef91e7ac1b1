//! Rust source, taken apart far enough for textual rules: code, comments and string literals.

/// A stretch of one kind, and the line (from 1) it begins in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Comment,
    /// The content of a string literal, without its quotes.
    Literal,
}

/// All of `source`, in order.
pub(crate) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut scanner = Scanner {
        source,
        at: 0,
        begun: 0,
        line: 1,
        pieces: Vec::new(),
    };
    scanner.scan();
    scanner.pieces
}

/// Without its unit tests, which by custom stand last.
pub(crate) fn shipped(source: &str) -> &str {
    let end = source
        .match_indices("#[cfg(test)]")
        .find(|(at, found)| {
            let rest = source[at + found.len()..].trim_start();
            rest.starts_with("mod ")
                && rest
                    .split(['{', ';'])
                    .next()
                    .is_some_and(|head| rest[head.len()..].starts_with('{'))
        })
        .map_or(source.len(), |(at, _)| at);
    &source[..end]
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    begun: usize,
    line: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Scanner<'a> {
    fn scan(&mut self) {
        while self.at < self.source.len() {
            let rest = self.rest();
            if rest.starts_with("//") {
                let length = rest.find('\n').unwrap_or(rest.len());
                self.take(Kind::Comment, 0, length, 0);
            } else if rest.starts_with("/*") {
                self.take(Kind::Comment, 0, block_comment(rest), 0);
            } else if let Some(body) = rest.strip_prefix('"') {
                self.take(Kind::Literal, 1, string_body(body), 1);
            } else if let Some(hashes) = self.raw_string() {
                let opening = hashes + 2;
                let closing = format!("\"{}", "#".repeat(hashes));
                let length = rest[opening..]
                    .find(&closing)
                    .unwrap_or(rest.len() - opening);
                self.take(Kind::Literal, opening, length, closing.len());
            } else {
                self.at += code(rest);
            }
        }
        self.end_code();
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// The number of `#` of a raw string that begins here, behind no other letter.
    fn raw_string(&self) -> Option<usize> {
        let behind = self.rest().strip_prefix('r')?;
        let before = self.source[..self.at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() && letter != 'b' || letter == '_') {
            return None;
        }
        let hashes = behind.len() - behind.trim_start_matches('#').len();
        behind[hashes..].starts_with('"').then_some(hashes)
    }

    fn take(&mut self, kind: Kind, opening: usize, length: usize, closing: usize) {
        self.end_code();
        let start = self.at + opening;
        let end = (start + length).min(self.source.len());
        self.pieces.push(Piece {
            kind,
            text: &self.source[start..end],
            line: self.line,
        });
        self.at = (end + closing).min(self.source.len());
        self.line += lines_in(&self.source[self.begun..self.at]);
        self.begun = self.at;
    }

    fn end_code(&mut self) {
        let text = &self.source[self.begun..self.at];
        if !text.is_empty() {
            self.pieces.push(Piece {
                kind: Kind::Code,
                text,
                line: self.line,
            });
            self.line += lines_in(text);
            self.begun = self.at;
        }
    }
}

fn lines_in(text: &str) -> usize {
    text.matches('\n').count()
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = rest[at..].find(['/', '*']) {
        at += next;
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string_body(body: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in body.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    body.len()
}

/// How far code goes on here: past a character literal, whose quote would begin a string, else one character.
fn code(rest: &str) -> usize {
    let mut letters = rest.chars();
    let first = letters.next().map_or(1, char::len_utf8);
    if !rest.starts_with('\'') {
        return first;
    }
    match letters.next() {
        Some('\\') => rest[3.min(rest.len())..]
            .find('\'')
            .map_or(first, |end| end + 4),
        Some(letter) if letters.next() == Some('\'') => first + letter.len_utf8() + 1,
        // A lifetime.
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, source: &str) -> Vec<(usize, &str)> {
        pieces(source)
            .into_iter()
            .filter(|piece| piece.kind == kind)
            .map(|piece| (piece.line, piece.text))
            .collect()
    }

    #[test]
    fn strings_of_all_forms_are_found_with_their_lines() {
        let source = "let a = \"one \\\" two\";\nlet b = r#\"raw \" and\nmore\"#;\nlet c = br\"bytes\"; let d = \"\";";
        assert_eq!(
            of(Kind::Literal, source),
            [
                (1, "one \\\" two"),
                (2, "raw \" and\nmore"),
                (4, "bytes"),
                (4, "")
            ]
        );
    }

    #[test]
    fn a_quote_in_a_character_or_a_comment_begins_no_string() {
        let source = "let q = '\"'; let e = '\\''; let n = '\\u{22}'; // a \" here\nfn f<'a>(x: &'a str) {} /* /* \" */ */ \"s\"";
        assert_eq!(of(Kind::Literal, source), [(2, "s")]);
        assert_eq!(
            of(Kind::Comment, source),
            [(1, "// a \" here"), (2, "/* /* \" */ */")]
        );
    }

    #[test]
    fn a_name_that_ends_with_r_begins_no_raw_string() {
        assert_eq!(of(Kind::Literal, "matches!(for\"x\")"), [(1, "x")]);
    }

    #[test]
    fn unit_tests_are_not_shipped_and_test_helpers_elsewhere_are() {
        assert_eq!(
            shipped("fn a() {}\n#[cfg(test)]\nmod tests { }"),
            "fn a() {}\n"
        );
        assert_eq!(
            shipped("#[cfg(test)]\nmod tests;\nfn a() {}"),
            "#[cfg(test)]\nmod tests;\nfn a() {}"
        );
        assert_eq!(
            shipped("#[cfg(test)]\nuse x;\nfn a() {}"),
            "#[cfg(test)]\nuse x;\nfn a() {}"
        );
    }
}
