//! What URLs keep secret, kept out of all that is printed.

use std::borrow::Cow;

/// Where a URL's host begins.
const HOST: &str = "://";

/// The same text, with each URL in it without its user, password and query.
pub fn hidden(text: &str) -> Cow<'_, str> {
    if !text.contains(HOST) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(HOST) {
        shown += before;
        shown += HOST;
        // As far as the next one, if any.
        let end = after.find(HOST).unwrap_or(after.len());
        rest = &after[user(&after[..end])..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>');
        let url = &rest[..rest.find(ends).unwrap_or(rest.len())];
        shown += url.find('?').map_or(url, |query| &url[..query]);
        // What a message has behind a name.
        if url.contains('?') && url.ends_with(':') {
            shown.push(':');
        }
        rest = &rest[url.len()..];
    }
    Cow::Owned(shown + rest)
}

/// How many bytes a user and a password take.
fn user(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\'' | '"');
    // A message has a colon behind what it names.
    let authority = text[..text.find(ends).unwrap_or(text.len())].trim_end_matches(':');
    let line = text.lines().next().unwrap_or_default();
    let up_to = |text: &str| text.rfind('@').map(|at| at + 1);
    let port =
        if authority.ends_with(']') { "" } else { authority.rsplit_once(':').map_or("", |(_, port)| port) };
    match up_to(authority) {
        Some(user) => user,
        // Behind the colon is no port: a password with what no URL has there.
        None if !port.bytes().all(|byte| byte.is_ascii_digit()) => up_to(line).unwrap_or(authority.len()),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_without_user_password_and_query() {
        for (text, expected) in [
            ("no URL: a@b?c", "no URL: a@b?c"),
            ("expected http:// or https://", "expected http:// or https://"),
            ("from https://a.org:80/b@1/c.pth, sha256", "from https://a.org:80/b@1/c.pth, sha256"),
            ("http://[::1]:80/c http://[::1]/c", "http://[::1]:80/c http://[::1]/c"),
            ("'ftp://me:word@a.org/c.pth' is no", "'ftp://a.org/c.pth' is no"),
            ("http://me@a.org: no", "http://a.org: no"),
            ("http://me:w@rd@a.org/c?key=word: no", "http://a.org/c: no"),
            ("http://me:wo/rd@a.org/c", "http://a.org/c"),
            ("'http://me:wo rd@a.org/c' and http://you:word@b.org/", "'http://a.org/c' and http://b.org/"),
            ("http://me:wo'rd@a.org/c", "http://a.org/c"),
            ("http://me:word: no\na@b", "http://: no\na@b"),
            ("http://a.org: no\nhttp://a.org:80: no", "http://a.org: no\nhttp://a.org:80: no"),
        ] {
            assert_eq!(hidden(text), expected);
        }
    }
}
