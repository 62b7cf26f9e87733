//! A cursor over the bytes of a message: big-endian, never beyond the end.

/// What is wrong with the bytes of a message, as a fragment: "it ends within a name".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(super) String);

#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    whole: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(whole: &'a [u8]) -> Self {
        Self { whole, position: 0 }
    }

    /// Another cursor over the same bytes.
    pub(super) fn at(&self, position: usize) -> Self {
        Self { whole: self.whole, position }
    }

    /// The same bytes up to here, `length` bytes from now: for data of announced length.
    pub(super) fn limited(&self, length: usize) -> Self {
        let end = self.position.saturating_add(length).min(self.whole.len());
        Self { whole: self.whole.get(..end).unwrap_or_default(), position: self.position }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn is_empty(&self) -> bool {
        self.position >= self.whole.len()
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.whole.len().saturating_sub(self.position)
    }

    /// The next `count` bytes; `what` names them.
    pub(super) fn bytes(&mut self, count: usize, what: &str) -> Result<&'a [u8], Malformed> {
        let end = self.position.checked_add(count);
        let bytes = end.and_then(|end| self.whole.get(self.position..end));
        let bytes = bytes.ok_or_else(|| Malformed(format!("it ends within {what}")))?;
        self.position += count;
        Ok(bytes)
    }

    /// What is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.whole.get(self.position..).unwrap_or_default();
        self.position = self.whole.len();
        rest
    }

    /// A byte that counts, and as many bytes as it says.
    pub(super) fn counted(&mut self, what: &str) -> Result<&'a [u8], Malformed> {
        let length = self.u8(what)?;
        self.bytes(length.into(), what)
    }

    pub(super) fn u8(&mut self, what: &str) -> Result<u8, Malformed> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(super) fn u16(&mut self, what: &str) -> Result<u16, Malformed> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Malformed> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Malformed> {
        let bytes = self.bytes(N, what)?;
        bytes.first_chunk().copied().ok_or_else(|| Malformed(format!("it ends within {what}")))
    }
}
