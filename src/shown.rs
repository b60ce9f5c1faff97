//! Text from outside, such as names of files, made fit to be shown and to be found again.

use std::{borrow::Cow, fmt::Write as _, path::Path};

/// A file's name as text. A byte that is no UTF-8 is written `\xHH`, as the shell's `$'...'` takes it, and so a backslash is `\\` where it
/// does not separate folders; all else stays.
#[must_use]
pub fn name(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        match std::path::MAIN_SEPARATOR {
            '\\' => text += chunk.valid(),
            _ => text += &chunk.valid().replace('\\', "\\\\"),
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Text that stays within its line and changes nothing on a terminal: what would is written `\n`, `\x1b` or `\u009b`, as
/// the shell's `$'...'` takes it.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_but(text, &[])
}

/// The same, but for characters that are to stay, such as the ends of lines.
#[must_use]
pub fn escaped_but<'a>(text: &'a str, stay: &[char]) -> Cow<'a, str> {
    let is_unfit = |c: char| acts(c) && !stay.contains(&c);
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    for c in text.chars() {
        let _ = match c {
            c if !is_unfit(c) => {
                escaped.push(c);
                Ok(())
            }
            '\n' => write!(escaped, "\\n"),
            '\r' => write!(escaped, "\\r"),
            '\t' => write!(escaped, "\\t"),
            c if c.is_ascii() => write!(escaped, "\\x{:02x}", u32::from(c)),
            c => write!(escaped, "\\u{:04x}", u32::from(c)),
        };
    }
    Cow::Owned(escaped)
}

/// Whether a character does something other than to stand there: it controls a terminal, ends a line, or turns the
/// direction of those that follow.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped_and_all_else_stays() {
        for (text, expected) in [
            ("a b\\n'é日本.png", "a b\\n'é日本.png"),
            ("a\nb\r\t\0\x1b[31m\x7f", r"a\nb\r\t\x00\x1b[31m\x7f"),
            ("\u{9b}31m \u{202e}gnp.\u{2066}\u{2028}", r"\u009b31m \u202egnp.\u2066\u2028"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(escaped_but("a\nb\t\x1b\r", &['\n', '\t']), "a\nb\t\\x1b\\r");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_utf_8_are_told_apart() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

        let of = |bytes| name(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"a\xffb\xfe.png"), r"a\xffb\xfe.png");
        assert_eq!(of(b"\xc3\xa9\xe6\x97.png"), r"é\xe6\x97.png");
        assert_eq!(of(b"a\nb.png"), "a\nb.png");
    }
}
