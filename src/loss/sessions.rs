//! Sessions for pictures of different sizes.

use super::{Model, Session};
use crate::error::Result;

/// Sessions of a model by the size of their pictures, for runs over pictures of different sizes: a size that comes again
/// finds its session there. Together they take no more than the model allows each
/// ([`Model::with_memory`]); those that were not asked for the longest make room for others.
#[derive(Debug)]
pub struct Sessions {
    model: Model,
    /// The least recently used first.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    size: [u32; 2],
    /// Bytes of features and scratch.
    bytes: u64,
    session: Session,
}

impl Sessions {
    /// How many are kept at most, however little they take.
    pub const MOST: usize = 32;

    /// No sessions yet.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self { model: model.clone(), kept: vec![] }
    }

    /// The session for pictures of `width` by `height` pixels, one pair at a time, made where there is none.
    ///
    /// # Errors
    /// As [`Model::session`].
    pub fn get(&mut self, width: u32, height: u32) -> Result<&mut Session> {
        let size = [width, height];
        let kept = match self.kept.iter().position(|kept| kept.size == size) {
            Some(place) => self.kept.remove(place),
            None => {
                let bytes = self.model.memory(width, height, 1)?.counted();
                self.make_room(bytes);
                Kept { size, bytes, session: self.model.session(width, height)? }
            }
        };
        let place = self.kept.len();
        self.kept.push(kept);
        Ok(&mut self.kept[place].session)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Lets sessions go until one of so many bytes fits beside the others.
    fn make_room(&mut self, bytes: u64) {
        let mut left = self.model.allowed().saturating_sub(bytes);
        let mut fitting = 0;
        for kept in self.kept.iter().rev().take(Self::MOST - 1) {
            let Some(rest) = left.checked_sub(kept.bytes) else { break };
            (left, fitting) = (rest, fitting + 1);
        }
        self.kept.drain(..self.kept.len() - fitting);
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::{Config, Context, Error, Image, Weights};

    fn sizes(sessions: &Sessions) -> Vec<[u32; 2]> {
        sessions.kept.iter().map(|kept| kept.size).collect()
    }

    #[test]
    fn sizes_that_come_again_find_their_session() {
        let model = Model::new(&Context::cpu(), &Config::default(), &Weights::seeded(0)).unwrap();
        let bytes = |side| model.memory(side, side, 1).unwrap().counted();
        // Room for a 32 beside a 48, and not for a 16 as well.
        let model = model.with_memory(bytes(48) + bytes(32));
        let mut sessions = Sessions::new(&model);
        let pixels = vec![100; 48 * 48 * 3];
        for (side, kept) in [
            (48, vec![[48; 2]]),
            (32, vec![[48; 2], [32; 2]]),
            (48, vec![[32; 2], [48; 2]]),
            (16, vec![[48; 2], [16; 2]]),
            (32, vec![[16; 2], [32; 2]]),
            (48, vec![[32; 2], [48; 2]]),
        ] {
            let picture = Image::rgb8(&pixels[..(side * side * 3) as usize], side, side);
            let session = sessions.get(side, side).unwrap();
            assert_eq!(session.compare_blocking(picture, picture).unwrap().total, 0.0);
            assert_eq!(sizes(&sessions), kept, "after {side}");
        }
        assert!(matches!(sessions.get(0, 48), Err(Error::Image(_))));
        assert_eq!(sessions.count(), 2, "what cannot be made takes no place");
    }

    #[test]
    fn many_small_ones_are_bounded_too() {
        let model = Model::new(&Context::cpu(), &Config::default(), &Weights::seeded(0)).unwrap();
        let mut sessions = Sessions::new(&model);
        for width in 8..60 {
            sessions.get(width, 8).unwrap();
            assert!(sessions.count() <= Sessions::MOST);
        }
        assert_eq!((sessions.count(), sizes(&sessions)[0]), (Sessions::MOST, [28, 8]));
    }
}
