//! Huffman codes, and bits out of a scan's data.

/// A table of codes.
#[derive(Clone)]
pub struct Table {
    symbols: Vec<u8>,
    /// By the next eight bits: the code's length, and its symbol; a length of 0 where the code is longer.
    short: [(u8, u8); 256],
    /// By length: behind the last code, as 16 bits; and what a code is less than its symbol's place.
    ends: [u32; 17],
    places: [i32; 17],
}

impl Table {
    /// From how many codes there are of each length, and the symbols in order.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table =
            Self { symbols: symbols.to_vec(), short: [(0, 0); 256], ends: [0; 17], places: [0; 17] };
        let (mut code, mut place) = (0usize, 0usize);
        for (length, count) in (1..).zip(counts) {
            table.places[length] = place as i32 - code as i32;
            for _ in 0..*count {
                let symbol = *symbols.get(place)?;
                if code >> length != 0 {
                    return None;
                }
                if length <= 8 {
                    let free = 8 - length;
                    table.short[code << free..(code + 1) << free].fill((length as u8, symbol));
                }
                (code, place) = (code + 1, place + 1);
            }
            table.ends[length] = (code << (16 - length)) as u32;
            code <<= 1;
        }
        Some(table)
    }
}

/// Bits of a piece of a scan's data; zeros behind its end.
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    next: u64,
    count: u32,
    /// How many of them, or taken before, were behind the end.
    missing: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, next: 0, count: 0, missing: 0 }
    }

    /// The next symbol; `None` where no code is like that.
    pub fn symbol(&mut self, table: &Table) -> Option<u8> {
        self.fill();
        let (length, symbol) = table.short[(self.next >> 56) as usize];
        if length > 0 {
            self.skip(length.into());
            return Some(symbol);
        }
        let code = (self.next >> 48) as u32;
        let length = (9..=16).find(|length| code < table.ends[*length])?;
        self.skip(length as u32);
        let place = (code >> (16 - length)) as i32 + table.places[length];
        table.symbols.get(usize::try_from(place).ok()?).copied()
    }

    /// Up to 16 bits, as a number.
    pub fn take(&mut self, count: u32) -> u32 {
        if count == 0 {
            return 0;
        }
        self.fill();
        let bits = (self.next >> (64 - count)) as u32;
        self.skip(count);
        bits
    }

    /// Whether bits behind the end were taken.
    pub fn is_short(&self) -> bool {
        self.count < self.missing
    }

    /// Whether a byte or more is left that is not blank: some writers fill up what is behind the last code.
    pub fn has_more(&mut self) -> bool {
        self.take(self.count % 8);
        loop {
            self.fill();
            if self.count < self.missing + 8 {
                return false;
            }
            if self.take(8) != 0 {
                return true;
            }
        }
    }

    fn skip(&mut self, count: u32) {
        self.next <<= count;
        self.count -= count;
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = self.byte();
            self.next |= u64::from(byte.unwrap_or(0)) << (56 - self.count);
            self.count += 8;
            self.missing = if byte.is_some() { self.missing } else { self.missing.saturating_add(8) };
        }
    }

    /// A byte of all ones is followed by a zero; otherwise it fills up what is before a marker.
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.at)?;
        if byte != 0xff {
            self.at += 1;
        } else if self.data.get(self.at + 1) == Some(&0) {
            self.at += 2;
        } else {
            return None;
        }
        Some(byte)
    }
}
