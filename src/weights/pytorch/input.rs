//! A pickle's bytes, read a block at a time: nobody knows how long a pickle is before its end is read.

use crate::{
    error::{Error, Result},
    weights::{names::printable, source::Reader},
};

/// Bytes read at a time.
const BLOCK: u64 = 64 * 1024;
/// The longest line that is read: they hold names and numbers in text.
const LONGEST_LINE: usize = 1024;

/// A place in a file from which on pickles are read.
pub(super) struct Input<'a> {
    reader: &'a Reader<'a>,
    origin: &'a str,
    /// Where the pickle must have ended.
    end: u64,
    /// The block's first byte in the file.
    start: u64,
    block: Vec<u8>,
    /// The next byte in the block.
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(reader: &'a Reader<'a>, origin: &'a str, start: u64, end: u64) -> Self {
        Self { reader, origin, end, start, block: Vec::new(), at: 0 }
    }

    /// Where the next byte is in the file.
    pub(super) fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        if self.at == self.block.len() {
            let start = self.position();
            let length = self.end.saturating_sub(start).min(BLOCK);
            (self.start, self.at) = (start, 0);
            self.block = self.reader.read(start, length as usize)?;
        }
        let byte = *self.block.get(self.at).ok_or_else(|| self.short())?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    /// `length` bytes, of which there are as many before room is made for them.
    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > self.end.saturating_sub(self.position()) {
            return Err(self.short());
        }
        (0..length).map(|_| self.byte()).collect()
    }

    /// Passes over `length` bytes.
    pub(super) fn skip(&mut self, length: u64) -> Result<()> {
        let position = self.position();
        if length > self.end.saturating_sub(position) {
            return Err(self.short());
        }
        match usize::try_from(length).ok().and_then(|length| self.at.checked_add(length)) {
            Some(at) if at <= self.block.len() => self.at = at,
            _ => {
                (self.start, self.at) = (position + length, 0);
                self.block.clear();
            }
        }
        Ok(())
    }

    /// A line without its end.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                _ if line.len() == LONGEST_LINE => {
                    return Err(self.broken(&format!("a line of more than {LONGEST_LINE} bytes")));
                }
                byte => line.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// The error for a pickle that no pickler writes.
    pub(super) fn broken(&self, why: &str) -> Error {
        self.error(&format!("the pickle is broken at byte {}: {}", self.position(), printable(why)))
    }

    pub(super) fn error(&self, what: &str) -> Error {
        Error::Weights(format!("{}: {what}", self.origin))
    }

    fn short(&self) -> Error {
        self.error(&format!(
            "the file is cut short: its pickle goes on beyond byte {}, where it should end",
            self.end
        ))
    }
}
