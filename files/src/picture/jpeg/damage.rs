//! Whether a JPEG's scans hold all that they should.
//!
//! Decoders fill up what a damaged file has lost, without a word: behind a lost piece of data everything up to the next restart
//! marker is wrong, and with a lost restart marker all that follows is in a wrong place. So the codes are followed here, without
//! making anything of them.

use super::{
    Frame,
    huffman::{Bits, Table},
    walk::{RESTARTS, Segment, TABLES, Walk},
};

/// What is damaged, for a warning. A file that the decoder refuses anyway may go unnoticed.
pub fn damage(bytes: &[u8]) -> Option<String> {
    let mut state = State::default();
    let mut walk = Walk::default();
    let mut scans = 0;
    while let Some(segment) = walk.next(bytes) {
        let body = bytes.get(segment.body.clone())?;
        match segment.marker {
            _ if segment.is_frame() => {
                // Arithmetic coding and the lossless kind are not decoded.
                if !matches!(segment.marker, 0xc0..=0xc2) {
                    return None;
                }
                state.frame = Frame::read(segment.marker, body)?;
                state.reached = vec![[UNREACHED; 64]; state.frame.components.len()];
                state.history = state.frame.components.iter().map(|_| vec![]).collect();
            }
            TABLES => state.read_tables(body)?,
            RESTARTS => state.interval = usize::from(u16::from_be_bytes(*body.first_chunk()?)),
            _ if segment.is_scan() => {
                scans += 1;
                if let Err(what) = state.follow(bytes, &segment)? {
                    return Some(format!(
                        "its data is damaged: {what} of scan {scans}; what is lost is made up"
                    ));
                }
            }
            _ => {}
        }
    }
    let is_reached = |reached: &[i8; 64]| reached.iter().all(|precision| *precision == 0);
    // A scan of all coefficients reaches them all.
    (scans > 0 && !state.reached.iter().all(is_reached))
        .then(|| "it has lost scans: the picture is coarser than it was".to_owned())
}

/// No scan has had this coefficient.
const UNREACHED: i8 = -1;

/// The tables and the progress between two scans.
#[derive(Default)]
struct State {
    frame: Frame,
    /// Units between two restart markers; 0 is all.
    interval: usize,
    /// Of first coefficients, and of the others.
    tables: [[Option<Table>; 4]; 2],
    /// By component and coefficient: how many bits are still to come.
    reached: Vec<[i8; 64]>,
    /// By component and block: which coefficients are not 0, where that decides how many bits follow.
    history: Vec<Vec<u64>>,
}

/// A scan's part of a component.
struct Part {
    component: usize,
    /// Blocks of it that a unit has.
    blocks: usize,
    /// Its tables' numbers.
    first: usize,
    others: usize,
}

/// Which coefficients a scan has, and which of their bits.
struct Band {
    is_progressive: bool,
    start: usize,
    end: usize,
    /// Whether a scan before had them.
    refines: bool,
}

impl State {
    fn read_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((number, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols)?;
            *self.tables.get_mut(usize::from(number >> 4))?.get_mut(usize::from(number & 15))? =
                Some(Table::new(counts, symbols)?);
            body = rest;
        }
        Some(())
    }

    /// Follows a scan's codes: what is wrong with them, or `None` where that cannot be told.
    fn follow(&mut self, bytes: &[u8], scan: &Segment) -> Option<Result<(), String>> {
        let (parts, band, precision) = self.scan(bytes.get(scan.body.clone())?)?;
        let (across, down) = self.units(&parts);
        let all = across.checked_mul(down)?;
        for part in &parts {
            self.reached[part.component][band.start..=band.end].fill(precision);
        }
        if let ([part], true) = (parts.as_slice(), band.start > 0) {
            self.history[part.component].resize(all, 0);
        }
        let interval = if self.interval == 0 { all } else { self.interval };
        let of = all.div_ceil(interval.max(1));
        let mut data = bytes.get(scan.data.clone())?;
        let mut done = 0;
        for number in 0.. {
            let end = restart(data).unwrap_or(data.len());
            let count = interval.min(all - done);
            let which = || {
                if of > 1 {
                    format!("restart interval {} of {of}", number + 1)
                } else {
                    "the data".to_owned()
                }
            };
            let mut bits = Bits::new(&data[..end]);
            if self.follow_units(&mut bits, &parts, &band, done..done + count)?.is_none() {
                return Some(Err(format!("{} ends early", which())));
            }
            done += count;
            if bits.has_more() {
                return Some(Err(format!("{} is longer than it should be", which())));
            }
            let Some([_, marker]) = data.get(end..end + 2) else {
                return Some(if done == all {
                    Ok(())
                } else {
                    Err(format!("what follows {} is missing", which()))
                });
            };
            data = &data[end + 2..];
            if usize::from(marker & 7) != number % 8 {
                return Some(Err(format!("the restart marker that should follow {} is missing", which())));
            }
            // Some writers end the last one with a marker, too.
            if done == all && data.is_empty() {
                return Some(Ok(()));
            }
        }
        None
    }

    /// Reads a scan's header. The last number is how many bits of its coefficients are still to come.
    fn scan(&self, body: &[u8]) -> Option<(Vec<Part>, Band, i8)> {
        let count = usize::from(*body.first()?);
        let named = body.get(1..1 + count * 2)?.as_chunks::<2>().0;
        let parts: Vec<_> = named
            .iter()
            .map(|[id, tables]| {
                let component = self.frame.components.iter().position(|component| component.id == *id)?;
                let sampling = &self.frame.components[component];
                Some(Part {
                    component,
                    // A scan of one component has no more units than blocks.
                    blocks: if count == 1 { 1 } else { sampling.across * sampling.down },
                    first: usize::from(tables >> 4),
                    others: usize::from(tables & 15),
                })
            })
            .collect::<Option<_>>()?;
        let [start, end, bits] = *body.get(1 + count * 2..)?.first_chunk()?;
        let is_progressive = self.frame.is_progressive();
        let band = Band {
            is_progressive,
            start: if is_progressive { start.into() } else { 0 },
            end: if is_progressive { end.into() } else { 63 },
            refines: is_progressive && bits >> 4 > 0,
        };
        let is_sound = band.start <= band.end && band.end < 64 && (band.start == 0 || count == 1);
        let precision = if is_progressive { bits & 15 } else { 0 };
        (is_sound && count > 0).then_some((parts, band, precision as i8))
    }

    fn units(&self, parts: &[Part]) -> (usize, usize) {
        let [part] = parts else { return self.frame.units() };
        let (across, down) = self.frame.sampling();
        let component = &self.frame.components[part.component];
        (
            (self.frame.width * component.across).div_ceil(8 * across),
            (self.frame.height * component.down).div_ceil(8 * down),
        )
    }

    /// `None` of `None` where a table is missing; the inner one where data is.
    fn follow_units(
        &mut self,
        bits: &mut Bits<'_>,
        parts: &[Part],
        band: &Band,
        units: std::ops::Range<usize>,
    ) -> Option<Option<()>> {
        // Blocks that follow without any bits of their own.
        let mut run = 0;
        for unit in units {
            for part in parts {
                for _ in 0..part.blocks {
                    let table = |kind: usize, number: usize| self.tables[kind].get(number)?.as_ref();
                    let followed = if band.is_progressive && band.start > 0 {
                        let table = table(1, part.others)?;
                        let history = &mut self.history[part.component][unit];
                        if band.refines {
                            refine(bits, table, band, &mut run, history)
                        } else {
                            begin(bits, table, band, &mut run, history)
                        }
                    } else if band.refines {
                        bits.take(1);
                        Some(())
                    } else if band.is_progressive {
                        first(bits, table(0, part.first)?)
                    } else {
                        first(bits, table(0, part.first)?).and(others(bits, table(1, part.others)?))
                    };
                    if followed.is_none() || bits.is_short() {
                        return Some(None);
                    }
                }
            }
        }
        Some(Some(()))
    }
}

/// Where the first restart marker is.
fn restart(data: &[u8]) -> Option<usize> {
    data.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xd0..=0xd7))
}

/// A block's first coefficient.
fn first(bits: &mut Bits<'_>, table: &Table) -> Option<()> {
    let size = bits.symbol(table)?;
    (size <= 16).then(|| bits.take(size.into()))?;
    Some(())
}

/// All the others, in one scan.
fn others(bits: &mut Bits<'_>, table: &Table) -> Option<()> {
    let mut at = 1;
    while at < 64 {
        let symbol = bits.symbol(table)?;
        let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        bits.take(size);
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ => at += zeros + 1,
        }
    }
    Some(())
}

/// The first bits of a band of a block.
fn begin(bits: &mut Bits<'_>, table: &Table, band: &Band, run: &mut u32, history: &mut u64) -> Option<()> {
    if *run > 0 {
        *run -= 1;
        return Some(());
    }
    let mut at = band.start;
    while at <= band.end {
        let symbol = bits.symbol(table)?;
        let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => {
                *run = (1 << zeros) - 1 + bits.take(zeros.into());
                break;
            }
            _ => {
                at += usize::from(zeros);
                bits.take(size);
                *history |= 1u64.checked_shl(at as u32).unwrap_or(0);
                at += 1;
            }
        }
    }
    Some(())
}

/// One more bit of a band of a block: of each coefficient that was not 0, and those that become it.
fn refine(bits: &mut Bits<'_>, table: &Table, band: &Band, run: &mut u32, history: &mut u64) -> Option<()> {
    let mut at = band.start;
    let known = *history;
    let is_known = |at: usize| known >> at & 1 == 1;
    while *run == 0 && at <= band.end {
        let symbol = bits.symbol(table)?;
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        if size == 0 && zeros < 15 {
            *run = (1 << zeros) + bits.take(zeros.into());
            break;
        }
        if size > 0 {
            bits.take(1);
        }
        while at <= band.end && (is_known(at) || zeros > 0) {
            if is_known(at) {
                bits.take(1);
            } else {
                zeros -= 1;
            }
            at += 1;
        }
        if size > 0 && at <= band.end {
            *history |= 1 << at;
        }
        at += 1;
    }
    if *run > 0 {
        for at in at..=band.end {
            bits.take(u32::from(is_known(at)));
        }
        *run -= 1;
    }
    Some(())
}
