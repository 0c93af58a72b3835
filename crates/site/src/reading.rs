//! How many words a text has and how long it takes to read, in scripts with and without spaces.

/// How long a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    /// Words; in scripts that put none apart, letters.
    pub(crate) words: usize,
    /// At least 1.
    pub(crate) minutes: usize,
}

/// Letters that a reader takes in one by one, a minute.
const LETTERS_A_MINUTE: usize = 400;
/// Syllable blocks of Korean, a minute.
const SYLLABLES_A_MINUTE: usize = 500;
/// Words between spaces, a minute.
const WORDS_A_MINUTE: usize = 230;

/// Counts Han, Kana and Hangul letters one by one and everything else by words.
pub(crate) fn length(text: &str) -> Length {
    let (mut letters, mut syllables, mut words) = (0_usize, 0_usize, 0_usize);
    let mut in_word = false;
    for letter in text.chars() {
        let script = script(letter);
        match script {
            Script::Han => letters += 1,
            Script::Hangul => syllables += 1,
            Script::Words if !in_word && letter.is_alphanumeric() => words += 1,
            Script::Words => {}
        }
        let joins = letter.is_alphanumeric() || matches!(letter, '\'' | '’' | '-' | '_');
        in_word = script == Script::Words && joins && (in_word || letter.is_alphanumeric());
    }
    let rate = |count: usize, per_minute: usize| count * 1000 / per_minute;
    let thousandths =
        rate(letters, LETTERS_A_MINUTE) + rate(syllables, SYLLABLES_A_MINUTE) + rate(words, WORDS_A_MINUTE);
    Length { words: letters + syllables + words, minutes: thousandths.div_ceil(1000).max(1) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Han,
    Hangul,
    Words,
}

fn script(letter: char) -> Script {
    match letter {
        '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3134F}' => {
            Script::Han
        }
        '\u{3041}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' => Script::Han,
        '\u{AC00}'..='\u{D7AF}' | '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' => Script::Hangul,
        _ => Script::Words,
    }
}

#[cfg(test)]
mod tests {
    use super::{Length, length};

    #[test]
    fn every_script_is_counted() {
        for (text, words, minutes) in [
            ("", 0, 1),
            ("It's a well-known fact.", 4, 1),
            ("你好，world 2026", 4, 1),
            ("한국어 문장", 5, 1),
            ("ひらがな、カタカナ", 8, 1),
        ] {
            assert_eq!(length(text), Length { words, minutes }, "{text}");
        }
        assert_eq!(length(&"字".repeat(1201)).minutes, 4);
        assert_eq!(length(&"word ".repeat(461)).minutes, 3);
    }
}
