//! What is made when it is first asked for, and kept.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use super::lock::lock;
use crate::error::Result;

/// By key. While one value is made, others are there to take and to make. What cannot be made is not kept.
#[derive(Debug)]
pub(super) struct Once<K, V>(Mutex<HashMap<K, Place<V>>>);

type Place<V> = Arc<Mutex<Option<V>>>;

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Once<K, V> {
    pub(super) fn get(&self, key: K, make: impl FnOnce() -> Result<V>) -> Result<V> {
        let place = Arc::clone(lock(&self.0).entry(key).or_default());
        let mut place = lock(&place);
        if let Some(value) = &*place {
            return Ok(value.clone());
        }
        Ok(place.insert(make()?).clone())
    }
}
