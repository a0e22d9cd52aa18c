/// The text as it stands in HTML, within elements and in quoted attributes.
///
/// Control characters, which a document must not hold, are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(allowed(other)),
        }
    }
    escaped
}

/// The text as the plotting crate takes it: it escapes by itself, but reads what stands between dollars as a formula.
pub(in crate::report) fn in_plot(text: &str) -> String {
    let clean: String = text.chars().map(allowed).collect();
    clean.replace('$', "\\$")
}

/// Cut to a length that fits a plot.
pub(super) fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['\u{2026}']).collect()
}

const fn allowed(character: char) -> char {
    match character {
        '\n' | '\t' => ' ',
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_read_as_markup() {
        assert_eq!(
            escape("<b a='1' c=\"2\">&</b>\u{1b}[1m"),
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;&lt;/b&gt;\u{fffd}[1m"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("überlast", 8), "überlast");
        assert_eq!(cut("überlasten", 8), "überlas…");
    }
}
