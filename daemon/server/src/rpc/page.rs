//! Paging: sizes, and tokens that are opaque to clients, tied to their list and filter, and checked.

use tonic::Status;

use super::refusal;

/// One page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// At least 1.
    pub(crate) size: usize,
    /// Where the list goes on; absent at its begin.
    pub(crate) cursor: Option<u64>,
}

/// A list that is paged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing<'a> {
    /// A token of another list is refused.
    pub(crate) name: &'a str,
    /// A token of another filter is refused.
    pub(crate) filter: &'a str,
    /// For a page size of 0.
    pub(crate) default_size: usize,
}

impl Listing<'_> {
    /// Reads what a request asks for.
    pub(crate) fn page(&self, size: i32, token: &str) -> Result<Page, Status> {
        let size = match usize::try_from(size) {
            Ok(0) => self.default_size,
            Ok(size) if size <= LARGEST => size,
            _ => {
                let problem =
                    format!("page_size {size} is out of range; give 1 to {LARGEST}, or 0 for {}", self.default_size);
                return Err(refusal::invalid("page_size", problem));
            }
        };
        let cursor = if token.is_empty() { None } else { Some(self.cursor(token)?) };
        Ok(Page { size, cursor })
    }

    /// Names the place where the next page begins.
    pub(crate) fn token(&self, cursor: u64) -> String {
        format!("{cursor:016x}{:016x}", self.seal(cursor))
    }

    fn cursor(&self, token: &str) -> Result<u64, Status> {
        let read = || {
            let (cursor, seal) = token.split_at_checked(16)?;
            let number = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
            let cursor = number(cursor)?;
            (number(seal)? == self.seal(cursor)).then_some(cursor)
        };
        read().ok_or_else(|| {
            let shown: String = token.chars().take(64).collect();
            let problem =
                format!("page_token {shown:?} is none of this list; give next_page_token of its last page, or nothing");
            refusal::invalid("page_token", problem)
        })
    }

    /// FNV-1a over what the token belongs to: no secret, a guard against mistakes.
    fn seal(&self, cursor: u64) -> u64 {
        let bytes = self.name.bytes().chain([0]).chain(self.filter.bytes()).chain([0]).chain(cursor.to_be_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// One page of a list that does not change: the items, and the next page's token, empty on the last.
pub(crate) fn slice<T: Clone>(listing: Listing<'_>, page: Page, items: &[T]) -> (Vec<T>, String) {
    let start = page.cursor.and_then(|cursor| usize::try_from(cursor).ok()).unwrap_or(0).min(items.len());
    let end = start.saturating_add(page.size).min(items.len());
    let token = if end < items.len() { listing.token(end as u64) } else { String::new() };
    (items[start..end].to_vec(), token)
}

/// Of every list.
const LARGEST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKS: Listing<'static> = Listing { name: "checks", filter: "", default_size: 2 };

    #[test]
    fn a_list_is_walked_to_its_end() {
        let items = [1, 2, 3, 4, 5];
        let mut seen = Vec::new();
        let mut token = String::new();

        for _ in 0..3 {
            let page = CHECKS.page(0, &token).expect("our own token");
            let (some, next) = slice(CHECKS, page, &items);
            seen.extend(some);
            token = next;
        }

        assert_eq!(seen, items);
        assert_eq!(token, "");
    }

    #[test]
    fn a_token_of_another_list_or_filter_is_refused() {
        let token = CHECKS.token(2);

        for other in [Listing { name: "causes", ..CHECKS }, Listing { filter: "dns", ..CHECKS }] {
            let status = other.page(1, &token).expect_err("it is not its own");
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().contains(&token), "{}", status.message());
        }
    }

    #[test]
    fn nonsense_is_refused_and_quoted() {
        for token in [
            "x",
            "0000000000000002",
            "ä000000000000002ä000000000000002",
            &CHECKS.token(2).replace('2', "3"),
            "+000000000000002",
        ] {
            let status = CHECKS.page(1, token).expect_err("it is none of ours");
            assert!(status.message().starts_with(&format!("page_token {token:?}")), "{}", status.message());
        }
    }

    #[test]
    fn a_page_size_out_of_range_is_refused_and_quoted() {
        for size in [-1, 1_001, i32::MIN] {
            let status = CHECKS.page(size, "").expect_err("it is out of range");
            assert!(status.message().starts_with(&format!("page_size {size} is out of range")), "{}", status.message());
        }
    }
}
