//! Keys and values of the tokens a conversation has so far, in half precision.

use super::ModelError;

/// The cache of one conversation.
#[derive(Debug)]
pub(crate) struct KvCache {
    layers: Vec<LayerCache>,
    width: usize,
    capacity: usize,
    tokens: Vec<u32>,
}

/// One layer's part: `[position][kv head][dimension]`.
#[derive(Debug)]
pub(super) struct LayerCache {
    pub(super) keys: Vec<u16>,
    pub(super) values: Vec<u16>,
}

impl KvCache {
    /// Zeroed memory is only taken from the system once positions are written.
    pub(super) fn new(layers: usize, width: usize, capacity: usize) -> Self {
        let layer = || LayerCache { keys: vec![0; width * capacity], values: vec![0; width * capacity] };
        Self { layers: (0..layers).map(|_| layer()).collect(), width, capacity, tokens: Vec::with_capacity(capacity) }
    }

    /// The tokens whose keys and values are held, in order.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// How many positions there can be.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many layers there are.
    pub(crate) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Values of one position in one layer.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Forgets every position from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
    }

    /// Keys and values of the first `length` positions of `layer`.
    pub(crate) fn part(&self, layer: usize, length: usize) -> (&[u16], &[u16]) {
        let end = self.width * length.min(self.capacity);
        (&self.layers[layer].keys[..end], &self.layers[layer].values[..end])
    }

    /// The same for writing. The positions count only once [`adopt`](Self::adopt) is called.
    pub(crate) fn part_mut(&mut self, layer: usize, length: usize) -> (&mut [u16], &mut [u16]) {
        let end = self.width * length.min(self.capacity);
        let layer = &mut self.layers[layer];
        (&mut layer.keys[..end], &mut layer.values[..end])
    }

    /// Declares that the first positions now hold `tokens`.
    pub(crate) fn adopt(&mut self, tokens: &[u32]) {
        self.tokens.clear();
        self.tokens.extend_from_slice(&tokens[..tokens.len().min(self.capacity)]);
    }

    pub(super) fn layer_mut(&mut self, layer: usize) -> &mut LayerCache {
        &mut self.layers[layer]
    }

    pub(super) fn extend(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
    }

    pub(super) fn check_room(&self, more: usize) -> Result<(), ModelError> {
        if self.tokens.len() + more > self.capacity {
            return Err(ModelError::Position { position: self.capacity, context: self.capacity });
        }
        Ok(())
    }
}
