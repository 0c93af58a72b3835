//! Tags, attributes and references of HTML and XML.

use super::{Kind, Page};

pub(crate) fn scan(code: &str, page: &mut Page) {
    let mut rest = code;
    while !rest.is_empty() {
        let next = rest.find(['<', '&']).unwrap_or(rest.len());
        let (text, after) = rest.split_at(next);
        page.put(Kind::Plain, text);
        rest = if let Some(inside) = after.strip_prefix("<!--") {
            let end = inside.find("-->").map_or(after.len(), |at| at + 7);
            cut(after, end, Kind::Comment, page)
        } else if after.starts_with('<') {
            tag(after, page)
        } else if after.starts_with('&') {
            let end = after.find(';').filter(|end| *end < 12).map_or(1, |end| end + 1);
            cut(after, end, if end > 1 { Kind::Number } else { Kind::Plain }, page)
        } else {
            after
        };
    }
}

fn cut<'a>(text: &'a str, length: usize, kind: Kind, page: &mut Page) -> &'a str {
    let (piece, after) = text.split_at(length);
    page.put(kind, piece);
    after
}

fn tag<'a>(text: &'a str, page: &mut Page) -> &'a str {
    let opening = if text.starts_with("</") || text.starts_with("<!") || text.starts_with("<?") { 2 } else { 1 };
    let mut rest = cut(text, opening, Kind::Plain, page);
    let name = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ':' | '.' | '@');
    rest = cut(rest, rest.find(|letter| !name(letter)).unwrap_or(rest.len()), Kind::Keyword, page);
    while let Some(letter) = rest.chars().next() {
        rest = match letter {
            '>' => return cut(rest, 1, Kind::Plain, page),
            '<' => return rest,
            '"' | '\'' => {
                let end = rest.get(1..).and_then(|inside| inside.find(letter)).map_or(rest.len(), |at| at + 2);
                cut(rest, end, Kind::String, page)
            }
            letter if name(letter) => {
                cut(rest, rest.find(|letter| !name(letter)).unwrap_or(rest.len()), Kind::Name, page)
            }
            other => cut(rest, other.len_utf8(), Kind::Plain, page),
        };
    }
    rest
}
